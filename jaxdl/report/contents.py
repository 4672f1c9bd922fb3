"""What a page says of a sweep, apart from its figures, as plain values."""

import math
import os
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.diagnose import bias_variance
from jaxdl.report.style import draws_rates, has_best
from jaxdl.spaces.distributions import is_distribution
from jaxdl.sweeps import SweepResult
from jaxdl.train import flatten

NUMBERS = 800_000  # of curves in a page, at most; longer ones leave epochs out


def members(
    result: SweepResult, run_dir: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Returns the table, the curves and the command to replay, for JSON.

    What is not finite is None.

    Args:
        result: of a sweep.
        run_dir: its folder, which the command names.
    """
    columns, rows = result.member_rows()
    order = np.array([row[0] for row in rows])
    shape = result.metrics["dev_loss"].shape
    every = max(1, math.ceil(4 * shape[0] * shape[1] / NUMBERS))
    epochs = np.arange(shape[1])[::-1][::every][::-1]  # the last is among them
    run = "result" if run_dir is None else repr(os.fspath(run_dir))
    return {
        "columns": columns,
        "rows": [[_json(value, 9) for value in row] for row in rows],
        "epochs": (epochs + 1).tolist(),
        "curves": {
            name: _rounded(curves[order][:, epochs])
            for name, curves in result.metrics.items()
        },
        "replay": [f"dl.replay({run}, recipe, data, member=", ")"],
        "best": 0,  # rows are ranked
    }


def count(n: int, what: str) -> str:
    """Returns such as `1 member` or `2 members`."""
    return f"{n} {what}{'s' * (n != 1)}"


def summary(result: SweepResult) -> str:
    """Returns how many there were, how they ended, and how good the best is."""
    words, counts = np.unique(result.status, return_counts=True)
    fates = ", ".join(f"{n} {word}" for word, n in zip(words, counts, strict=True))
    ended = f"{count(len(result.status), 'member')}: {fates}."
    if not has_best(result):
        return f"{ended} No configuration has a finite error."
    best = int(result.ranking()[0])
    error = float(result.mean()["dev_error"][best])
    if result.variants == 1:
        return f"{ended} The best, member {best}, has {_rate(result, error)} dev error."
    noise = float(result.standard_error()["dev_error"][best])
    return (
        f"{ended} The best of {len(result.diverged())} configurations, {best}, has "
        f"{_rate(result, error)} dev error, standard error {_rate(result, noise)}; "
        f"{len(result.not_worse()) - 1} others are not told apart from it."
    )


def diagnosis(result: SweepResult, data: Splits | None) -> tuple[list[str], list[str]]:
    """Returns what is found of the best member, and what to do about it.

    Args:
        result: of a sweep.
        data: that the member was trained on, for its error on the train set as it is;
            without, that of its kept epoch counts, a mean over steps with dropout.
    """
    lost = int((result.status == "diverged").sum())
    found = [f"{lost} of {count(len(result.status), 'member')} diverged."] * bool(lost)
    if not has_best(result):
        return found, ["Lower the range of the learning rate."] * bool(lost)
    best = result.best()
    dev = float(best.metrics["dev_error"][best.kept_epoch])
    if data is None:
        train, how = float(best.metrics["train_error"][best.kept_epoch]), "in training"
    else:
        train, how = best.evaluate(data.train)["error"], "on the train set"
    found.append(
        f"The best member's error is {_rate(result, train)} {how} and "
        f"{_rate(result, dev)} on the dev set."
    )
    if not draws_rates(result) or not 0 <= train <= 1:
        return found, []
    verdict = bias_variance(train, dev)
    for high, what, size in (
        (verdict.high_bias, "bias", verdict.bias),
        (verdict.high_variance, "variance", verdict.variance),
    ):
        found.append(
            f"{'High' if high else 'No high'} {what}: {100 * size:.2f} points."
        )
    return found, [f"{advice[0].upper()}{advice[1:]}." for advice in verdict.advice]


def specification(
    result: SweepResult, run_dir: str | os.PathLike[str] | None
) -> list[tuple[str, str]]:
    """Returns what the sweep was, as names and texts.

    Args:
        result: of a sweep.
        run_dir: its folder, where more is on record; None: it has none.

    Raises:
        DamagedError, OSError: the folder cannot be read.
    """
    names, leaves, _ = flatten(result.space)
    rows = [
        ("members", str(len(result.status))),
        ("epochs", str(result.metrics["dev_loss"].shape[1])),
        ("repeats", str(result.repeats)),
        ("folds", str(result.folds or "none")),
        ("patience", str(result.patience or "none")),
        ("rungs", str(len(result.rungs))),
        ("block width", str(result.plan.block_width)),
        ("precision", ", ".join(result.precisions)),
        ("key", str(np.asarray(jax.random.key_data(result.key)).tolist())),
    ]
    words = {n: _words(x) for n, x in zip(names, leaves, strict=True)}
    if run_dir is not None:
        with runs.read_run(run_dir) as store:
            said = store.specification
        words |= {name: _recorded(words) for name, words in said["space"].items()}
        versions = ", ".join(f"{n} {v}" for n, v in said["versions"].items())
        rows += [("run", os.fspath(run_dir)), ("device", str(said["device"]))]
        rows += [("versions", versions), ("data", str(said["data"]))]
    return rows + [(f"space: {name}", text) for name, text in words.items()]


def _words(leaf: Any) -> str:
    if leaf is None or is_distribution(leaf) or np.ndim(leaf) == 0:
        return repr(leaf)
    return _recorded(np.ravel(leaf).tolist())


def _recorded(words: Any) -> str:
    return f"{len(words)} given values" if isinstance(words, list) else str(words)


def _rate(result: SweepResult, error: float) -> str:
    return f"{error:.2%}" if draws_rates(result) else f"{error:.4g}"


def _json(value: Any, digits: int) -> Any:
    """Returns a plain value that JSON can hold, floats to so many digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def _rounded(curves: NDArray[Any]) -> list[list[float | None]]:
    return [[_json(value, 4) for value in curve] for curve in curves.tolist()]
