"""Drawn numbers without a meaning, found before anything is traced."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.layout import structures_of
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung
from jaxdl.spaces.sample import traced_columns
from jaxdl.train.number_checks import check_numbers


def check_drawn(task: Task, rung: Rung) -> None:
    """Checks the members with the least and the greatest number of a hyperparameter.

    Parts of a recipe refuse what lies beyond an end of a range, so the ends of each
    program's draws are enough.

    Args:
        task: its variants are known.
        rung: of these members.

    Raises:
        RecipeError: a part of the recipe refuses a number.
    """
    columns = traced_columns(task.space, rung.hparams)
    facts = task.variants[0].facts
    number, found = structures_of(task.bounded, rung.hparams, len(rung.members))
    for s, structure in enumerate(found):
        own = {n: c for n, c in columns.items() if n in structure.names}
        for i in _at_an_end(own, np.flatnonzero(number == s)):
            numbers = {name: column[i] for name, column in own.items()}
            check_numbers(task.recipe, numbers, structure, facts)


def _at_an_end(
    columns: Mapping[str, NDArray[Any]], places: NDArray[np.int64]
) -> list[int]:
    """Returns the places where a column is least or greatest, each once, in order.

    Args:
        columns: numbers `[n]` by name.
        places: of the members that count; those with a number that is not finite pass.
    """
    finite = [np.isfinite(column[places]) for column in columns.values()]
    places = places[np.logical_and.reduce(finite)] if finite else places[:0]
    if not len(places):
        return []
    ends = (f(c[places]) for c in columns.values() for f in (np.argmin, np.argmax))
    return places[sorted(set(map(int, ends)))].tolist()
