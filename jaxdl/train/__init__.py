"""One model: its recipe, its training, the trained model, and its metrics."""

from jaxdl.train.epoch import make_epoch
from jaxdl.train.epoch_state import Status, init_epoch_state
from jaxdl.train.facts import Facts, facts_of, with_facts
from jaxdl.train.member import Member
from jaxdl.train.metrics import (
    accuracy,
    confusion_matrix,
    f1,
    multilabel_confusion,
    precision,
    recall,
    top_k_error,
)
from jaxdl.train.recipe import Recipe
from jaxdl.train.set_metrics import auc, macro_f1, r2
from jaxdl.train.state import TrainState, epoch_order, init, member_key
from jaxdl.train.step import make_cost, make_eval, make_step
from jaxdl.train.structure import RecipeError

__all__ = [
    "Facts", "Member", "Recipe", "RecipeError", "Status", "TrainState", "accuracy",
    "auc", "confusion_matrix", "epoch_order", "f1", "facts_of", "init",
    "init_epoch_state", "macro_f1", "make_cost", "make_epoch", "make_eval",
    "make_step", "member_key", "multilabel_confusion", "precision", "r2", "recall",
    "top_k_error", "with_facts",
]  # fmt: skip
