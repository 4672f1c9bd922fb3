"""The summary of a sweep: one for the command, the page and JSON."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import diagnose, nn
from jaxdl.data import Dataset, Splits
from jaxdl.data.trees import is_tree, num_examples
from jaxdl.diagnose import (
    Baseline,
    Diagnosis,
    Importance,
    Interval,
    bias_variance,
    effective_examples,
    error_interval,
    r_squared,
)
from jaxdl.diagnose.baseline import is_target
from jaxdl.plain import scalar
from jaxdl.sweeps import fronts
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.epoch_state import ended
from jaxdl.train.member import Member
from jaxdl.train.recipe import error_of
from jaxdl.train.score import curve_of
from jaxdl.train.structure import by_name

MOST_LEARNED = 50_000  # configurations whose importance is that of all
LEARNED = 10_000  # configurations of which it is if there are more
# Seconds that the importance takes at most, about: with its imports, and further ones
# for each hyperparameter of each configuration.
IMPORTANCE, ONE_NUMBER = 3.0, 2e-4
SHOWN = 10  # members or configurations in the table


class Errors(NamedTuple):
    """How well a model does."""

    train_error: float  # on the train set; without data, the mean over an epoch's steps
    dev_error: float
    test_error: float | None  # None: without data
    test_examples: int
    diagnosis: Diagnosis | None  # None: the errors are no rates
    human_error: float = 0.0  # that the bias is counted from
    dev_interval: Interval | None = None  # None: without data, or no rates
    test_interval: Interval | None = None  # the same
    dev_examples: int = 0
    baseline: Baseline | None = None  # None: without data, or labels of another kind
    r2: float | None = None  # on the dev set; None: without data, or with classes
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
    objectives: str = ""  # of a recipe with several, in words
    pareto: list[int] | None = None  # numbers that no other dominates in these
    decision: str = ""  # the search that `auto` took, and why; empty: it was named


def summarize(
    result: SweepResult,
    data: Splits | None,
    human_error: float = 0.0,
    *,
    importance: bool = True,
) -> Summary:
    """Returns the summary of a sweep.

    Args:
        result: its result.
        data: of the sweep, for the errors of the best; None: those of the training.
        human_error: the human-level error, as `diagnose.bias_variance` takes it.
        importance: whether to compute that of the hyperparameters, which takes seconds.

    Raises:
        ValueError: as `diagnose.bias_variance`.
    """
    some, metric = result.has_best(), curve_of(result.task.rank_by)
    best = int(result.ranking()[0]) if some else None
    first = None if data is None else result.first_data(data)
    return Summary(
        kind="member" if result.num_variants == 1 else "configuration",
        count=len(result.diverged()),
        members=len(result.status),
        ended=ended(result.status),
        best=best,
        table=_table(result, data),
        everywhere=_everywhere(result),
        noise=_noise(result) if some and result.num_variants > 1 else None,
        importance=_importance(result) if some and importance else None,
        errors=errors_of(result.best(), first, human_error) if some else None,
        metric=metric,
        value=None if best is None else float(result.mean()[metric][best]),
        objectives=fronts.in_words(result) if fronts.has_several(result) else "",
        pareto=fronts.pareto_if_several(result),
        decision=result.task.decision,
    )


def errors_of(member: Member, data: Splits | None, human_error: float = 0.0) -> Errors:
    """Returns how well a model does on all three sets.

    Args:
        member: a trained model.
        data: that it was trained with. None: its train error is that of its training,
            with dropout and moving weights, and its test error is unknown.
        human_error: as for `summarize`.

    Raises:
        ValueError: as `diagnose.bias_variance`.
    """
    kept = {n: float(x[member.kept_epoch]) for n, x in member.metrics.items()}
    dev, train = kept["dev_error"], kept["train_error"]
    test, examples = None, 0
    on_train, on_test = {}, {}
    if data is not None:
        on_train, on_test = (member.evaluate(d) for d in (data.train, data.test))
        train, test = on_train["error"], on_test["error"]
        examples = num_examples(data.test.inputs)
    own = {
        name: (on_train.get(name), kept[f"dev_{name}"], on_test.get(name))
        for name in member.built.metrics
    }
    known = [error for error in (train, dev, test) if error is not None]
    rates = nn.has_classes(member.loss) and all(0 <= e <= 1 for e in known)
    diagnosis = bias_variance(train, dev, human_error=human_error) if rates else None
    errors = Errors(train, dev, test, examples, diagnosis, human_error, metrics=own)
    if data is None:
        return errors
    dev_interval, test_interval = (
        error_interval(error, effective_examples(part)) if rates else None
        for error, part in ((dev, data.dev), (on_test["error"], data.test))
    )
    return errors._replace(
        dev_interval=dev_interval,
        test_interval=test_interval,
        dev_examples=num_examples(data.dev.inputs),
        baseline=_baseline(member, data),
        r2=_r2(member, data.dev),
    )


def importance_of(result: SweepResult) -> Importance:
    """Returns the importance for scores after the same number of epochs.

    Of more than 50,000 configurations it is that of 10,000 at random, always the same.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: a search trained members for different numbers of epochs, on which
            the score then depends, or as `diagnose.importance`.
    """
    epochs = result.task.epochs
    if not all((rung.until == epochs).all() for rung in result.rungs):
        raise ValueError("the search trained members for different numbers of epochs")
    hparams, scores = result.configurations(), result.scores()
    if (m := _learned(result)) < len(scores):
        some = np.random.default_rng(0).permutation(len(scores))[:m]
        hparams = jax.tree.map(lambda column: column[some], hparams)
        scores = scores[some]
    return diagnose.importance(hparams, scores)


def seconds_of_importance(result: SweepResult) -> float:
    """Returns about how many seconds the importance takes at most."""
    hparams = len(by_name(result.hparams))
    return IMPORTANCE + ONE_NUMBER * hparams * _learned(result)


def _learned(result: SweepResult) -> int:
    """Returns how many configurations the importance is learned from."""
    configurations = len(result.scores())
    return LEARNED if configurations > MOST_LEARNED else configurations


def _baseline(member: Member, data: Splits) -> Baseline | None:
    outputs = member.predict(data.dev[:1].inputs)
    if is_tree(data.dev.labels) or not hasattr(outputs, "shape"):  # trees of them
        return None
    built = member.built
    return diagnose.baseline(
        data.train,
        data.dev,
        loss=built.loss,
        error=error_of(built),
        outputs=outputs.shape[1:],
    )


def _r2(member: Member, dev: Dataset) -> float | None:
    """Returns R² on the dev set; None where labels are not one array of targets."""
    if nn.has_classes(member.loss) or is_tree(dev.labels):
        return None
    outputs, labels = member.predict(dev.inputs), np.asarray(dev.labels)
    if not hasattr(outputs, "shape"):  # a tree of outputs
        return None
    target = is_target(labels.shape[1:], outputs.shape[1:])
    return r_squared(outputs, labels, dev.weights) if target else None


def _table(result: SweepResult, data: Splits | None) -> list[dict[str, Any]]:
    """Returns the rows of the best; of a regression with R² on the dev set."""
    columns, rows = result.rows(SHOWN)
    table = [_named(columns, row, [*by_name(result.hparams)]) for row in rows]
    if data is None or result.num_variants > 1 or not result.has_best():
        return table
    if _r2(result.best(), data.dev) is None:
        return table
    return [_with_r2(result, data.dev, row) for row in table]


def _with_r2(result: SweepResult, dev: Dataset, row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row with R² before the status; NaN where error or weights lack."""
    known = np.isfinite(row["dev_error"]) and result.keeps(row["member"])
    r2 = _r2(result.member(row["member"]), dev) if known else float("nan")
    own = {name: row[name] for name in row if name not in ("status", "hparams")}
    return own | {"dev_r2": r2, "status": row["status"], "hparams": row["hparams"]}


def _named(columns: list[str], row: list[Any], hparams: list[str]) -> dict[str, Any]:
    """Returns a row by name; its last columns are the hyperparameters."""
    own = len(row) - len(hparams)
    named = dict(zip(columns[:own], row[:own], strict=True))
    return named | {"hparams": dict(zip(hparams, row[own:], strict=True))}


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
