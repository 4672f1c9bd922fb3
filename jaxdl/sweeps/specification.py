"""What a sweep is, as plain values, and its results as the plain files of a folder."""

import importlib.metadata
import math
import os
import platform
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.engine.plan import Plan
from jaxdl.searches.rungs import Search
from jaxdl.spaces.distributions import AsSize, SpaceError
from jaxdl.spaces.structures import choices, label, static_options
from jaxdl.sweeps.result import SweepResult
from jaxdl.train import (
    Outline,
    Structure,
    data_digest,
    flatten,
)

PACKAGES = {"jax": "jax", "jaxlib": "jaxlib", "jaxdl": "jaxdl-sweep"}


def specify(
    search: Search,
    space: Any,
    traced: dict[str, Any],
    outlines: dict[Structure, Outline],
    data: Splits,
    key: jax.Array,
    plan: Plan,
    **settings: Any,
) -> dict[str, Any]:
    """Returns all that a sweep's bits depend on, in values that JSON can hold.

    Args:
        search: of the sweep, of which its name is kept; what it asked for is in the
            rungs of the run.
        space: likewise.
        traced: shapes and types of the traced hyperparameters, by name.
        outlines: of every program that the space can ask for.
        data: as it is trained on.
        key: of the sweep.
        plan: of the sweep.
        settings: of the sweep, plain values.
    """
    names, leaves, _ = flatten(space)
    by_name = dict(zip(names, leaves, strict=True))
    programs = {label(s): outline.program for s, outline in outlines.items()}
    partitionable = jax.config.jax_threefry_partitionable  # pyrefly: ignore
    name = getattr(search, "__qualname__", type(search).__name__)
    return settings | {
        "search": name.split(".")[0],  # the one that made it, such as `halving`
        "space": {name: _words(leaf) for name, leaf in by_name.items()},
        "leaves": [  # in the tree's order, which an object would lose
            [name, _kind(leaf, traced.get(name))] for name, leaf in by_name.items()
        ],
        "choices": choices(space),
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "plan": plan._asdict(),
        "precision": sorted({outline.precision for outline in outlines.values()}),
        "programs": programs,
        "data": data_digest(data),
        "shapes": [
            None if x is None else [list(x.shape), str(x.dtype)] for x in data.train
        ],
        "device": _device(),
        "versions": {name: _version(package) for name, package in PACKAGES.items()},
        "flags": {
            "jax_threefry_partitionable": partitionable,
            "XLA_FLAGS": _xla_flags(),
        },
    }


def write_results(
    run_dir: str | os.PathLike[str], specification: dict[str, Any], result: SweepResult
) -> None:
    """Writes the results of a finished sweep into its folder, for any tool to read.

    Raises:
        OSError: a file cannot be written.
    """
    ends = {"stopped_at": result.stopped_at, "kept_epoch": result.kept_epoch}
    curves = result.metrics | ends
    runs.write(run_dir, specification, result.member_rows(), curves, _best(result))


def _device() -> str:
    """Returns the kind of device; of a CPU, which instructions it has.

    XLA compiles for these, so that the order in which it adds up depends on them.
    """
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind
    has = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join([device.device_kind, platform.machine(), *has.get("found", [])])


def _xla_flags() -> list[str]:
    """Returns those of this process but the number of devices, which changes no bit."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    return sorted(flag for flag in flags if "device_count" not in flag)


def _version(package: str) -> str | None:
    """Returns the version of a package, None of one that runs where it lies."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _kind(leaf: Any, traced: jax.ShapeDtypeStruct | None) -> dict[str, Any]:
    """Returns how a leaf of a space reaches the recipe.

    Raises:
        SpaceError: a static value that JSON does not have.
    """
    if traced is None:
        options = list(static_options(leaf))
        if options != [_finite(option) for option in options]:
            raise SpaceError(
                f"got the static values {options}; expected finite ones, to be kept in "
                "a run: choose by name, and map the name to a number inside the recipe"
            )
        return {"static": options}
    bounds = {"bounds": list(leaf.bounds())} if isinstance(leaf, AsSize) else {}
    return {"traced": str(traced.dtype), **bounds}


def _words(leaf: Any) -> Any:
    """Returns a leaf of a space in words, or its values where it is an array."""
    values = getattr(leaf, "values", leaf)  # of a size
    if isinstance(values, np.ndarray | jax.Array | list):
        return jax.tree.map(_finite, np.asarray(values).tolist())
    return repr(leaf)


def _finite(value: Any) -> Any:
    """Returns a number as JSON has it, which has only finite ones; else its name."""
    strange = isinstance(value, float) and not math.isfinite(value)
    return repr(value) if strange else value


def _best(result: SweepResult) -> dict[str, Any]:
    """Returns the winner's arrays by path; none if all diverged."""
    if result.diverged().all():
        return {}
    best = result.best()
    names, leaves, _ = flatten({"params": best.params, "state": best.state})
    return dict(zip(names, leaves, strict=True))
