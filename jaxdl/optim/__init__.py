"""How a model learns: optimizers, learning-rate schedules, weighted averages."""

from jaxdl.optim.averages import bias_corrected, ewma
from jaxdl.optim.optimizers import (
    adam,
    gradient_descent,
    momentum,
    rmsprop,
)
from jaxdl.optim.schedules import (
    constant,
    cosine,
    exponential_decay,
    inverse_sqrt_decay,
    inverse_time_decay,
    piecewise,
    staircase,
    warmup,
)

__all__ = [
    "adam",
    "bias_corrected",
    "constant",
    "cosine",
    "ewma",
    "exponential_decay",
    "gradient_descent",
    "inverse_sqrt_decay",
    "inverse_time_decay",
    "momentum",
    "piecewise",
    "rmsprop",
    "staircase",
    "warmup",
]
