"""What is wrong with a model: bias or variance, and the gradient check."""

from jaxdl.diagnose.bias_variance import Diagnosis, bias_variance
from jaxdl.diagnose.gradients import GradientCheck, check_gradients

__all__ = ["Diagnosis", "GradientCheck", "bias_variance", "check_gradients"]
