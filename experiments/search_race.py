"""Searches train for the same budget on a task; each result is a line of a record.

A budget is a number of epochs of members: `members` trainings of `epochs` epochs. A
search whose members all train to the end has this many members; one that stops members
early has as many as the budget pays for.
"""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

import jaxdl as dl
from experiments.search_tasks import TASKS, Task
from jaxdl.interop import optuna_halving, optuna_search
from jaxdl.searches import Search
from jaxdl.searches.auto import Case, decide, exchanges
from jaxdl.spaces import SpaceError

KEY = ("task", "search", "seed", "members", "epochs", "own_members")  # of a line
SHARES = np.arange(1, 21) / 20  # of the budget, at which a line has the best score
FIXED = {"rate": 1.0}  # a space: costs do not depend on it


class Budget(NamedTuple):
    """Trainings, and the epochs of each."""

    members: int
    epochs: int


class Contestant(NamedTuple):
    """A search, and how many members it begins with for the budget."""

    search: Search
    own_members: int


def of_whole_trainings(make: Callable[[Budget], Search]) -> Callable[..., Contestant]:
    """Returns a row for a search whose members all train to the end."""
    return lambda budget, space: Contestant(make(budget), budget.members)


def of_rungs(search: Search) -> Callable[..., Contestant]:
    """Returns a row for a search of which some members stop early."""
    return lambda budget, space: Contestant(search, filled(search, budget))


