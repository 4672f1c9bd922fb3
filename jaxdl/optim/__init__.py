"""How a model learns: optimizers, learning-rate schedules, weighted averages."""

from jaxdl.optim.averages import bias_corrected, ewma
from jaxdl.optim.optimizers import (
    adam,
    gradient_descent,
    momentum,
    rmsprop,
)
from jaxdl.optim.schedules import constant, exponential_decay, inverse_time_decay

__all__ = [
    "adam",
    "bias_corrected",
    "constant",
    "ewma",
    "exponential_decay",
    "gradient_descent",
    "inverse_time_decay",
    "momentum",
    "rmsprop",
]
