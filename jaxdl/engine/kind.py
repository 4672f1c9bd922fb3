"""The kind of hardware and software that a result is equal to the bit on."""

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.engine.devices import cores
from jaxdl.engine.instructions import instruction_set
from jaxdl.plain import to_json

PACKAGES = {"jax": "jax", "jaxlib": "jaxlib", "jaxdl": "jaxdl-sweep"}

# JAX's settings of what is traced, and of how XLA compiles it, with their defaults.
SETTINGS = {
    "jax_enable_x64": False,
    "jax_high_dynamic_range_gumbel": False,
    "jax_default_matmul_precision": None,
    "jax_softmax_custom_jvp": False,
    "jax_use_direct_linearize": True,
    "jax_allow_f16_reductions": True,
    "jax_disable_most_optimizations": False,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_compiler_enable_remat_pass": True,
    "jax_enable_pgle": False,
    "jax_xla_profile_version": 0,
    "jax_use_shardy_partitioner": True,
    "jax_threefry_gpu_kernel_lowering": False,
    "jax_bcoo_cusparse_lowering": False,
    "jax_ragged_dot_use_ragged_dot_instruction": True,
    "jax_ragged_dot_use_gpu_pallas_triton_lowering": False,
}
THREADS = "PJRT_NPROC"  # the variable that sets how many threads XLA has
TASKS, POOL = Path("/proc/self/task"), "tf_XLAEigen\n"  # those threads, on Linux
VARIABLES = ("LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")  # of the environment


class Kind(NamedTuple):
    """What bits are promised for, beside the plan, the recipe, the data and the key."""

    platform: str  # JAX's name of it, such as `cpu`
    device: str  # of a CPU, with its instruction set
    versions: dict[str, str | None]  # of packages; None: not installed
    flags: dict[str, Any]  # settings that change bits
    threads: int | None  # among which XLA divides sums on a CPU; elsewhere None


def kind_here() -> Kind:
    """Returns the kind of this process's first device."""
    device = jax.devices()[0]
    return Kind(
        device.platform,
        _name(device),
        {name: _version(package) for name, package in PACKAGES.items()},
        _flags(),
        threads() if device.platform == "cpu" else None,
    )


def threads() -> int:
    """Returns how many threads XLA has on a CPU.

    It divides long sums of products among them, so that their last bits depend on the
    number: in sweeps those of 64 by 64 weights in batches of 1,024 did, in batches of
    512 they did not. No option of the compiler changes that. Source:
    `DefaultThreadPoolSize` in xla/pjrt/utils.cc; what depends on it, by experiment.

    Linux tells of the threads that run, by their name. Elsewhere, the number is what
    XLA makes of the environment; whoever changes this later is not noticed there.
    """
    if running := sum(name == POOL for name in _names_of_threads()):
        return running
    given = os.environ.get(THREADS) or os.environ.get("NPROC")
    pool = int(given) if given and given.isdecimal() else cores()
    return max(pool, jax.local_device_count("cpu"))


def _names_of_threads() -> Iterator[str]:
    """Yields the names of this process's threads, on Linux."""
    for path in TASKS.glob("*/comm"):
        with contextlib.suppress(OSError):  # a thread has just ended
            yield path.read_text()


def _flags() -> dict[str, Any]:
    """Returns what is set otherwise than by default, by name."""
    now = jax.config.values
    always = {"jax_threefry_partitionable": now["jax_threefry_partitionable"]}
    changed = {
        name: to_json(now[name])
        for name, default in SETTINGS.items()
        if now.get(name, default) != default
    }
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return always | changed | given | {"XLA_FLAGS": _xla_flags()}


def _name(device: jax.Device) -> str:
    """Returns the kind of device; of a CPU, which instructions it has."""
    if device.platform != "cpu":
        return device.device_kind
    return " ".join([device.device_kind, platform.machine(), *instruction_set()])


def _xla_flags() -> list[str]:
    """Returns XLA's flags but for the number of devices, which changes no bit.

    A value that does not begin with a dash is the path of a file that holds the flags.
    Of equal names the last counts. Source: xla/parse_flags_from_env.cc.
    """
    text = os.environ.get("XLA_FLAGS", "").strip()
    if text and not text.startswith("-"):
        path = Path(text)
        text = path.read_text() if path.is_file() else ""
    flags = {flag.partition("=")[0]: flag for flag in text.split()}
    return sorted(flag for name, flag in flags.items() if "device_count" not in name)


def _version(package: str) -> str | None:
    """Returns the version of a package, or None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
