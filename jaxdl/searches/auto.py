"""The search that suits a sweep, chosen by what races of searches have shown."""

import functools
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
from jaxdl.spaces.refine import check_varies, varies
from jaxdl.train.structure import flatten

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
    form: str  # how to name it, in Python and on the command line
    reason: str

    @property
    def words(self) -> str:
        """All that people are told, which begins with the form."""
        return f"{self.form}: {self.reason}"


class Rule(NamedTuple):
    """A search, and the sweeps that it suits."""

    suits: Callable[[Case], bool]
    decide: Callable[[Case], Decision]


@functools.cache  # so that a sweep knows it by identity, and no wrapper of it
def auto() -> Search:
    """Returns the search that suits a sweep, by what races of searches have shown.

    It stands for the first of these that suits:

    - `random()`: several objectives.
    - `multi_pbt(epochs // 8)`: at least 8 members and 4 epochs, no repeats or folds,
      and a hyperparameter that can change while a member trains. Sizes and static
      values cannot. There are three populations, or two with fewer than 12 members or
      5 epochs; they exchange members after one epoch at the earliest.
    - `refinement(4)`: at least 32 members, something to draw, and no values for each
      member.
    - `random()`: all other sweeps.

    A sweep takes the search in its place before it trains, and says so with the reason;
    `result.task.decision` has both. A run has the name of that search, and how it was
    decided, so it is resumed, read and replayed as any other. Neither the key nor the
    data have a say. The machine has one with a time alone, which may allow fewer
    members. `docs/searches.md` has the races.

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


def exchanges(members: int, epochs: int) -> tuple[int, int]:
    """Returns the epochs between exchanges, and the populations, of `multi_pbt`."""
    every = max(1, epochs // EXCHANGES)
    return every, 3 if members >= 12 and epochs > 4 * every else 2


def _for_populations(case: Case) -> list[str]:
    """Returns what a sweep lacks for members that copy others and go on changed."""
    needs = {
        f"at least {LEAST} members": case.members >= LEAST,
        f"at least {SHORTEST} epochs": case.epochs >= SHORTEST,
        "no repeats or folds": not case.varied,
        "a hyperparameter that can change while a member trains": explores(case.space),
    }
    return [need for need, met in needs.items() if not met]


def _for_refinement(case: Case) -> list[str]:
    """Returns what a sweep lacks for rounds of as many members as raced at least."""
    needs = {
        f"at least {EACH * ROUNDS} members": case.members >= EACH * ROUNDS,
        "something to draw, and no values for each member": _draws(case.space),
    }
    return [need for need, met in needs.items() if not met]


def _draws(space: Any) -> bool:
    """Returns whether a space draws something, and has no values for each member."""
    try:
        check_varies(space)
    except SpaceError:
        return False
    return any(map(varies, flatten(space)[1]))


def _populations(case: Case) -> Decision:
    every, populations = exchanges(case.members, case.epochs)
    return Decision(
        multi_pbt(every, populations),
        f"multi_pbt({every}, populations={populations}) "
        f"(--search multi-pbt:{every}:{populations})",
        f"{_raced('multi_pbt', case)}; members change their hyperparameters while they "
        "train, so the best is a trained model, which replays to the bit, not one "
        f"configuration to train again; refinement({ROUNDS}) (--search "
        f"refine:{ROUNDS}) finds such ones",
    )


def _refinement(case: Case) -> Decision:
    return Decision(
        refinement(ROUNDS),
        f"refinement({ROUNDS}) (--search refine:{ROUNDS})",
        _raced("refinement", case),
    )


def _random(reason: str) -> Decision:
    return Decision(random(), "random() (--search random)", reason)


def _nothing_else(case: Case) -> Decision:
    populations, refined = _for_populations(case), _for_refinement(case)
    return _random(
        f"multi_pbt takes {' and '.join(populations)}, "
        f"refinement({ROUNDS}) {' and '.join(refined)}"
    )


def _raced(name: str, case: Case) -> str:
    """Returns how a search did in the races that are nearest to a case."""

    def distance(race: tuple[int, int]) -> float:
        pairs = zip(race, (case.members, case.epochs), strict=True)
        return sum(abs(math.log(a / b)) for a, b in pairs)

    members, epochs = min((race for race in RACES if name in RACES[race]), key=distance)
    won, of = RACES[members, epochs][name]
    return (
        f"it found a better model than random search in {won} of {of} of the nearest "
        f"races, of {members} members and {epochs} epochs"
    )


RULES = (
    Rule(
        lambda case: case.objectives > 1,
        lambda case: _random("searches were compared by one objective alone"),
    ),
    Rule(lambda case: not _for_populations(case), _populations),
    Rule(lambda case: not _for_refinement(case), _refinement),
    Rule(lambda case: True, _nothing_else),
)
