"""How good is jaxdl on tables, beside forests, boosting and scikit-learn's networks?

python -m experiments.bench.tabular [--repeats 20] [--out FOLDER]

The six tables that ship with scikit-learn, each split at random into train and test set
`repeats` times. jaxdl searches its default space, compilation included; each of the
others then draws candidates for as long, on all cores, with the same five folds. The
score is the accuracy, or R² of targets, on the test set. An interval is that of Nadeau
and Bengio (Inference for the Generalization Error, 2003), since splits share examples.

Each split is a line of runs/bench/tabular.jsonl as soon as it is measured, and the same
command goes on after these. So all models of a split take turns on one machine, but
splits may be of several hours. The record names the commits of its lines.
"""

import json
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy import stats
from sklearn import datasets
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import (
    ParameterSampler,
    check_cv,
    cross_val_score,
    train_test_split,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.bench.race import cores, say
from experiments.bench.record import git, repeated
from experiments.bench.table import heading, row
from jaxdl.interop.sklearn import JaxdlClassifier, JaxdlRegressor, SweepSearchCV
from jaxdl.train import compiled

LINES = Path("runs/bench/tabular.jsonl")
TEST = 0.25  # of the examples
FOLDS = 5
SETS: dict[str, Callable[..., Any]] = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
    "linnerud": datasets.load_linnerud,
}
TARGETS = ("diabetes", "linnerud")
OURS = "jaxdl"
PEERS = ("MLP", "random forest", "boosting")


def main() -> None:
    repeated("tabular", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns the scores, seconds and candidates of each model on each split."""
    warnings.simplefilter("ignore")  # of networks that have not converged
    texts = LINES.read_text().splitlines() if LINES.exists() else []
    lines = [json.loads(text) for text in texts]
    done = {(line["set"], line["split"]) for line in lines}
    commit = (git("rev-parse", "HEAD") or "unknown")[:12]
    for seed in range(repeats):
        for name in SETS:
            if (name, seed) in done:
                continue
            say(f"{name}: split {seed + 1} of {repeats}")
            x, y = SETS[name](return_X_y=True)
            measured = compared(x, y, seed, name not in TARGETS)
            lines.append(line_of(name, seed, commit, measured))
            write(lines)
    return gathered(lines, repeats)


def write(lines: Iterable[dict[str, Any]]) -> None:
    """Replaces the lines on the disk, as a whole."""
    LINES.parent.mkdir(parents=True, exist_ok=True)
    new = LINES.with_suffix(".new")
    new.write_text("".join(json.dumps(x, allow_nan=False) + "\n" for x in lines))
    new.replace(LINES)


def line_of(name: str, seed: int, commit: str, models: dict[str, Any]) -> dict:
    """Returns what is kept of a split."""
    return {"set": name, "split": seed, "commit": commit, "models": models}


def gathered(lines: Iterable[dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Returns what was measured of each model on each set, in the order of splits."""
    wanted = sorted(
        (line for line in lines if line["split"] < repeats),
        key=lambda line: (line["split"], [*SETS].index(line["set"])),
    )
    found: dict[str, dict[str, list[Any]]] = {}
    for line in wanted:
        own = found.setdefault(line["set"], {model: [] for model in line["models"]})
        for model, measured in line["models"].items():
            own[model].append(measured)
    return {"sets": found, "commits": sorted({line["commit"] for line in wanted})}


def compared(x: Any, y: Any, seed: int, classes: bool) -> dict[str, dict[str, float]]:
    """Returns what is measured of each model on one split."""
    kept = y if classes else None
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=TEST, random_state=seed, stratify=kept
    )
    compiled.clear()  # each search compiles, as one by itself does
    jax.clear_caches()
    began = time.perf_counter()
    own = JaxdlClassifier if classes else JaxdlRegressor
    cv = [*check_cv(FOLDS, y, classifier=classes).split(x, y)]
    search = SweepSearchCV(own(random_state=seed), cv=cv, random_state=seed).fit(x, y)
    seconds = time.perf_counter() - began
    found = {OURS: outcome(search, x_test, y_test, seconds, search.n_iter)}
    for name in PEERS:
        found[name] = searched(
            *peer(name, classes, y.ndim == 2), (x, y, cv), (x_test, y_test), seconds,
            seed,
        )  # fmt: skip
    return found


def outcome(
    model: Any, x: Any, y: Any, seconds: float, candidates: int
) -> dict[str, float]:
    score = float(model.score(x, y))
    return {"score": score, "seconds": seconds, "candidates": candidates}


