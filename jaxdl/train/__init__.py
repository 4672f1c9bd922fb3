"""One model: the recipe, the state it carries, the pure functions that train it."""

from jaxdl.train.check import Outline, check_epochs, inspect, tracing_errors_explained
from jaxdl.train.fit import fit, train_epochs
from jaxdl.train.hyperparameters import (
    TRACED,
    RecipeError,
    Structure,
    canonical,
    combine,
    flatten,
    partition,
)
from jaxdl.train.member import Member, on_device
from jaxdl.train.recipe import Recipe, RecipeFunction
from jaxdl.train.state import (
    HPARAMS,
    TrainState,
    check_key,
    epoch_order,
    init,
    member_key,
)
from jaxdl.train.step import RUNNING, make_epoch, make_eval, make_predict, make_step

__all__ = [
    "HPARAMS",
    "RUNNING",
    "TRACED",
    "Member",
    "Outline",
    "Recipe",
    "RecipeError",
    "RecipeFunction",
    "Structure",
    "TrainState",
    "canonical",
    "check_epochs",
    "check_key",
    "combine",
    "epoch_order",
    "fit",
    "flatten",
    "init",
    "inspect",
    "make_epoch",
    "make_eval",
    "make_predict",
    "make_step",
    "member_key",
    "on_device",
    "partition",
    "tracing_errors_explained",
    "train_epochs",
]
