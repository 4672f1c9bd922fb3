"""Which search finds the best model for the same training, over several data sets?

    python -m experiments.search_race [RECORD] [--seeds N]

All searches get the same number of epochs of members, `BUDGET`: those that train every
member to the end have fewer members. Each line of the record is one sweep; those that
are on record with the same members and epochs are not trained again, so the command
resumes. The network and the space are those of `experiments/searches.py`, which races
on Fashion-MNIST over 20 seeds, but rates begin at 0.001.

The winner has the best score on the dev set, in %: the error of classes, or the share
of the variance of the targets that it leaves. A row has the winner's score less that of
random search, mean ± standard error over seeds; then the mean rank over tasks and
seeds, and what was trained, relative to the budget.

`docs/searches.md` has the result, and `search_race.jsonl` its record.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.searches import SPACE as WIDER
from experiments.searches import Hparams, mean_and_error, trained_epochs
from jaxdl import nn, optim, terminal

RECORD, SEEDS = Path(__file__).with_suffix(".jsonl"), 4
EPOCHS, WHOLE = 16, 48  # WHOLE: members that train to the end
BUDGET = WHOLE * EPOCHS  # epochs of members
SPACE = WIDER._replace(learning_rate=dl.LogUniform(1e-3, 10.0))
KEY = ("task", "search", "seed", "members", "epochs")  # of a line of the record


class Contestant(NamedTuple):
    """A search, and how many members it begins with for the budget."""

    search: Any
    members: int


def recipe(hp: Hparams, classes: int | None) -> dl.Recipe:
    """Returns a network of 16 units, for classes or for one target."""
    return dl.Recipe(
        nn.serial(
            nn.dense(16, use_bias=False), nn.batch_norm(), nn.relu,
            nn.dropout(hp.keep_prob), nn.dense(classes or 1),
        ),
        optim.momentum(hp.learning_rate, beta=hp.beta),
        nn.softmax_cross_entropy if classes else nn.squared_error,
        nn.l2(hp.l2),
        batch_size=32,
    )  # fmt: skip


def tasks() -> dict[str, dl.data.Splits]:
    """Returns data sets by name, all of scikit-learn."""
    from sklearn import datasets

    found = {"digits": dl.data.load("digits")}
    for name in ("wine", "breast_cancer", "diabetes"):
        inputs, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
        regression = name == "diabetes"
        targets = labels[:, None].astype(float) if regression else labels
        about = {"classes": ()} if regression else {}
        whole = dl.data.from_arrays(inputs.astype(np.float32), targets, **about)
        cut = dl.data.split(whole, (0.5, 0.3, 0.2), key=jax.random.key(0))
        found[name] = dl.data.normalize(cut, targets=regression)
    return found


def contestants() -> dict[str, Contestant]:
    """Returns the searches, and how many members fill the budget with each."""
    halving, hyperband = dl.halving(4), dl.hyperband(4)
    optuna_halving = dl.interop.optuna_halving(4)
    return {
        "random": Contestant(dl.searches.random(), WHOLE),
        "Sobol": Contestant(dl.sobol(), WHOLE),
        "coarse to fine": Contestant(dl.refinement(3), WHOLE),
        "TPE": Contestant(dl.interop.optuna_search(batch=16), WHOLE),
        "population based": Contestant(dl.pbt(2), WHOLE),
        "several frequencies": Contestant(dl.multi_pbt(2), WHOLE),
        "halving by 4": Contestant(halving, filled(halving)),
        "Hyperband": Contestant(hyperband, filled(hyperband)),
        "freeze-thaw 20": Contestant(dl.freeze_thaw(20), 5 * WHOLE),
        "TPE halving": Contestant(optuna_halving, filled(optuna_halving)),
    }


def filled(search: Any) -> int:
    """Returns the most members with which a search stays within the budget."""
    low, high = WHOLE, 16 * WHOLE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if cost_of(search, middle) <= BUDGET else (low, middle)
        )
    return low


def cost_of(search: Any, members: int) -> int:
    """Returns the epochs of all members, if each is as good as its number."""
    asked = search(jax.random.key(0), SPACE, members, EPOCHS)
    rung, trained = next(asked), np.zeros(members, int)
    while True:
        trained[rung.members] = rung.until
        score = rung.members / members
        try:
            rung = asked.send({"dev_error": score, "dev_loss": score})
        except StopIteration:
            return int(trained.sum())


def outcome(contestant: Contestant, data: dl.data.Splits, seed: int) -> dict[str, Any]:
    """Returns the winner's dev score, and the epochs that all members trained."""
    regression = data.train.about.classes == ()
    classes = None if regression else data.num_classes
    result = dl.sweep(
        partial(recipe, classes=classes), SPACE, data, key=seed, epochs=EPOCHS,
        members=contestant.members, search=contestant.search, plan=dl.Plan(16),
        progress=False,
    )  # fmt: skip
    best = result.best()
    whole = 1.0 if classes else float(np.var(data.dev.labels))
    score = 100 * float(best.metrics["dev_error"][best.kept_epoch]) / whole
    return {"score": score, "trained": trained_epochs(result)}


