"""The kind of hardware and software that a result is equal to the bit on."""

import importlib.metadata
import os
import platform
from typing import Any, NamedTuple

import jax

from jaxdl.engine.instructions import instruction_set

PACKAGES = {"jax": "jax", "jaxlib": "jaxlib", "jaxdl": "jaxdl-sweep"}


class Kind(NamedTuple):
    """What bits are promised for, beside the plan, the recipe, the data and the key."""

    platform: str  # JAX's name of it, such as `cpu`
    device: str  # of a CPU, with its instruction set
    versions: dict[str, str | None]  # of packages; None: not installed
    flags: dict[str, Any]  # settings that change bits


def kind_here() -> Kind:
    """Returns the kind of this process's first device."""
    device = jax.devices()[0]
    partitionable = jax.config.jax_threefry_partitionable  # pyrefly: ignore
    return Kind(
        device.platform,
        _name(device),
        {name: _version(package) for name, package in PACKAGES.items()},
        {"jax_threefry_partitionable": partitionable, "XLA_FLAGS": _xla_flags()},
    )


def _name(device: jax.Device) -> str:
    """Returns the kind of device; of a CPU, which instructions it has."""
    if device.platform != "cpu":
        return device.device_kind
    return " ".join([device.device_kind, platform.machine(), *instruction_set()])


def _xla_flags() -> list[str]:
    """Returns XLA's flags but for the number of devices, which changes no bit."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    return sorted(flag for flag in flags if "device_count" not in flag)


def _version(package: str) -> str | None:
    """Returns the version of a package, or None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
