"""Layout: which members train side by side in one program."""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.inputs import Family
from jaxdl.engine.task import Task
from jaxdl.spaces.either import applies, needs
from jaxdl.spaces.sample import traced_columns
from jaxdl.spaces.structures import fixed_values, received
from jaxdl.train.structure import Structure, flatten


class Block(NamedTuple):
    """Members that train side by side, at most as many as a block is wide.

    They agree on all static values and are of variants of one family, and so share one
    program. They train the same epochs.
    """

    structure: Structure
    family: Family
    members: NDArray[np.int64]  # [n] their ids
    traced: dict[str, NDArray[Any]]  # [n] by name
    first: int  # the epoch that they train next
    until: int  # they train epochs first, ..., until - 1
    num_variants: int = 1  # V: members of each configuration
    offset: int = 0  # the configuration of the whole sweep that configuration 0 is

    @property
    def variants(self) -> NDArray[np.int64]:
        """The variants `[n]` that they are of."""
        return self.members % self.num_variants

    @property
    def configurations(self) -> NDArray[np.int64]:
        """The configurations `[n]` of the whole sweep that they are members of."""
        return self.members // self.num_variants + self.offset


def block_of(
    task: Task,
    structure: Structure,
    family: Family,
    members: NDArray[np.int64],
    traced: dict[str, NDArray[Any]],
    epochs: tuple[int, int],
) -> Block:
    """Returns a block of a task, which says whose configurations members are.

    Args:
        task: its variants are known.
        structure: of the members.
        family: of their variants.
        members: their ids, `[n]`.
        traced: their values by name, `[n]` each.
        epochs: the one that they train next, and the one before which they end.
    """
    first, until = epochs
    origin = task.num_variants, task.offset
    return Block(structure, family, members, traced, first, until, *origin)


def lay_out(
    task: Task,
    hparams: Any,
    members: NDArray[np.int64],
    first: NDArray[np.int64],
    until: NDArray[np.int64],
) -> list[Block]:
    """Returns blocks of members by static values, epochs and family of their variants.

    Groups come in the order of their first members, and each is cut into blocks of the
    plan's width, the last of which may have fewer members. Members of one variant come
    together within a group, so that a block has few variants to make orders for.

    Args:
        task: its plan and its variants are known.
        hparams: of the members, `[n]`.
        members: their ids, `[n]`.
        first: the epoch that each trains next, `[n]`.
        until: how many epochs each will have trained, `[n]`.
    """
    traced = traced_columns(task.space, hparams)
    width = task.block_width
    blocks = []
    variant = members % task.num_variants
    families = [v.family for v in task.variants]
    family = [families[v] for v in variant]
    for key, found in _groups(task.bounded, hparams, first, until, family).items():
        structure, start, end, own_family = key
        places = np.array(found)[np.argsort(variant[found], kind="stable")]
        for i in range(0, len(places), width):
            own = places[i : i + width]
            columns = {n: c[own] for n, c in traced.items() if n in structure.names}
            epochs = start, end
            blocks.append(
                block_of(task, structure, own_family, members[own], columns, epochs)
            )
    return blocks


def structures_of(
    space: Any, hparams: Any, count: int
) -> tuple[NDArray[np.int64], list[Structure]]:
    """Returns the structures that members receive.

    Args:
        space: of the task, with the bounds of its plan.
        hparams: of the members, `[n]`.
        count: n.

    Returns:
        The number of each member's structure, `[n]`, and the structures.
    """
    names, leaves, treedef = flatten(space)
    columns = treedef.flatten_up_to(hparams)
    fixed = [fixed_values(*pair) for pair in zip(leaves, columns, strict=True)]
    need = needs(space)
    numbers: dict[Structure, int] = {}

    @functools.lru_cache(maxsize=None, typed=True)  # 1 == True
    def number_of(*values: Any) -> int:
        counted = tuple(
            value if applies(own, values) else None
            for value, own in zip(values, need, strict=True)
        )
        return numbers.setdefault(Structure(treedef, names, counted), len(numbers))

    rows = zip(*fixed, strict=True) if fixed else [()] * count
    number = np.array([number_of(*row) for row in rows], np.int64)
    return number, [received(complete, need) for complete in numbers]


def _groups(
    space: Any,
    hparams: Any,
    first: NDArray[np.int64],
    until: NDArray[np.int64],
    family: list[Family],
) -> dict[tuple[Structure, int, int, Family], list[int]]:
    """Returns places of members by received structure, first, until and family."""
    number, structures = structures_of(space, hparams, len(family))
    found: dict[tuple[int, int, int, Family], list[int]] = {}
    spans = zip(number.tolist(), first.tolist(), until.tolist(), family, strict=True)
    for i, key in enumerate(spans):
        found.setdefault(key, []).append(i)
    return {(structures[key[0]], *key[1:]): own for key, own in found.items()}
