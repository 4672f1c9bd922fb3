"""The summary of a sweep: one for the command, the page and JSON."""

from typing import Any, NamedTuple

import numpy as np

from jaxdl import diagnose, nn
from jaxdl.data import Splits
from jaxdl.diagnose import Diagnosis, Importance, bias_variance
from jaxdl.plain import scalar
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.epoch_state import ended
from jaxdl.train.member import Member
from jaxdl.train.score import curve_of
from jaxdl.train.structure import by_name

SHOWN = 10  # members or configurations in the table


class Errors(NamedTuple):
    """How well a model does."""

    train_error: float  # on the train set; without data, the mean over an epoch's steps
    dev_error: float
    test_error: float | None  # None: without data
    test_examples: int
    diagnosis: Diagnosis | None  # None: the errors are no rates
    # Own metrics of the recipe on the train, dev and test set by name; None: unknown.
    metrics: dict[str, tuple[float | None, float, float | None]] = {}


class Noise(NamedTuple):
    """How well a configuration does over its models, and which others are as good."""

    mean: float  # of the metric that ranks
    standard_error: float
    models: int
    not_worse: int  # other configurations that noise may hide
    others: int


class Summary(NamedTuple):
    """What a sweep found."""

    kind: str  # what the numbers name: member, or configuration
    count: int  # members, or configurations
    members: int
    ended: dict[str, int]  # members by status
    best: int | None  # its number; None: none has a finite score
    table: list[dict[str, Any]]  # a row for each of the best; "hparams" is a dict
    everywhere: dict[str, Any]  # hyperparameters that all have in common
    noise: Noise | None  # None: one model each
    importance: Importance | None  # None: unknown
    errors: Errors | None  # of the best, or its first model; None: no best
    metric: str = "dev_error"  # what ranks members
    value: float | None = None  # of it, of the best; None: no best


def summarize(result: SweepResult, data: Splits | None) -> Summary:
    """Returns the summary of a sweep.

    Args:
        result: its result.
        data: of the sweep, for the errors of the best; None: those of the training.
    """
    columns, rows = result.rows(SHOWN)
    some, metric = result.has_best(), curve_of(result.task.rank_by)
    best = int(result.ranking()[0]) if some else None
    first = None if data is None else result.first_data(data)
    return Summary(
        kind="member" if result.num_variants == 1 else "configuration",
        count=len(result.diverged()),
        members=len(result.status),
        ended=ended(result.status),
        best=best,
        table=[_named(columns, row, len(by_name(result.hparams))) for row in rows],
        everywhere=_everywhere(result),
        noise=_noise(result) if some and result.num_variants > 1 else None,
        importance=_importance(result) if some else None,
        errors=errors_of(result.best(), first) if some else None,
        metric=metric,
        value=None if best is None else float(result.mean()[metric][best]),
    )


def errors_of(member: Member, data: Splits | None) -> Errors:
    """Returns how well a model does on all three sets.

    Args:
        member: a trained model.
        data: that it was trained with. None: its train error is that of its training,
            with dropout and moving weights, and its test error is unknown.
    """
    kept = {n: float(x[member.kept_epoch]) for n, x in member.metrics.items()}
    dev, train = kept["dev_error"], kept["train_error"]
    test, examples = None, 0
    on_train, on_test = {}, {}
    if data is not None:
        on_train, on_test = (member.evaluate(d) for d in (data.train, data.test))
        train, test = on_train["error"], on_test["error"]
        examples = len(data.test.inputs)
    own = {
        name: (on_train.get(name), kept[f"dev_{name}"], on_test.get(name))
        for name in member.built.metrics
    }
    rates = nn.has_classes(member.loss) and all(0 <= e <= 1 for e in (train, dev))
    diagnosis = bias_variance(train, dev) if rates else None
    return Errors(train, dev, test, examples, diagnosis, own)


def importance_of(result: SweepResult) -> Importance:
    """Returns the importance for scores after the same number of epochs.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: a search trained members for different numbers of epochs, on which
            the score then depends, or as `diagnose.importance`.
    """
    epochs = result.task.epochs
    if not all((rung.until == epochs).all() for rung in result.rungs):
        raise ValueError("the search trained members for different numbers of epochs")
    return diagnose.importance(result.configurations(), result.scores())


def _named(columns: list[str], row: list[Any], hparams: int) -> dict[str, Any]:
    """Returns a row by name; its last columns are the hyperparameters."""
    pairs = [*zip(columns, row, strict=True)]
    own = len(pairs) - hparams
    return dict(pairs[:own]) | {"hparams": dict(pairs[own:])}


def _everywhere(result: SweepResult) -> dict[str, Any]:
    return {
        name: scalar(column[0])
        for name, column in by_name(result.configurations()).items()
        if len(column) > 1 and np.all(column == column[0])
    }


def _noise(result: SweepResult) -> Noise:
    winner, metric = result.ranking()[0], curve_of(result.task.rank_by)
    return Noise(
        mean=float(result.mean()[metric][winner]),
        standard_error=float(result.standard_error()[metric][winner]),
        models=result.num_variants,
        not_worse=len(result.not_worse()) - 1,
        others=len(result.diverged()) - 1,
    )


def _importance(result: SweepResult) -> Importance | None:
    try:
        return importance_of(result)
    except (ImportError, ValueError):  # no scikit-learn, or too little to go by
        return None
