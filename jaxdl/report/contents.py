"""The content of a page except its figures, as plain values."""

import math
import os
import shlex
from typing import Any

import jax
import numpy as np

from jaxdl.data import Splits
from jaxdl.report.explored import explored
from jaxdl.report.shown import of_how_many, shown
from jaxdl.runs import DamagedError
from jaxdl.shown import cell, count
from jaxdl.spaces.distributions import is_distribution
from jaxdl.sweeps import SweepResult, fronts
from jaxdl.sweeps.ensembles import beside_best
from jaxdl.sweeps.rows import of_members_of
from jaxdl.sweeps.sentences import of_pareto, sentences
from jaxdl.sweeps.summary import Summary
from jaxdl.train.epoch_state import Status
from jaxdl.train.score import words
from jaxdl.train.structure import by_name

NAMED = 20  # classes or features of the specification, at most


def members(
    result: SweepResult, run_dir: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Returns the table, the curves and the commands that replay, for JSON.

    A number that is not finite becomes None.

    Args:
        result: of a sweep.
        run_dir: its folder, which the commands name; None: there is no command line.
    """
    order = result.ranking()
    order = order[np.isin(order, shown(result))]
    columns, rows = of_members_of(result, order)
    run = "result" if run_dir is None else repr(os.fspath(run_dir))
    typed = "" if run_dir is None else shlex.quote(os.fspath(run_dir))
    return {
        "columns": columns,
        "rows": [[_json(value) for value in row] for row in rows],
        "replay": [f"dl.replay({run}, recipe, data, member=", ")"],
        # FILE stands for the experiment file, which the run does not name.
        "command": typed and f"jaxdl replay {typed} FILE --member ",
        "best": 0,  # rows are ranked
        **explored(result, np.array([row[0] for row in rows])),
    }


def outcome(summary: Summary, rates: bool) -> str:
    """Returns how many members there are, how they ended, and how good the best is.

    Args:
        summary: of a sweep.
        rates: whether its errors are shares of the examples.
    """
    counts = ", ".join(f"{n} {word}" for word, n in sorted(summary.ended.items()))
    ended = f"{count(summary.members, 'member')}: {counts}."
    metric = words(summary.metric)
    rates = rates and summary.metric == "dev_error"
    if summary.best is None or summary.value is None:
        return f"{ended} No configuration has a finite {metric}."
    ended = " ".join(filter(None, (ended, of_pareto(summary))))
    if summary.noise is None:
        value = _error(summary.value, rates)
        return f"{ended} The best, member {summary.best}, has {value} {metric}."
    noise = summary.noise
    return (
        f"{ended} The best of {summary.count} configurations, {summary.best}, has "
        f"{_error(noise.mean, rates)} {metric}, standard error "
        f"{_error(noise.standard_error, rates)}; {noise.not_worse} others are "
        "within one standard error."
    )


def sampled(result: SweepResult) -> str:
    """Returns a sentence on which members the page shows; empty: all of them."""
    which = of_how_many(result)
    return which and f" Table, lines and points show {which}."


def diagnosis(summary: Summary, rates: bool) -> tuple[list[str], list[str]]:
    """Returns findings on the best member, and what to do about them.

    Args:
        summary: of a sweep.
        rates: whether its errors are shares of the examples.
    """
    lost = summary.ended.get(str(Status.DIVERGED), 0)
    members = count(summary.members, "member")
    found = [f"{lost} of {members} diverged."] if lost else []
    errors = summary.errors
    if errors is None:
        return found, ["Lower the range of the learning rate."] if lost else []
    how = "in training" if errors.test_error is None else "on the train set"
    found.append(
        f"The best member's error is {_error(errors.train_error, rates)} {how} and "
        f"{_error(errors.dev_error, rates)} on the dev set."
    )
    verdict = errors.diagnosis
    if verdict is None or not rates:
        return found + sentences(errors), []
    for high, what, size, error, other in (
        (verdict.high_bias, "bias", verdict.bias, "train error", "human-level error"),
        (
            verdict.high_variance,
            "variance",
            verdict.variance,
            "dev error",
            "train error",
        ),
    ):
        found.append(
            f"No {what}: the {error} is {-100 * size:.2f} points below the {other}."
            if size < 0
            else f"{'High' if high else 'No high'} {what}: {100 * size:.2f} points."
        )
    found += sentences(errors)
    return found, [f"{advice[0].upper()}{advice[1:]}." for advice in verdict.advice]


def together(
    result: SweepResult, data: Splits | None
) -> tuple[list[str], list[list[str]]] | None:
    """Returns a table of the best member and the ensemble; None: there is no ensemble.

    Args:
        result: of a sweep.
        data: of the sweep; None: unknown.
    """
    if data is None or result.task.folds is not None or not result.has_best():
        return None
    best = result.best()
    if not hasattr(best.predict(data.dev[:1].inputs), "shape"):  # a tree of outputs
        return None
    try:
        found = result.ensemble(data.dev)
    except DamagedError:  # the weights of some are lost
        return None
    columns, rows = beside_best(found, best, data)
    names = [words(name) for name in columns]
    return names, [[cell(value) for value in row] for row in rows]


def specification(
    result: SweepResult,
    run_dir: str | os.PathLike[str] | None,
    data: Splits | None = None,
) -> list[tuple[str, str]]:
    """Returns the specification of the sweep, as names and texts.

    Args:
        result: of a sweep.
        run_dir: its folder, to name it; None: unknown.
        data: of the sweep, for the names of classes and features.
    """
    task = result.task
    rows = [
        ("members", str(len(result.status))),
        ("epochs", str(task.epochs)),
        ("repeats", str(task.repeats)),
        ("folds", str(task.folds or "none")),
        ("patience", str(task.patience or "none")),
        ("rungs", str(len(result.rungs))),
        ("ranked by", fronts.in_words(result)),
        ("block width", str(task.block_width)),
        ("precision", ", ".join(result.precisions)),
        ("key", str(np.asarray(jax.random.key_data(task.key)).tolist())),
    ]
    if run_dir is not None:
        rows.append(("run", os.fspath(run_dir)))
    if task.decision:
        rows.append(("search that auto took", task.decision))
    if result.specification is not None:
        recorded = result.specification
        versions = ", ".join(f"{n} {v}" for n, v in recorded["versions"].items())
        rows += [("device", str(recorded["device"])), ("versions", versions)]
        if "threads" in recorded:
            rows.append(("threads of the CPU", str(recorded["threads"])))
        rows.append(("data", str(recorded["data"])))
    if data is not None:
        named = (("classes", data.classes), ("features", data.features))
        rows += [(name, _listed(names)) for name, names in named if names]
    spaces = by_name(task.space).items()
    return rows + [(f"space: {name}", _words(leaf)) for name, leaf in spaces]


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" * (len(names) > NAMED)
    return f"{len(names)}: {', '.join(names[:NAMED])}{more}"


def _words(leaf: Any) -> str:
    if leaf is None or is_distribution(leaf) or np.ndim(leaf) == 0:
        return repr(leaf)
    return f"{np.size(leaf)} given values"


def _error(error: float, rates: bool) -> str:
    return f"{error:.2%}" if rates else f"{error:.4g}"


def _json(value: Any) -> Any:
    """Returns a plain value for JSON; nine digits tell a float32 from all others."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.9g}") if float(np.float32(value)) == value else value
