"""How a model learns: optimizers, learning-rate schedules, weighted averages."""

from jaxdl.optim.among import among
from jaxdl.optim.averages import bias_corrected, ewma
from jaxdl.optim.optimizers import (
    Schedule,
    adam,
    adamw,
    gradient_descent,
    momentum,
    rmsprop,
)
from jaxdl.optim.schedules import (
    constant,
    cosine,
    exponential_decay,
    hyperbolic_decay,
    inverse_sqrt_decay,
    inverse_time_decay,
    piecewise,
    staircase,
    warmup,
)
from jaxdl.optim.wrappers import accumulate, clip_by_norm, clip_by_value

__all__ = [
    "Schedule",
    "accumulate",
    "adam",
    "adamw",
    "among",
    "bias_corrected",
    "clip_by_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "ewma",
    "exponential_decay",
    "gradient_descent",
    "hyperbolic_decay",
    "inverse_sqrt_decay",
    "inverse_time_decay",
    "momentum",
    "piecewise",
    "rmsprop",
    "staircase",
    "warmup",
]
