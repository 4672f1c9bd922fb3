"""One configuration for each program of a space, from the middle of its ranges."""

from typing import Any, NamedTuple

import jax

from jaxdl.engine.plan import MAX_PROGRAMS
from jaxdl.experiment.file import middle_of
from jaxdl.spaces.structures import label, structures
from jaxdl.train.structure import (
    Bound,
    Structure,
    canonical,
    flatten,
    is_traced,
    number_of,
)


class Configured(NamedTuple):
    """A program of a space, and traced numbers for it."""

    label: str  # what distinguishes it from the others; empty if it is the only one
    traced: dict[str, jax.Array]
    structure: Structure


def configured(space: Any) -> list[Configured]:
    """Returns every program of a space with the medians of its traced numbers.

    A size is the largest that its program has room for.

    Raises:
        SpaceError: a sweep would refuse the number of programs.
    """
    names, leaves, _ = flatten(space)
    found = structures(space, MAX_PROGRAMS)
    known = dict(zip(names, leaves, strict=True))
    return [
        Configured(label(s) if len(found) > 1 else "", _numbers(s, known), s)
        for s in found
    ]


def _numbers(structure: Structure, leaves: dict[str, Any]) -> dict[str, jax.Array]:
    numbers = {}
    for name, value in zip(structure.names, structure.values, strict=True):
        if isinstance(value, Bound):
            numbers[name] = canonical(value.bound)
        elif is_traced(value):
            numbers[name] = canonical(number_of(middle_of(leaves[name])))
    return numbers
