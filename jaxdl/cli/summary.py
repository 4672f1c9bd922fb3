"""What there is to say of models that were trained, for people and for programs."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import nn, terminal
from jaxdl.data import Splits
from jaxdl.diagnose import (
    Diagnosis,
    Importance,
    bias_variance,
    expected_rank,
)
from jaxdl.report.ranges import importance_of
from jaxdl.sweeps import SweepResult
from jaxdl.train import Member, flatten

SHOWN = 10  # members or configurations


class Errors(NamedTuple):
    """How well a model does."""

    train_error: float
    dev_error: float
    test_error: float
    test_examples: int
    diagnosis: Diagnosis | None  # None: the errors are no rates


class Noise(NamedTuple):
    """How well a configuration does over its models, and who noise may hide there."""

    dev_error: float
    standard_error: float
    models: int
    not_worse: int  # other configurations
    others: int


class Summary(NamedTuple):
    """What there is to say of a sweep."""

    kind: str  # what is numbered: member, or configuration
    count: int  # of them
    best: int | None  # its number; None: all diverged
    table: list[dict[str, Any]]  # a row of each of the best
    everywhere: dict[str, Any]  # hyperparameters that all have in common
    noise: Noise | None  # None: one model each
    importance: Importance | None  # None: not to be told
    errors: Errors | None  # of the best, or its first model; None: all diverged


def summarize(result: SweepResult, data: Splits) -> Summary:
    """Returns what there is to say of a sweep.

    Args:
        result: its result.
        data: that the first member of each configuration was trained with.
    """
    columns, rows = result.rows(SHOWN)
    names, values, _ = flatten(result.configurations())
    everywhere = {
        name: plain(column[0])
        for name, column in zip(names, values, strict=True)
        if len(column) > 1 and np.all(column == column[0])
    }
    dead = bool(result.diverged().all())
    return Summary(
        "member" if result.variants == 1 else "configuration",
        len(result.diverged()),
        None if dead else int(result.ranking()[0]),
        [dict(zip(columns, row, strict=True)) for row in rows],
        everywhere,
        None if dead or result.variants == 1 else _noise(result),
        None if dead else _importance(result),
        None if dead else errors_of(result.best(), data),
    )


def errors_of(member: Member, data: Splits) -> Errors:
    """Returns how well a model does on all three sets."""
    train, test = (member.evaluate(d)["error"] for d in (data.train, data.test))
    dev = float(member.metrics["dev_error"][member.kept_epoch])
    rates = nn.has_classes(member.loss)
    diagnosis = bias_variance(train, dev) if rates else None
    return Errors(float(train), dev, float(test), len(data.test.inputs), diagnosis)


def print_summary(summary: Summary) -> None:
    """Prints it for a person."""
    columns = [name for name in summary.table[0] if name not in summary.everywhere]
    rows = [[row[name] for name in columns] for row in summary.table]
    print(terminal.table(columns, rows, width=terminal.width()))
    if summary.everywhere:
        same = ", ".join(f"{n} {_short(v)}" for n, v in summary.everywhere.items())
        print(f"\nthe same in all: {same}")
    if summary.best is None:
        print(
            f"\nall {summary.count} {summary.kind}s diverged: lower the learning rates"
        )
    if summary.importance is not None:
        _print_importance(summary.importance)
    name = f"{summary.kind} {summary.best}"
    if summary.noise is not None:
        _print_noise(name, summary.noise)
        name = "its first model"
    if summary.errors is not None:
        print_errors(name, summary.errors)


def print_errors(name: str, errors: Errors) -> None:
    """Prints how well a model does, and what to do about it."""
    rates = errors.diagnosis is not None
    train, dev, test = (f"{e:.2%}" if rates else f"{e:.4g}" for e in errors[:3])
    print(
        f"\n{name}: train error {train}, dev error {dev}, test error {test} on "
        f"{errors.test_examples} examples"
    )
    if errors.diagnosis is None:
        return
    diagnosis = errors.diagnosis
    for high, what, size in (
        (diagnosis.high_bias, "bias", diagnosis.bias),
        (diagnosis.high_variance, "variance", diagnosis.variance),
    ):
        if high:
            print(f"high {what} of {size:.2%}")
    for advice in diagnosis.advice:
        print(f"- {advice}")


def plain(value: Any) -> Any:
    """Returns what JSON can hold: dicts, lists, None for what is not finite."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return plain(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def _noise(result: SweepResult) -> Noise:
    winner = result.ranking()[0]
    return Noise(
        float(result.mean()["dev_error"][winner]),
        float(result.standard_error()["dev_error"][winner]),
        result.variants,
        len(result.not_worse()) - 1,
        len(result.diverged()) - 1,
    )


def _importance(result: SweepResult) -> Importance | None:
    try:
        return importance_of(result)
    except (ImportError, ValueError):  # no scikit-learn, or it cannot be told
        return None


def _print_noise(name: str, noise: Noise) -> None:
    print(
        f"\n{name}: dev error {noise.dev_error:.2%}, standard error "
        f"{noise.standard_error:.2%}, over {noise.models} models; not told apart from "
        f"it: {noise.not_worse} of {noise.others} others"
    )


def _print_importance(found: Importance) -> None:
    rows = [
        (name, f"{share:.0%}", expected_rank(name) or "-")
        for name, share in found.shares.items()
    ]
    print(
        "\nwhat the dev error depended on (expected: 1 is tuned first, 4 rarely), as "
        f"far as its variance is explained, {max(found.explained, 0):.0%}:"
    )
    print(terminal.table(("hyperparameter", "share", "expected"), rows))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
