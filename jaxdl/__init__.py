"""jaxdl: one model's training as a function, hundreds of models at once."""

from jaxdl import data, diagnose, experiment, interop, nn, optim, runs, sweeps, train
from jaxdl import engine as engine  # on lines of their own, which keep the face short
from jaxdl import report as report
from jaxdl import searches as searches
from jaxdl import spaces as spaces
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.engine import Plan

from jaxdl.searches import (  # isort: skip
    auto, freeze_thaw, grid_search, halving, hyperband, multi_pbt, pbt, portfolio,
    refinement, sobol,
)  # fmt: skip
from jaxdl.spaces import (  # isort: skip
    Among, AsSize, Choice, Chosen, Distribution, Either, IntLogUniform, IntUniform,
    LogUniform, OneMinusLogUniform, Static, Uniform, grid, refine, sample, sample_one,
)  # fmt: skip
from jaxdl.sweeps import SweepResult, fit, load_member, replay, sweep
from jaxdl.train import Member, Recipe

__all__ = [
    "Among", "AsSize", "Choice", "Chosen", "Distribution", "Either", "IntLogUniform",
    "IntUniform", "LogUniform", "Member", "OneMinusLogUniform", "Plan", "Recipe",
    "Static", "SweepResult", "Uniform", "auto", "data", "diagnose",
    "enable_compilation_cache", "engine", "experiment", "fit", "freeze_thaw", "grid",
    "grid_search", "halving", "hyperband", "interop", "load_member", "multi_pbt", "nn",
    "optim", "pbt", "portfolio", "refine", "refinement", "replay", "report", "runs",
    "sample", "sample_one", "searches", "sobol", "spaces", "sweep", "sweeps", "train",
]  # fmt: skip
