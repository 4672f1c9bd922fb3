"""Layout: which members train side by side in one program."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.inputs import Family
from jaxdl.engine.plan import SHARED
from jaxdl.engine.task import Task
from jaxdl.engine.workers import cores
from jaxdl.searches.rungs import pick
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
    mates = _mates(task, variant)
    for key, found in _groups(task.space, hparams, first, until, mates).items():
        structure, start, end, (family, _) = key
        places = np.array(found)[np.argsort(variant[found], kind="stable")]
        for i in range(0, len(places), width):
            own = places[i : i + width]
            columns = {n: c[own] for n, c in traced.items() if n in structure.names}
            block = Block(structure, family, members[own], columns, start, end)
            blocks.append(block._replace(num_variants=task.num_variants))
    return blocks


def block_of(
    task: Task, rung: Any, members: NDArray[np.int64], first: int, until: int
) -> Block | None:
    """Returns the one block of given members of a rung; None if they make none.

    Args:
        task: its plan is known.
        rung: that the members are of.
        members: their ids, `[n]`.
        first: the epoch that they train next.
        until: how many epochs they will have trained.
    """
    place = {int(member): i for i, member in enumerate(rung.members)}
    at = np.array([place.get(int(member), -1) for member in members], np.int64)
    if at.min(initial=0) < 0 or len({*at.tolist()}) < len(at):
        return None
    epochs = (np.full(len(at), x) for x in (first, until))
    found = lay_out(task, pick(rung.hparams, at), members, *epochs)
    same = len(found) == 1 and np.array_equal(found[0].members, members)
    return found[0] if same else None


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


def _mates(task: Task, variant: NDArray[np.int64]) -> list[tuple[Family, int]]:
    """Returns what the variants of a block's members agree on, for each member.

    It is their family; with a shared order also the variant itself, whose order it is.
    Only runs of older versions have that with several variants.
    """
    shared = task.order == SHARED
    found = {
        v: (task.variants[v].family, v if shared else -1)
        for v in np.unique(variant).tolist()
    }
    return [found[v] for v in variant.tolist()]


def _groups(
    space: Any,
    hparams: Any,
    first: NDArray[np.int64],
    until: NDArray[np.int64],
    mates: list[tuple[Family, int]],
) -> dict[tuple[Structure, int, int, tuple[Family, int]], list[int]]:
    """Returns places of members by received structure, first, until and mates."""
    names, leaves, treedef = flatten(space)
    columns = treedef.flatten_up_to(hparams)
    fixed = [fixed_values(*pair) for pair in zip(leaves, columns, strict=True)]
    need = needs(space)
    found: dict[tuple[Structure, int, int, tuple[Family, int]], list[int]] = {}
    spans = zip(first.tolist(), until.tolist(), mates, strict=True)
    for i, span in enumerate(spans):
        values = [column[i] for column in fixed]
        counted = tuple(
            value if applies(own, values) else None
            for value, own in zip(values, need, strict=True)
        )
        complete = Structure(treedef, names, counted)
        found.setdefault((complete, *span), []).append(i)
    return {(received(key[0], need), *key[1:]): own for key, own in found.items()}


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"
