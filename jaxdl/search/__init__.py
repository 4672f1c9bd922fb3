"""Many models: spaces, draws from them, blocks, and the sweep."""

from jaxdl.search.distributions import (
    Choice,
    IntUniform,
    LogUniform,
    OneMinusLogUniform,
    SpaceError,
    Static,
    Uniform,
)
from jaxdl.search.plan import Plan, make_plan
from jaxdl.search.refine import grid, refine
from jaxdl.search.result import SweepResult
from jaxdl.search.space import sample
from jaxdl.search.sweep import sweep

__all__ = [
    "Choice",
    "IntUniform",
    "LogUniform",
    "OneMinusLogUniform",
    "Plan",
    "SpaceError",
    "Static",
    "SweepResult",
    "Uniform",
    "grid",
    "make_plan",
    "refine",
    "sample",
    "sweep",
]
