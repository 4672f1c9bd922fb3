"""One configuration for each program of a space, from the middle of its ranges."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from jaxdl.experiment.given import middle_of
from jaxdl.spaces.structures import (
    MOST_PROGRAMS,
    count_structures,
    label,
    set_bounds,
    sizes_of,
    structures,
)
from jaxdl.train.structure import (
    Bound,
    Names,
    Structure,
    canonical,
    flatten,
    is_traced,
    number_of,
)


class Configured(NamedTuple):
    """A program of a space, an option of each choice, and traced numbers for it."""

    label: str  # what distinguishes it from the others; empty if it is the only one
    traced: dict[str, jax.Array]
    structure: Structure
    choices: tuple[int, ...]  # the places of the options


def configured(space: Any) -> list[Configured]:
    """Returns every program of a space with the medians of its traced numbers.

    A size is the largest that its program has room for. It has all of its own bounds,
    of which a sweep may merge some; the largest one alone if they make too many
    programs. A program with choices (`Among`) comes once for each option, the other
    choices in the middle.

    Raises:
        SpaceError: any sweep would refuse the number of programs.
    """
    names, leaves, _ = flatten(space)
    if count_structures(space) > MOST_PROGRAMS:
        sizes = sizes_of(space).items()
        space = set_bounds(space, {n: size.all_bounds()[-1:] for n, size in sizes})
    found = structures(space, MOST_PROGRAMS)
    known = dict(zip(names, leaves, strict=True))
    return [
        _configured(structure, numbers, len(found) > 1)
        for structure in found
        for numbers in _with_each_option(structure, _numbers(structure, known))
    ]


def _configured(
    structure: Structure, numbers: dict[str, jax.Array], of_several: bool
) -> Configured:
    choices = {name: int(numbers[name]) for name, _ in _choices(structure)}
    words = [label(structure)] if of_several else []
    words += [
        f"{name}={entry.options[choices[name]]!r}"
        for name, entry in _choices(structure)
        if len(entry.options) > 1
    ]
    text = ", ".join(word for word in words if word)
    return Configured(text, numbers, structure, tuple(choices.values()))


def _choices(structure: Structure) -> list[tuple[str, Names]]:
    pairs = zip(structure.names, structure.values, strict=True)
    return [(name, value) for name, value in pairs if isinstance(value, Names)]


def _with_each_option(
    structure: Structure, numbers: dict[str, jax.Array]
) -> Iterator[dict[str, jax.Array]]:
    """Yields the numbers, and those with another option of one choice."""
    yield numbers
    for name, entry in _choices(structure):
        for place in range(len(entry.options)):
            if place != int(numbers[name]):
                yield numbers | {name: canonical(place)}


def _numbers(structure: Structure, leaves: dict[str, Any]) -> dict[str, jax.Array]:
    numbers = {}
    for name, value in zip(structure.names, structure.values, strict=True):
        if isinstance(value, Bound):
            numbers[name] = canonical(value.bound)
        elif is_traced(value):
            numbers[name] = canonical(number_of(middle_of(leaves[name])))
    return numbers
