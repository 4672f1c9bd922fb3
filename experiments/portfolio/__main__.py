"""Which settings of AdamW are good on many tasks? Their list is `dl.portfolio()`.

    python -m experiments.portfolio [RUNS] [--settings N] [--record PATH]

AdamW with warm-up and a cosine: rate, betas, weight decay and the share of warm-up, all
log-uniform. Random settings, the same on each task of `tasks.py`, one sweep a task in
the folder RUNS: the same command resumes, and more settings extend it. The score is the
dev loss at the end. `choice.py` says how settings are chosen.

The record, beside the code of `dl.portfolio()`, has the settings in their order, how
they were found, and what a portfolio that was chosen without a task finds on it.
`docs/searches.md` has the result.
"""

import argparse
import json
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import jaxdl as dl
from experiments.portfolio.choice import (
    FIRST,
    RANDOM,
    greedy,
    leave_one_out,
    normalized,
)
from experiments.portfolio.tasks import TASKS, Task
from jaxdl import optim, terminal, train

RUNS = Path("runs/portfolio")
RECORD = Path(dl.searches.__file__).with_name("portfolio.json")
SEED, SHIPPED = 0, 64


class Hparams(NamedTuple):
    learning_rate: float
    beta1: float
    beta2: float
    weight_decay: float
    warmup_share: float  # of all steps


SPACE = Hparams(
    learning_rate=dl.LogUniform(1e-4, 1e-1),
    beta1=dl.OneMinusLogUniform(0.8, 0.99),
    beta2=dl.OneMinusLogUniform(0.9, 0.9999),
    weight_decay=dl.LogUniform(1e-4, 1.0),
    warmup_share=dl.LogUniform(0.01, 0.5),
)


def recipe(hp: Hparams, facts: train.Facts, task: Task) -> dl.Recipe:
    steps = facts.epochs * facts.steps_per_epoch(task.batch_size)
    cosine = optim.cosine(hp.learning_rate, steps)
    optimizer = optim.adamw(
        optim.warmup(cosine, hp.warmup_share * steps),
        beta1=hp.beta1, beta2=hp.beta2, weight_decay=hp.weight_decay,
    )  # fmt: skip
    return dl.Recipe(task.model, optimizer, task.loss, batch_size=task.batch_size)


def scores_of(task: Task, settings: int, run: Path) -> tuple[np.ndarray, Hparams]:
    """Returns the dev losses of random settings at the end, and what these are."""
    found = dl.sweep(
        partial(recipe, task=task), SPACE, task.data, key=SEED, members=settings,
        epochs=task.epochs, keep=1, run_dir=run, extend=True, progress=False,
    )  # fmt: skip
    return found.final()["dev_loss"], found.hparams


def record_of(scores: np.ndarray, hparams: Hparams, epochs: dict[str, int]) -> Any:
    """Returns the settings of the portfolio, and how they were found."""
    names, even = [*epochs], normalized(scores)
    columns = {
        # The shortest numbers that float32 rounds to those that were trained.
        name: [float(str(x)) for x in np.asarray(column, np.float32)]
        for name, column in hparams._asdict().items()
    }
    chosen = greedy(even, min(SHIPPED, len(scores)))
    return {
        "settings": [{n: x[i] for n, x in columns.items()} for i in chosen],
        "found": {
            "by": "python -m experiments.portfolio",
            "trained": len(scores),
            "seed": SEED,
            "epochs": epochs,
            "versions": {x: version(x) for x in ("jaxdl-sweep", "jax", "scikit-learn")},
            "left_out": leave_one_out(even, names),
        },
    }


def table(left_out: dict[str, dict[str, float]]) -> str:
    """Returns what portfolios find on the tasks that they were chosen without."""
    scores = np.array([[*x.values()] for x in left_out.values()])  # [tasks, 3]
    less = scores - scores[:, -1:]
    error = less.std(axis=0, ddof=1) / len(scores) ** 0.5
    rows = [[name, *(f"{x:.3f}" for x in scores[t])] for t, name in enumerate(left_out)]
    rows.append(["mean", *(f"{x:.3f}" for x in scores.mean(axis=0))])
    told = [f"{m:.3f} ± {e:.3f}" for m, e in zip(less.mean(axis=0), error, strict=True)]
    rows.append(["less random", *told])
    names = [f"first {FIRST} without the task", "without its data", f"{RANDOM} random"]
    return terminal.table(["task", *names], rows)


def main() -> None:
    parser = argparse.ArgumentParser("python -m experiments.portfolio")
    parser.add_argument("runs", nargs="?", metavar="RUNS", default=RUNS, type=Path)
    parser.add_argument("--settings", default=1024, type=int, metavar="N")
    parser.add_argument("--record", default=RECORD, type=Path, metavar="PATH")
    options = parser.parse_args()
    if options.settings < RANDOM:
        parser.error(f"got --settings {options.settings}; expected at least {RANDOM}")
    dl.enable_compilation_cache()
    scores, epochs, hparams = [], {}, SPACE
    for name, make in TASKS.items():
        task = make()
        epochs[name] = task.epochs
        run = options.runs / name.replace(" ", "_")
        column, hparams = scores_of(task, options.settings, run)
        scores.append(column)
        print(f"{name}: best {np.nanmin(column):.4g}", file=sys.stderr, flush=True)
    record = record_of(np.stack(scores, axis=1), hparams, epochs)
    options.record.write_text(json.dumps(record, indent=1) + "\n")
    print(table(record["found"]["left_out"]))


if __name__ == "__main__":
    main()
