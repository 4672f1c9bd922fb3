"""Where a member comes from: its ancestors, and its hyperparameters so far."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.searches.rungs import Rung, pick
from jaxdl.train.structure import Structure, by_name, of_member


def lineage(rungs: Sequence[Rung], member: int) -> list[Rung]:
    """Returns the rungs with those members alone that one member came from."""
    needed, found = {member}, []
    looked, at = None, np.empty(0, int)  # rungs of one array of members are alike
    for rung in reversed(rungs):
        if rung.members is not looked:
            looked, at = rung.members, np.flatnonzero(np.isin(rung.members, [*needed]))
        if rung.parents is not None:
            looked = None  # others are needed before
            needed -= set(rung.members[at].tolist())
            needed |= set(rung.parents[at].tolist())
        if len(at):
            found.append(rung if len(at) == len(rung.members) else part_of(rung, at))
    return found[::-1]


def history(
    rungs: Sequence[Rung], member: int, structure: Structure
) -> tuple[tuple[int, Any], ...]:
    """Returns pairs (epoch, hyperparameters), which hold from this epoch on.

    Before a member copied the weights of another one, these are those of the other.

    Args:
        rungs: of members, as the search asked for them.
        member: its number.
        structure: of its hyperparameters.
    """
    found: list[tuple[int, Any]] = []
    last, values, epoch = None, None, 0
    for rung in lineage(rungs, member):
        until = int(rung.until[0])
        if rung.hparams is not last and until > epoch:
            last, columns = rung.hparams, by_name(rung.hparams)
            own = {n: columns[n].tolist() for n in structure.names if n in columns}
            if own != values:
                found.append((epoch, of_member(structure, columns, 0)))
                values = own
        epoch = max(epoch, until)
    return tuple(found)


def part_of(rung: Rung, at: NDArray[np.int64]) -> Rung:
    """Returns the rung of the members at some positions."""
    parents = None if rung.parents is None else rung.parents[at]
    return Rung(rung.members[at], pick(rung.hparams, at), rung.until[at], parents)
