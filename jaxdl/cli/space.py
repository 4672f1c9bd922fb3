"""A space, printed for a person: what `NAME=VALUE` can name."""

import json
from typing import Any

from jaxdl.cli.output import show
from jaxdl.spaces.among import Among
from jaxdl.spaces.distributions import Choice
from jaxdl.spaces.plain import to_plain
from jaxdl.spaces.sample import is_static
from jaxdl.spaces.sizes import AsSize
from jaxdl.spaces.structures import count_structures, sizes_of
from jaxdl.train.structure import by_name

WIDE = 200  # characters of a leaf, at most


def print_space(space: Any, *, as_json: bool = False) -> int:
    """Prints the name, the kind and the values of each hyperparameter. Returns 0.

    Args:
        space: as for a sweep.
        as_json: whether to print one line for other programs to read.
    """
    leaves = by_name(space)
    if as_json:
        told = {
            n: {"kind": _kind(x), "values": to_plain(_values(x))}
            for n, x in leaves.items()
        }
        show(json.dumps({"space": told, "programs": count_structures(space)}))
        return 0
    width = max(map(len, leaves), default=0)
    for name, leaf in leaves.items():
        show(f"{name:<{width}}  {_kind(leaf):<6}  {_values(leaf)!r:.{WIDE}}")
    merged = any(size.bounds is None for size in sizes_of(space).values())
    most = "at most " if merged else ""
    show(f"\nprograms: {most}{count_structures(space)}")
    return 0


def _values(leaf: Any) -> Any:
    """Returns a leaf; one that is pinned to a value looks like a constant."""
    if isinstance(leaf, Choice) and len(leaf.options) == 1:
        return leaf.options[0]
    return leaf


def _kind(leaf: Any) -> str:
    if isinstance(leaf, AsSize):
        return "size"
    if isinstance(leaf, Among):
        return "choice"
    return "static" if is_static(leaf) else "traced"