def run(record: Path, seeds: int) -> list[dict[str, Any]]:
    """Trains what is not on record yet, and returns all that was asked for."""
    known = {tuple(x.get(name) for name in KEY): x for x in lines_of(record)}
    found, searches = [], contestants()
    for seed in range(seeds):
        for task, data in tasks().items():
            for name, contestant in searches.items():
                key = task, name, seed, contestant.members, EPOCHS
                if key not in known:
                    line = dict(zip(KEY, key, strict=True))
                    known[key] = line | outcome(contestant, data, seed)
                    with record.open("a") as to:
                        to.write(json.dumps(known[key]) + "\n")
                found.append(known[key])
        print(f"seed {seed} of {seeds}", file=sys.stderr, flush=True)
    return found


def lines_of(record: Path) -> list[dict[str, Any]]:
    """Returns the lines of a record, without a last one that is torn."""
    text = record.read_text() if record.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        record.write_text(whole)  # so that the next line is not joined to it
    return [json.loads(line) for line in whole.splitlines()]


def table(lines: list[dict[str, Any]]) -> str:
    """Returns the difference to random search by task, mean ranks and costs."""
    names = list(dict.fromkeys(line["search"] for line in lines))
    found = list(dict.fromkeys(line["task"] for line in lines))
    seeds = len({line["seed"] for line in lines})
    place = {(x["search"], x["task"], x["seed"]): x for x in lines}
    pairs = [(n, t) for n in names for t in found]
    scores, trained = (
        np.array([[place[*pair, s][what] for s in range(seeds)] for pair in pairs])
        for what in ("score", "trained")
    )
    scores = scores.reshape(len(names), len(found), seeds)
    cost = trained.reshape(len(names), -1).mean(axis=1) / BUDGET
    # The rank among the searches of a task and a seed; equal scores share theirs.
    below = (scores[:, None] > scores).sum(axis=1)
    equal = (scores[:, None] == scores).sum(axis=1)
    ranks = (below + (equal + 1) / 2).mean(axis=(1, 2))
    rows = []
    for k, name in enumerate(names):
        less = scores[k] - scores[names.index("random")]
        cells = [mean_and_error(less[t]) for t in range(len(found))]
        rows.append([name, *cells, f"{ranks[k]:.2f}", f"{cost[k]:.2f}"])
    return terminal.table(["search", *found, "mean rank", "cost"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("record", nargs="?", default=RECORD, type=Path)
    parser.add_argument("--seeds", default=SEEDS, type=int)
    given = parser.parse_args()
    dl.enable_compilation_cache()
    print(table(run(given.record, given.seeds)))
