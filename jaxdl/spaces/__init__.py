"""What can be chosen: distributions, options, draws from them, grids, refinement."""

from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import Distribution, SpaceError, namespace
from jaxdl.spaces.distributions import Choice, Static
from jaxdl.spaces.either import Chosen, Either
from jaxdl.spaces.grid import grid
from jaxdl.spaces.ranges import (
    IntLogUniform,
    IntUniform,
    LogUniform,
    OneMinusLogUniform,
    Range,
    Uniform,
)
from jaxdl.spaces.refine import refine
from jaxdl.spaces.sample import sample
from jaxdl.spaces.sample_one import sample_one
from jaxdl.spaces.sizes import AsSize

__all__ = [
    "Among", "AsSize", "Choice", "Chosen", "Distribution", "Either", "IntLogUniform",
    "IntUniform", "LogUniform", "OneMinusLogUniform", "Range", "SpaceError", "Static",
    "Uniform", "grid", "namespace", "refine", "sample", "sample_one",
]  # fmt: skip