def searched(
    model: BaseEstimator,
    space: dict[str, Any],
    train: tuple[Any, Any, Any],
    test: tuple[Any, Any],
    seconds: float,
    seed: int,
) -> dict[str, float]:
    """Returns what a random search finds that takes as long, at least one candidate."""
    x, y, cv = train
    began, scored = time.perf_counter(), []
    for params in ParameterSampler(space, 10_000, random_state=seed):
        own = clone(model).set_params(**params)
        folds = cross_val_score(own, x, y, cv=cv, n_jobs=cores())
        scored.append((float(folds.mean()), len(scored), own))
        if time.perf_counter() - began > seconds:
            break
    best = max(scored)[2].fit(x, y)
    return outcome(best, *test, time.perf_counter() - began, len(scored))


def peer(name: str, classes: bool, several: bool) -> tuple[BaseEstimator, dict]:
    """Returns a model and the space that is usually searched."""
    if name == "MLP":
        kind = MLPClassifier if classes else MLPRegressor
        model = make_pipeline(StandardScaler(), kind(max_iter=300, early_stopping=True))
        space = {
            "hidden_layer_sizes": [(64,), (64, 64), (128,), (128, 128)],
            "learning_rate_init": stats.loguniform(1e-4, 3e-2),
            "alpha": stats.loguniform(1e-6, 1e-1),
            "batch_size": [32, 64, 128],
        }
        return model, {f"{kind.__name__.lower()}__{k}": v for k, v in space.items()}
    if name == "random forest":
        forest = RandomForestClassifier if classes else RandomForestRegressor
        return forest(n_estimators=200), {
            "max_features": stats.uniform(0.1, 0.9),
            "min_samples_leaf": stats.randint(1, 10),
        }
    boosting = (
        HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    )
    space = {
        "learning_rate": stats.loguniform(0.01, 0.3),
        "max_iter": stats.randint(50, 300),
        "max_leaf_nodes": stats.randint(4, 32),
        "l2_regularization": stats.loguniform(1e-6, 10),
    }
    if several:
        own = MultiOutputRegressor(boosting())
        return own, {f"estimator__{k}": v for k, v in space.items()}
    return boosting(), space


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: scores, differences and mean ranks."""
    sets = record["sets"]
    scores = {
        name: {m: np.array([one["score"] for one in runs]) for m, runs in own.items()}
        for name, own in sets.items()
    }
    models = [OURS, *PEERS]
    lines = [heading(record), "Mean score on the test sets.", ""]
    lines += [row(["set", *models, "seconds"]), row(["---"] * (len(models) + 2))]
    for name, own in scores.items():
        seconds = np.mean([one["seconds"] for one in sets[name][OURS]])
        means = [f"{own[m].mean():.4f}" for m in models]
        lines.append(row([name, *means, f"{seconds:.1f}"]))
    lines += ["", "jaxdl minus the other, with a 95 % interval.", ""]
    lines += [row(["set", *PEERS]), row(["---"] * (len(PEERS) + 1))]
    for name, own in scores.items():
        lines.append(row([name, *(interval(own[OURS] - own[m]) for m in PEERS)]))
    lines += ["", "Mean rank over all splits, 1 is best; candidates searched.", ""]
    lines += [row(["model", "rank", "candidates"]), row(["---"] * 3)]
    ranks = mean_ranks(scores, models)
    for model in models:
        counts = [one["candidates"] for own in sets.values() for one in own[model]]
        lines.append(row([model, f"{ranks[model]:.2f}", f"{np.mean(counts):.1f}"]))
    return "\n".join(lines)


def mean_ranks(
    scores: dict[str, dict[str, np.ndarray]], models: list[str]
) -> dict[str, float]:
    """Returns the mean rank of each model; models of equal score share theirs."""
    of_sets = [
        stats.rankdata([-own[model] for model in models], axis=0).mean(axis=1)
        for own in scores.values()
    ]
    return dict(zip(models, np.mean(of_sets, axis=0).tolist(), strict=True))


def interval(differences: np.ndarray) -> str:
    """Returns the mean and its 95 % interval, with `s² (1/n + test/train)`."""
    n = len(differences)
    if n < 2:
        return f"{differences.mean():+.4f}"
    error = np.sqrt(differences.var(ddof=1) * (1 / n + TEST / (1 - TEST)))
    half = stats.t.ppf(0.975, n - 1) * error
    return f"{differences.mean():+.4f} ± {half:.4f}"


if __name__ == "__main__":
    main()
