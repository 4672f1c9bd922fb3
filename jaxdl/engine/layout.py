"""Layout: which members train side by side in one program."""

import functools
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.devices import cores
from jaxdl.engine.inputs import Family
from jaxdl.engine.task import Task
from jaxdl.spaces.either import applies, needs
from jaxdl.spaces.sample import traced_columns
from jaxdl.spaces.structures import fixed_values, received
from jaxdl.train.structure import Bound, Structure, flatten

COMPILE_SECONDS = 3.0  # of a core, for a program that no cache has; small networks


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

    @property
    def variants(self) -> NDArray[np.int64]:
        """The variants `[n]` that they are of."""
        return self.members % self.num_variants

    @property
    def configurations(self) -> NDArray[np.int64]:
        """The configurations `[n]` that they are members of."""
        return self.members // self.num_variants


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
            block = Block(structure, own_family, members[own], columns, start, end)
            blocks.append(block._replace(num_variants=task.num_variants))
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


def describe(blocks: list[Block], width: int, programs: int) -> str:
    """Returns in words what will be trained, and what is computed beside it.

    Args:
        blocks: at least one.
        width: members that a block has room for.
        programs: how many have to be compiled.
    """
    members = sum(len(block.members) for block in blocks)
    padded = [f"{ratio:.2f}x {name}" for name, ratio in padding(blocks, width).items()]
    seconds = COMPILE_SECONDS * programs / min(cores(), programs)
    return (
        f"{_count(members, 'member')} in {_count(len(blocks), 'block')} of {width}; "
        f"padded to {', '.join(padded)}; "
        f"{_count(programs, 'program')} to compile, {seconds:.0f} s if no cache has "
        f"{'it' if programs == 1 else 'them'}"
    )


def padding(blocks: list[Block], width: int) -> dict[str, float]:
    """Returns computed over live: members of blocks, and units of each size.

    A block computes all its places, also those without a member, and all units up to
    the bound of a size.
    """
    computed, live = Counter[str](), Counter[str]()
    for block in blocks:
        computed["members"] += width
        live["members"] += len(block.members)
        structure = block.structure
        for name, value in zip(structure.names, structure.values, strict=True):
            if isinstance(value, Bound):
                computed[name] += width * value.bound
                live[name] += int(block.traced[name].sum())
    return {name: computed[name] / max(1, live[name]) for name in computed}


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


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"
