"""The bounds of sizes: as many as are worth the time to compile their programs.

A size has bounds of its own, which leave few computed units without a live one. Each
multiplies the programs. Neighbours are merged, each time those that add the least
padded work for each program saved, as long as that work takes less time than to compile
the programs, or the programs are too many.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxdl.data import Splits
from jaxdl.engine.plan import EXPECTED_MEMBERS, Plan, cap
from jaxdl.engine.speed import usual_speed
from jaxdl.engine.task import Task
from jaxdl.spaces.sample import traced_types
from jaxdl.spaces.structures import (
    count_structures,
    set_bounds,
    sizes_of,
    structures,
)
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.facts import Facts
from jaxdl.train.part import on_device_shapes
from jaxdl.train.structure import Bound, Structure
from jaxdl.train.trace import Trace, trace

Bounds = dict[str, tuple[int, ...]]  # rising, by the name of the size

# The plan holds for sweeps of any length on any machine of a kind, so these are those
# of a usual one, and no stopwatch's.
EXPECTED_EPOCHS = 10


class Measured(NamedTuple):
    """A size whose bounds the plan decides."""

    shares: tuple[float, ...]  # of the members, by bound
    seconds: tuple[float, ...]  # of a whole sweep with this bound alone, by bound
    compiling: float  # seconds of a core, for its longest program


def with_bounds(
    task: Task, hparams: Any, data: Mapping[Facts, Splits], platform: str
) -> Task:
    """Returns a task whose plan has the bounds of all sizes; None if there is no size.

    Bounds that the plan of the task or the space sets are as they are.

    Args:
        task: its variants are known.
        hparams: of some members, `[n]`, for the types of the traced ones.
        data: the sets of a variant, for each of the facts that differ.
        platform: JAX's name of it, such as `cpu`.

    Raises:
        RecipeError: as `train.trace.trace`.
        SpaceError: there are too many programs with one bound for each size, or the
            plan has bounds for what is no size, or that are none for it.
    """
    all_sizes = sizes_of(task.bounded)
    if not all_sizes:
        return task
    bounds = {name: size.all_bounds() for name, size in all_sizes.items()}
    free = [n for n, s in all_sizes.items() if s.bounds is None and len(bounds[n]) > 1]
    most = max(1, cap(task.plan) // len(data))
    narrow = set_bounds(task.bounded, {name: bounds[name][-1:] for name in free})
    largest = structures(narrow, most)[::-1]
    facts, sets = next(iter(data.items()))
    traced = traced_types(task.space, hparams)

    def measured(name: str) -> Measured:
        structure = next(s for s in largest if name in s.names)
        bound = BoundRecipe(task.recipe, structure, facts.unread())
        train, speed = on_device_shapes(sets.train), usual_speed(platform)
        found = [
            trace(bound._replace(structure=own), traced, train)
            for own in (_with_bound(structure, name, b) for b in bounds[name])
        ]
        return Measured(
            all_sizes[name].shares(),
            tuple(_usual_work(one, facts) / speed.work for one in found),
            max(one.length for one in found) * speed.compiling,
        )

    sizes = {name: measured(name) for name in free}
    bounds = merged(task.bounded, bounds, sizes, most)
    return task._replace(plan=(task.plan or Plan())._replace(bounds=bounds))


def merged(
    space: Any, bounds: Bounds, sizes: Mapping[str, Measured], most: int
) -> Bounds:
    """Returns bounds of which neighbours are merged, as this file says.

    Args:
        space: of the task.
        bounds: of all sizes.
        sizes: those whose bounds may be merged.
        most: programs that there may be.
    """
    while True:
        now = count_structures(set_bounds(space, bounds))
        choices = [
            (_added(sizes, name, at) / (now - fewer), name, at)
            for name, size in sizes.items()
            for at in range(len(size.shares) - 1)
            if (fewer := _count_without(space, bounds, name, at)) < now
        ]
        if not choices:
            return bounds
        seconds, name, at = min(choices)
        if seconds > sizes[name].compiling and now <= most:
            return bounds
        bounds = bounds | {name: _without(bounds[name], at)}
        sizes = {**sizes, name: _merge(sizes[name], at)}


def _count_without(space: Any, bounds: Bounds, name: str, at: int) -> int:
    fewer = bounds | {name: _without(bounds[name], at)}
    return count_structures(set_bounds(space, fewer))


def _added(sizes: Mapping[str, Measured], name: str, at: int) -> float:
    """Returns the seconds that a sweep takes longer without a bound.

    Sizes are taken to be independent: the work of a program is the largest one's times
    a factor for each size.
    """
    size = sizes[name]
    others = math.prod(_mean(s) / s.seconds[-1] for n, s in sizes.items() if n != name)
    return size.shares[at] * (size.seconds[at + 1] - size.seconds[at]) * others


def _mean(size: Measured) -> float:
    return sum(share * x for share, x in zip(size.shares, size.seconds, strict=True))


def _merge(size: Measured, at: int) -> Measured:
    """Returns a size whose members of one bound take the next one."""
    shares = list(size.shares)
    shares[at + 1] += shares[at]
    return size._replace(
        shares=_without(shares, at), seconds=_without(size.seconds, at)
    )


def _without(values: Any, at: int) -> tuple[Any, ...]:
    return (*values[:at], *values[at + 1 :])


def _usual_work(one: Trace, facts: Facts) -> float:
    """Returns the operations of a usual sweep whose members all have a trace."""
    an_epoch = facts.steps_per_epoch(one.recipe.batch_size)
    return EXPECTED_MEMBERS * EXPECTED_EPOCHS * an_epoch * one.work


def _with_bound(structure: Structure, name: str, bound: int) -> Structure:
    values = [
        Bound(bound) if own == name else value
        for own, value in zip(structure.names, structure.values, strict=True)
    ]
    return Structure(structure.treedef, structure.names, tuple(values))
