"""The labels of all folds, checked before anything compiles."""

import warnings

import numpy as np

from jaxdl.data import DataWarning, Splits
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.train.check import check_labels


def check_folds(task: Task, outlines: Outlines, whole: Splits) -> None:
    """Checks the labels of all folds, of which an outline sees the first of each size.

    Raises:
        DataError: as `train.check.check_labels`.
    """
    rows = [r for v in task.variants for r in (v.train, v.dev) if r is not None]
    if not rows:
        return
    used = whole.train[np.unique(np.concatenate(rows))]
    for found in outlines.values():
        check_labels(found.loss, used, found.out_shape, "the train and dev sets")
    _warn_of_missing_classes(task)


def _warn_of_missing_classes(task: Task) -> None:
    if not (task.about.classes or task.stratify):
        return
    for fold, variant in enumerate(task.variants[: task.num_folds]):
        counts = variant.facts.class_counts
        missing = [] if counts is None else np.flatnonzero(counts == 0).tolist()
        if missing:
            names = task.about.classes or [str(c) for c in range(len(counts))]
            warnings.warn(
                f"got no train examples of {', '.join(names[c] for c in missing)} in "
                f"fold {fold}; expected every class in every fold: weights by "
                "facts.class_counts would be infinite. Use fewer folds, or a splitter "
                "such as StratifiedKFold",
                DataWarning,
                stacklevel=4,
            )
