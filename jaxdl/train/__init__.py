"""One model: the recipe, the state it carries, the pure functions that train it."""

from jaxdl.train.check import (
    Outline,
    check_epochs,
    check_patience,
    inspect,
    trace,
    tracing_errors_explained,
)
from jaxdl.train.epoch import make_epoch
from jaxdl.train.fit import fit, train_epochs
from jaxdl.train.hyperparameters import (
    TRACED,
    Bound,
    RecipeError,
    Structure,
    canonical,
    combine,
    flatten,
    partition,
)
from jaxdl.train.identity import data_digest
from jaxdl.train.member import Member, on_device
from jaxdl.train.metrics import (
    accuracy,
    confusion_matrix,
    f1,
    multilabel_confusion,
    precision,
    recall,
    top_k_error,
)
from jaxdl.train.part import Part, whole
from jaxdl.train.progress import DIVERGED, FATES, RUNNING, Progress, begin, kept
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import (
    EXPLORE,
    FOLD,
    HPARAMS,
    REPEAT,
    ROUND,
    TrainState,
    check_key,
    epoch_order,
    init,
    member_key,
    step_key,
)
from jaxdl.train.step import make_cost, make_eval, make_predict, make_step

__all__ = [
    "Bound",
    "DIVERGED",
    "EXPLORE",
    "FATES",
    "FOLD",
    "HPARAMS",
    "REPEAT",
    "ROUND",
    "RUNNING",
    "TRACED",
    "Member",
    "Outline",
    "Part",
    "Progress",
    "Recipe",
    "RecipeError",
    "RecipeFunction",
    "Structure",
    "TrainState",
    "accuracy",
    "begin",
    "build",
    "canonical",
    "check_epochs",
    "check_key",
    "check_patience",
    "combine",
    "confusion_matrix",
    "data_digest",
    "epoch_order",
    "f1",
    "fit",
    "flatten",
    "init",
    "inspect",
    "kept",
    "make_cost",
    "make_epoch",
    "make_eval",
    "make_predict",
    "make_step",
    "member_key",
    "multilabel_confusion",
    "on_device",
    "partition",
    "precision",
    "recall",
    "step_key",
    "top_k_error",
    "trace",
    "tracing_errors_explained",
    "train_epochs",
    "whole",
]
