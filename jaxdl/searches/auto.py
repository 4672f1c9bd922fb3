"""The search that suits a sweep, chosen by what races of searches have shown."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxdl.searches.multi_pbt import multi_pbt
from jaxdl.searches.one_rung import random
from jaxdl.searches.pbt import explores
from jaxdl.searches.refinement import refinement
from jaxdl.searches.rungs import Requests, Search
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.refine import check_varies

# Races of `experiments/searches.py` on the tasks to design on, by members and epochs:
# in how many a search found a lower dev loss than random search, and of how many.
# `experiments/searches.jsonl` has each of them; a test compares the two.
RACES: dict[tuple[int, int], dict[str, tuple[int, int]]] = {
    (128, 16): {"multi_pbt": (29, 32), "refinement": (24, 32)},
    (32, 16): {"multi_pbt": (15, 16), "refinement": (13, 16)},
    (8, 16): {"multi_pbt": (14, 16)},
    (128, 4): {"multi_pbt": (15, 16), "refinement": (14, 16)},
    (32, 4): {"multi_pbt": (11, 16), "refinement": (11, 16)},
}
LEAST = 8  # members of populations: the fewest that raced
SHORTEST = 4  # epochs of populations: the fewest that raced
ROUNDS, EACH = 4, 8  # of a refinement, and members of each at least, as it raced
EXCHANGES = 8  # about, of populations in a training


class Case(NamedTuple):
    """What a decision depends on."""

    space: Any
    members: int
    epochs: int
    varied: bool = False  # whether a configuration trains several times
    objectives: int = 1


class Decision(NamedTuple):
    """A search, and why it was chosen."""

    search: Search
    words: str


class Rule(NamedTuple):
    """A search, and the sweeps that it suits."""

    suits: Callable[[Case], bool]
    decide: Callable[[Case], Decision]


def auto() -> Search:
    """Returns the search that suits a sweep, by what races of searches have shown.

    It stands for the first of these that suits:

    - `random()`: several objectives.
    - `multi_pbt(epochs // 8)`: at least 8 members and 4 epochs, no repeats or folds,
      and a hyperparameter that can change while a member trains. Sizes and static
      values cannot. There are three populations, or two with fewer than 12 members or
      5 epochs; they exchange members after one epoch at the earliest.
    - `refinement(4)`: at least 32 members, and a space that draws.
    - `random()`: all other sweeps.

    A sweep takes the search in its place before it trains, and says so with the reason.
    A run has the name of that search, so it is resumed, read and replayed as any other.
    Neither the key nor the data nor the machine have a say; a time has, if it allows
    fewer members. `docs/searches.md` has the races.

    The best of `multi_pbt` is a trained model, which `replay` gives again to the bit,
    but its hyperparameters changed while it trained: to train with its last ones from
    the start gives another model. Repeats and folds judge configurations, so then no
    search is chosen that changes them.

    >>> import jax
    >>> import jaxdl as dl
    >>> space = {"rate": dl.LogUniform(1e-3, 1.0)}
    >>> rung = next(dl.searches.auto()(jax.random.key(0), space, 64, 16))
    >>> rung.until.max()  # that of `multi_pbt(2)`
    np.int64(2)
    """

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        chosen = decide(Case(space, members, epochs)).search
        yield from chosen(key, space, members, epochs)

    return search


def decide(case: Case) -> Decision:
    """Returns the search that suits a sweep, by the first of the rules."""
    return next(rule.decide(case) for rule in RULES if rule.suits(case))


def _exchanges(case: Case) -> bool:
    """Returns whether members can copy others and go on with other numbers."""
    enough = case.members >= LEAST and case.epochs >= SHORTEST
    return enough and not case.varied and explores(case.space)


def _refines(case: Case) -> bool:
    """Returns whether each round has the members that the races had at least."""
    try:
        check_varies(case.space)
    except SpaceError:
        return False
    return case.members >= EACH * ROUNDS


def _populations(case: Case) -> Decision:
    every = max(1, case.epochs // EXCHANGES)
    three = case.members >= 12 and case.epochs > 4 * every
    few = "" if three else ", populations=2"
    return Decision(
        multi_pbt(every, populations=3 if three else 2),
        f"multi_pbt({every}{few}): {_raced('multi_pbt', case)}; members change their "
        "hyperparameters while they train, so the best is a trained model, which "
        "replays to the bit, not one configuration to train again; refinement finds "
        "such ones",
    )


def _refinement(case: Case) -> Decision:
    return Decision(
        refinement(ROUNDS), f"refinement({ROUNDS}): {_raced('refinement', case)}"
    )


def _random(reason: str) -> Callable[[Case], Decision]:
    return lambda case: Decision(random(), f"random: {reason}")


def _raced(name: str, case: Case) -> str:
    """Returns how a search did in the races that are most like a case."""

    def distance(race: tuple[int, int]) -> float:
        pairs = zip(race, (case.members, case.epochs), strict=True)
        return sum(abs(math.log(a / b)) for a, b in pairs)

    members, epochs = min((race for race in RACES if name in RACES[race]), key=distance)
    won, of = RACES[members, epochs][name]
    return (
        f"it found a better model than random search in {won} of {of} races of "
        f"{members} members and {epochs} epochs"
    )


RULES = (
    Rule(
        lambda case: case.objectives > 1,
        _random("searches were compared by one objective alone"),
    ),
    Rule(_exchanges, _populations),
    Rule(_refines, _refinement),
    Rule(
        lambda case: True,
        _random(
            "no search that was compared suits so few members or epochs, or this space"
        ),
    ),
)
