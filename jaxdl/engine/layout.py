"""Layout: the members of a sweep that share a program."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.spaces.either import applies, needs
from jaxdl.spaces.sample import is_static
from jaxdl.spaces.structures import fixed_values, received
from jaxdl.train import Structure, flatten


class Group(NamedTuple):
    """Members that agree on all static values, and so share one program.

    They train side by side through the same epochs, and so on the same batches: all are
    of one variant of their configurations, see `repeats`.
    """

    structure: Structure
    members: NDArray[np.int64]  # [n] their ids
    traced: dict[str, NDArray[Any]]  # [n] by name
    first: int  # epoch that they train next
    until: int  # epochs that they will have trained
    variants: int = 1  # that each configuration has

    @property
    def variant(self) -> int:
        """Which one they are of."""
        return int(self.members[0]) % self.variants

    @property
    def configurations(self) -> NDArray[np.int64]:
        """Their ids `[n]` among the members of their variant."""
        return self.members // self.variants


def groups(
    space: Any,
    hparams: Any,
    members: NDArray[np.int64],
    first: NDArray[np.int64],
    until: NDArray[np.int64],
    variants: int = 1,
) -> list[Group]:
    """Returns members by static values, epochs and variant, in order of first ones.

    Args:
        space: as for `sample`.
        hparams: of the members, `[n]`.
        members: their ids, `[n]`.
        first: the epoch that each trains next, `[n]`.
        until: how many epochs each will have trained, `[n]`.
        variants: that each configuration has.
    """
    names, leaves, treedef = flatten(space)
    columns = treedef.flatten_up_to(hparams)
    static = [is_static(leaf) for leaf in leaves]
    fixed = [fixed_values(*pair) for pair in zip(leaves, columns, strict=True)]
    need = needs(space)
    slots: dict[tuple[Structure, int, int, int], list[int]] = {}
    spans = zip(*(x.tolist() for x in (first, until, members % variants)), strict=True)
    for i, (start, end, variant) in enumerate(spans):
        values = [column[i] for column in fixed]
        counted = tuple(
            value if applies(own, values) else None
            for value, own in zip(values, need, strict=True)
        )
        structure = Structure(treedef, names, counted)
        slots.setdefault((structure, start, end, variant), []).append(i)
    traced = [(n, c) for n, c, s in zip(names, columns, static, strict=True) if not s]
    found = []
    for (complete, start, end, _), own in slots.items():
        structure = received(complete, need)
        kept = {n: c[own] for n, c in traced if n in structure.names}
        found.append(Group(structure, members[own], kept, start, end, variants))
    return found
