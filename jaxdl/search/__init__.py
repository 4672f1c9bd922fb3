"""Many models: spaces, draws from them, blocks, and the sweep."""

from jaxdl.search.distributions import (
    AsSize,
    Choice,
    IntUniform,
    LogUniform,
    OneMinusLogUniform,
    SpaceError,
    Static,
    Uniform,
)
from jaxdl.search.draws import coarse_to_fine, gridded, random, sobol
from jaxdl.search.either import Chosen, Either
from jaxdl.search.halving import halving, hyperband
from jaxdl.search.pbt import pbt
from jaxdl.search.plan import Plan, make_plan
from jaxdl.search.refine import grid, refine
from jaxdl.search.repeats import variant
from jaxdl.search.replay import replay
from jaxdl.search.result import SweepResult
from jaxdl.search.rungs import Rung, Search, Standing, ranking
from jaxdl.search.space import sample
from jaxdl.search.stored import load_member, read_result
from jaxdl.search.sweep import sweep
from jaxdl.search.watch import Status

__all__ = [
    "AsSize",
    "Choice",
    "Chosen",
    "Either",
    "IntUniform",
    "LogUniform",
    "OneMinusLogUniform",
    "Plan",
    "Rung",
    "Search",
    "SpaceError",
    "Standing",
    "Static",
    "Status",
    "SweepResult",
    "Uniform",
    "coarse_to_fine",
    "grid",
    "gridded",
    "halving",
    "hyperband",
    "load_member",
    "make_plan",
    "pbt",
    "random",
    "ranking",
    "read_result",
    "refine",
    "replay",
    "sample",
    "sobol",
    "sweep",
    "variant",
]
