"""A space, printed for a person: what `NAME=VALUE` can name."""

from typing import Any

from jaxdl.cli.output import show
from jaxdl.spaces.among import Among
from jaxdl.spaces.sample import is_static
from jaxdl.spaces.sizes import AsSize
from jaxdl.spaces.structures import count_structures, sizes_of
from jaxdl.train.structure import by_name

WIDE = 200  # characters of a leaf, at most


def print_space(space: Any) -> int:
    """Prints the name, the kind and the values of each hyperparameter. Returns 0."""
    leaves = by_name(space)
    width = max(map(len, leaves), default=0)
    for name, leaf in leaves.items():
        show(f"{name:<{width}}  {_kind(leaf):<6}  {leaf!r:.{WIDE}}")
    merged = any(size.bounds is None for size in sizes_of(space).values())
    most = "at most " if merged else ""
    show(f"\nprograms: {most}{count_structures(space)}")
    return 0


def _kind(leaf: Any) -> str:
    if isinstance(leaf, AsSize):
        return "size"
    if isinstance(leaf, Among):
        return "choice"
    return "static" if is_static(leaf) else "traced"
