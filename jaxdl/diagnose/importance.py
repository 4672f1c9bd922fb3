"""Importance: which hyperparameters the errors of a sweep's members depend on."""

from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.extras import library

LEAST = 30  # members; with fewer the shares are mostly chance
FOLDS, TREES, SHUFFLES = 5, 50, 5

# What the course tunes first, second, third and rarely, by the usual names.
EXPECTED = (
    ("learning_rate", "rate", "lr", "alpha"),
    ("momentum", "beta", "hidden_units", "units", "width", "batch_size"),
    ("layers", "num_layers", "depth", "decay_rate", "rate_decay"),
    ("beta1", "beta2", "b1", "b2", "eps", "epsilon"),
)


class Importance(NamedTuple):
    """How much of the scores each hyperparameter accounts for."""

    shares: dict[str, float]  # by name, the largest first; they add up to 1
    explained: float  # R² on members held out: below 0.5 the shares say little
    errors: dict[str, float]  # standard errors of the shares over the folds, by name


def importance(hparams: Any, scores: ArrayLike) -> Importance:
    """Returns how much of the members' scores each hyperparameter accounts for.

    Extremely randomized trees learn the scores from the hyperparameters. The values of
    one hyperparameter are then shuffled among the held-out members. Its importance is
    the increase of their squared error, or 0 if there is none. A share is an importance
    divided by the sum of all. For `score = Σ f_j(x_j)` it is `Var f_j / Σ Var f`. A
    joint effect counts for each hyperparameter that takes part.

    The standard error of a share is `s / sqrt(5)`, where s is the standard deviation of
    the shares in the five folds. The trees of the folds share most members, so it is
    rather too small. Numbers are replaced by their ranks, so the scale of a range does
    not matter. A hyperparameter with the same value in all members has no share.

    Args:
        hparams: the hyperparameters of the members, such as `SweepResult.hparams`:
            arrays `[members]`.
        scores: `[members]`, lower is better, such as `result.final()["dev_error"]`; a
            score that is not finite counts as the worst finite one.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: there are fewer than 30 finite scores, or the number of scores is
            not the number of members, or all scores or all hyperparameters are equal.

    Sources: Breiman, Random Forests, 2001; Geurts et al., Extremely Randomized Trees,
    2006.
    """
    ensemble, model_selection = (
        library(f"sklearn.{module}", "sklearn", "the importance")
        for module in ("ensemble", "model_selection")
    )
    scores = np.asarray(scores, float)
    features = _features(hparams, scores)
    finite = np.isfinite(scores)
    scores = np.where(finite, scores, scores.max(initial=-np.inf, where=finite))
    table = np.stack([*features.values()], axis=1)
    increases, error = [], 0.0
    folds = model_selection.KFold(FOLDS, shuffle=True, random_state=0)
    for seen, held_out in folds.split(table):
        trees = ensemble.ExtraTreesRegressor(TREES, random_state=0)
        trees.fit(table[seen], scores[seen])
        part = len(held_out) / len(scores)
        wrong = trees.predict(table[held_out]) - scores[held_out]
        unshuffled = np.mean(wrong**2)
        shuffled = _errors_when_shuffled(trees, table[held_out], scores[held_out])
        increases.append(part * (shuffled - unshuffled))
        error += part * float(unshuffled)
    shares = _shares(np.sum(increases, axis=0))
    apart = np.std([_shares(fold) for fold in increases], axis=0, ddof=1)
    names, order = [*features], np.argsort(-shares, kind="stable")
    return Importance(
        {names[i]: float(shares[i]) for i in order},
        1 - error / scores.var(),
        {names[i]: float(apart[i] / FOLDS**0.5) for i in order},
    )


def expected_rank(name: str) -> int | None:
    """Returns the course's rank of a hyperparameter, 1 to tune first, 4 to tune last.

    1 is the learning rate; 2 are momentum, hidden units and batch size; 3 are layers
    and the decay of the rate; 4 are Adam's averages and ε. None means that the course
    does not rank it. Only the last part of a path counts.

        >>> dl.diagnose.expected_rank("optimizer.learning_rate")
        1
    """
    last = name.rpartition(".")[2].lower()
    ranks = (rank for rank, names in enumerate(EXPECTED, 1) if last in names)
    return next(ranks, None)


def _features(hparams: Any, scores: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Returns the hyperparameters that differ between members, as numbers by name."""
    columns = {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(column)
        for path, column in jax.tree.leaves_with_path(hparams)
    }
    lengths = {len(column) for column in columns.values()}
    if lengths != {len(scores)}:
        raise ValueError(
            f"got {len(scores)} scores for hyperparameters of {sorted(lengths)} "
            "members; expected one score each"
        )
    finite = scores[np.isfinite(scores)]
    if len(finite) < LEAST:
        raise ValueError(
            f"got {len(finite)} finite scores; expected at least {LEAST}: with fewer "
            "members importance is mostly chance"
        )
    codes = {name: _codes(column) for name, column in columns.items()}
    varied = {n: code for n, code in codes.items() if (code > 0).any()}
    if not varied or np.ptp(finite) == 0:
        what = "hyperparameters" if not varied else "scores"
        raise ValueError(f"got {what} that are all the same; expected some that differ")
    return varied


def _codes(column: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the rank of each value among the distinct values; NaN stays NaN."""
    values = column.tolist()
    absent = np.array([isinstance(v, float) and np.isnan(v) for v in values])
    numbers = all(isinstance(v, int | float) for v in values)
    keys = np.array(values, float) if numbers else np.array([*map(repr, values)])
    codes = np.full(len(values), np.nan)
    codes[~absent] = np.unique(keys[~absent], return_inverse=True)[1]
    return codes


def _errors_when_shuffled(
    trees: Any, table: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the mean squared error with each column shuffled, `[columns]`.

    Trees take about as long for a few hundred rows as for thousands, so all columns are
    predicted at once; scikit-learn's own function predicts them one by one. Tables of
    10,000 rows and 30 columns take 72 MB.
    """
    rng, columns = np.random.default_rng(0), np.arange(table.shape[1])
    errors = []
    for _ in range(SHUFFLES):
        tables = np.tile(table, (len(columns), 1, 1))  # [shuffled, member, column]
        tables[columns, :, columns] = table[rng.permutation(len(table))].T
        found = trees.predict(tables.reshape(-1, len(columns)))
        wrong = found.reshape(tables.shape[:2]) - scores
        errors.append(np.mean(wrong**2, axis=1))
    return np.mean(errors, axis=0)


def _shares(increase: NDArray[np.float64]) -> NDArray[np.float64]:
    importances = np.maximum(increase, 0)
    return importances / max(importances.sum(), np.finfo(float).tiny)