def of_optuna(sampler: str | None) -> Callable[..., Contestant]:
    """Returns a row for a sampler of Optuna, which proposes four batches or more."""
    return of_whole_trainings(
        lambda budget: optuna_search(sampler, batch=min(64, budget.members // 4))
    )


def grid(budget: Budget, space: Any) -> Contestant:
    """Returns the finest grid that the budget pays for."""
    sizes = [combinations(space, 2)]
    while sizes[-1] <= budget.members:
        sizes.append(combinations(space, len(sizes) + 2))
    if len(sizes) == 1:
        raise SpaceError(
            f"got {budget.members} members for a grid of 2 points a range; expected "
            f"at least {sizes[0]}"
        )
    return Contestant(dl.searches.grid_search(len(sizes)), sizes[-2])


def combinations(space: Any, points: int) -> int:
    """Returns how many members a grid of so many points a range has."""
    return max(np.size(column) for column in jax.tree.leaves(dl.grid(space, points)))


def freeze_thaw(budget: Budget, space: Any) -> Contestant:
    """Returns freeze-thaw of five times the members, at a fifth of their epochs."""
    return Contestant(dl.freeze_thaw(20), 5 * budget.members)


def halvings(budget: Budget, space: Any) -> Contestant:
    """Returns four halvings, each for a quarter of the budget; TPE proposes."""
    quarter = Budget(budget.members // 4, budget.epochs)
    own_members = 4 * filled(dl.halving(4), quarter)
    return Contestant(optuna_halving(4, brackets=4), own_members)


def auto(budget: Budget, space: Any) -> Contestant:
    """Returns the search that `auto` stands for."""
    return Contestant(decide(Case(space, *budget)).search, budget.members)


# A row makes a `Contestant` of a budget and a space.
CONTESTANTS: dict[str, Callable[[Budget, Any], Contestant]] = {
    "auto": auto,
    "random": of_whole_trainings(lambda budget: dl.searches.random()),
    "grid": grid,
    "sobol": of_whole_trainings(lambda budget: dl.sobol()),
    "portfolio": of_whole_trainings(lambda budget: dl.portfolio()),
    "refinement": of_whole_trainings(lambda budget: dl.refinement(4)),
    "halving": of_rungs(dl.halving(4)),
    "hyperband": of_rungs(dl.hyperband(4)),
    "pbt": of_whole_trainings(lambda budget: dl.pbt(exchanges(*budget)[0])),
    "multi_pbt": of_whole_trainings(lambda budget: dl.multi_pbt(*exchanges(*budget))),
    "freeze_thaw": freeze_thaw,
    "optuna_halving": halvings,
    "tpe": of_optuna(None),
    "cma_es": of_optuna("CmaEsSampler"),
    "gp": of_optuna("GPSampler"),
}


@functools.cache
def filled(search: Search, budget: Budget) -> int:
    """Returns the most members with which a search stays within the budget."""
    total = budget.members * budget.epochs
    low, high = budget.members, 16 * budget.members
    while high - low > 1:
        middle = (low + high) // 2
        affordable = cost_of(search, middle, budget.epochs) <= total
        low, high = (middle, high) if affordable else (low, middle)
    return low


def cost_of(search: Search, members: int, epochs: int) -> int:
    """Returns the epochs of all members, if each is as good as its number."""
    asked = search(jax.random.key(0), FIXED, members, epochs)
    rung, trained = next(asked), np.zeros(members, int)
    while True:
        trained[rung.members] = rung.until
        score = rung.members / members
        try:
            rung = asked.send({"dev_error": score, "dev_loss": score})
        except StopIteration:
            return int(trained.sum())


class Seen(NamedTuple):
    """How the members of a rung did."""

    members: NDArray[Any]
    until: NDArray[Any]
    scores: NDArray[Any]  # infinite where a member diverged


def watched(search: Search, seen: list[Seen]) -> Search:
    """Returns the same search, which notes how the members of each rung did."""

    @functools.wraps(search)  # its name as well, by which its traits are known
    def asking(key: jax.Array, space: Any, members: int, epochs: int) -> Any:
        asked = search(key, space, members, epochs)
        rung = next(asked)
        while True:
            standing = yield rung
            finite = np.isfinite(standing["dev_loss"])
            scores = np.where(finite, standing["score"], np.inf)
            seen.append(Seen(rung.members, rung.until, scores))
            try:
                rung = asked.send(standing)
            except StopIteration:
                return

    return asking


def best_so_far(seen: list[Seen]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns epochs spent, and the best score of all members after them.

    Within a rung members count one after another, each when it has trained all of the
    rung's epochs; so random search is a sequence of trainings. A member's score is its
    latest one.
    """
    most = 1 + max(int(rung.members.max()) for rung in seen)
    trained, latest = np.zeros(most, int), np.full(most, np.inf)
    spent, best = [0], [np.inf]
    for rung in seen:
        for member, until, score in zip(*rung, strict=True):
            spent.append(spent[-1] + int(until - trained[member]))
            trained[member], latest[member] = until, score
            best.append(float(latest.min()))
    return np.array(spent), np.array(best)


def outcome(
    task: Task, contestant: Contestant, budget: Budget, seed: int
) -> dict[str, Any]:
    """Returns the winner's dev loss, the best by share of the budget, and the cost."""
    seen: list[Seen] = []
    result = dl.sweep(
        task.recipe, task.space, task.data(), key=seed, epochs=budget.epochs,
        members=contestant.own_members, search=watched(contestant.search, seen),
        progress=False,
    )  # fmt: skip
    best = result.best()
    spent, scores = best_so_far(seen)
    at = np.searchsorted(spent, SHARES * budget.members * budget.epochs, "right") - 1
    return {
        "score": rounded(best.metrics["dev_loss"][best.kept_epoch]),
        "spent": int(spent[-1]),
        "curve": [rounded(score) for score in scores[at]],
    }


def rounded(score: Any) -> float | None:
    """Returns a score for the record: five digits; None: no member had trained."""
    return float(f"{score:.5g}") if np.isfinite(score) else None


def race(
    record: Path, tasks: list[str], searches: list[str], seeds: int, budget: Budget
) -> Iterator[dict[str, Any]]:
    """Yields a line for each seed, task and search; trains what is not on record.

    The seeds are the outer loop, so that at any time all searches have about as many.
    """
    asked = {  # before anything trains: a library may be missing, a budget too small
        (name, search): CONTESTANTS[search](budget, TASKS[name].space)
        for name in tasks
        for search in searches
    }
    known = {tuple(line[name] for name in KEY): line for line in lines_of(record)}
    for seed in range(seeds):
        for (name, search), contestant in asked.items():
            key = name, search, seed, *budget, contestant.own_members
            if key not in known:
                found = outcome(TASKS[name], contestant, budget, seed)
                known[key] = dict(zip(KEY, key, strict=True)) | found
                with record.open("a") as to:
                    to.write(json.dumps(known[key]) + "\n")
            yield known[key]


def lines_of(record: Path) -> list[dict[str, Any]]:
    """Returns the lines of a record, without a last one that is torn."""
    text = record.read_text() if record.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        record.write_text(whole)  # so that the next line is not joined to it
    return [json.loads(line) for line in whole.splitlines()]
