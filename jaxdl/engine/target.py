"""Targets: chips that programs are compiled for on a machine that has none of them.

Each is a file of `targets/`, with its sources.
"""

import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxdl.near import near

FOLDER = importlib.resources.files("jaxdl.engine") / "targets"
COMPILERS = {"tpu": "libtpu", "cuda": "jax-cuda12-plugin"}  # distributions
EXTRAS = {"tpu": ("libtpu", "aot-tpu"), "cuda": ("jax_cuda12_plugin", "aot-cuda")}


class Target(NamedTuple):
    """A chip, as its maker and the compiler describe it."""

    name: str
    platform: str  # JAX's name of it: tpu or cuda
    device_kind: str  # as JAX names it
    topology: str  # a set of chips that the compiler describes
    memory_bytes: float
    bytes_per_second: float  # of its memory
    operations_per_second: Mapping[str, float]  # of products, by precision
    config: Mapping[str, Any] = {}  # of a GPU, what the compiler asks of a device

    def roof(self, precision: str, operations: float, moved: float) -> float:
        """Returns the seconds that this takes at the peak of the chip.

        Args:
            precision: of matrix products, see `Recipe`.
            operations: on numbers.
            moved: bytes to and from memory.
        """
        return max(
            operations / self.operations_per_second[precision],
            moved / self.bytes_per_second,
        )

    def ridge(self, precision: str) -> float:
        """Returns how many operations a byte takes so that memory is not the limit."""
        return self.operations_per_second[precision] / self.bytes_per_second


def known_targets() -> list[str]:
    """Returns the names of all targets."""
    names = [file.name for file in FOLDER.iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if ".toml" in name)


def target(name: str) -> Target:
    """Returns a target by its name.

    Raises:
        ValueError: no target has that name.
    """
    known = known_targets()
    if name not in known:
        raise ValueError(
            f"got the target {name!r}; expected one of {', '.join(known)}"
            f"{near(name, known)}"
        )
    return Target(name, **tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")))


def target_of(device_kind: str) -> Target | None:
    """Returns the target that JAX names so; None: its description is not here."""
    every = map(target, known_targets())
    return next((one for one in every if one.device_kind == device_kind), None)


def as_textproto(fields: Mapping[str, Any]) -> str:
    """Returns fields of a protocol buffer as its text format writes them."""

    def one(name, value):
        if isinstance(value, Mapping):
            return f"{name} {{ {as_textproto(value)} }}"
        return f'{name}: "{value}"' if isinstance(value, str) else f"{name}: {value}"

    return " ".join(one(name, value) for name, value in fields.items())
