"""What can be chosen: distributions, options, draws from them, grids, refinement."""

from jaxdl.spaces.distributions import (
    AsSize,
    Choice,
    IntUniform,
    LogUniform,
    OneMinusLogUniform,
    SpaceError,
    Static,
    Uniform,
)
from jaxdl.spaces.either import Chosen, Either
from jaxdl.spaces.refine import grid, refine
from jaxdl.spaces.sample import sample

__all__ = [
    "AsSize", "Choice", "Chosen", "Either", "IntUniform", "LogUniform",
    "OneMinusLogUniform", "SpaceError", "Static", "Uniform", "grid", "refine", "sample",
]  # fmt: skip
