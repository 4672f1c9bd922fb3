"""jaxdl: one model's training as a function, hundreds of models at once."""

from jaxdl import data, diagnose, experiment, interop, nn, optim, runs, search, train
from jaxdl import report as report  # on a line of its own, which keeps the face short
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.search import (
    AsSize,
    Choice,
    Chosen,
    Either,
    IntUniform,
    LogUniform,
    OneMinusLogUniform,
    Plan,
    Static,
    SweepResult,
    Uniform,
    coarse_to_fine,
    grid,
    gridded,
    halving,
    hyperband,
    load_member,
    pbt,
    refine,
    replay,
    sample,
    sobol,
    sweep,
)
from jaxdl.train import Member, Recipe, fit

__all__ = [
    "AsSize", "Choice", "Chosen", "Either", "IntUniform", "LogUniform", "Member",
    "OneMinusLogUniform", "Plan", "Recipe", "Static", "SweepResult", "Uniform",
    "coarse_to_fine", "data", "diagnose", "enable_compilation_cache", "experiment",
    "fit", "grid", "gridded", "halving", "hyperband", "interop", "load_member", "nn",
    "optim", "pbt", "refine", "replay", "report", "runs", "sample", "search", "sobol",
    "sweep", "train",
]  # fmt: skip
