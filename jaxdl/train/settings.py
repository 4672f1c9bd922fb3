"""Settings of JAX that no training works with, refused before anything is traced."""

from typing import Any

import jax

# What each setting has to be, and what it does otherwise.
EXPECTED = {
    "jax_disable_jit": (False, "nothing is compiled"),
    "jax_no_tracing": (False, "nothing can be traced"),
    "jax_no_execution": (False, "nothing can run"),
    "jax_check_tracer_leaks": (False, "JAX refuses a recipe that is built in a trace"),
    "jax_debug_infs": (False, "a training begins with an infinite best error"),
    "jax_debug_key_reuse": (False, "JAX refuses the select of a state with its key"),
    "jax_numpy_dtype_promotion": ("standard", "numbers of two types do not mix"),
    "jax_error_checking_behavior_nan": ("ignore", "JAX's checks do not vmap"),
    "jax_error_checking_behavior_divide": ("ignore", "JAX's checks do not vmap"),
    "jax_error_checking_behavior_oob": ("ignore", "JAX's checks do not vmap"),
    "jax_threefry_partitionable": (True, "a program draws other numbers than a space"),
    "jax_scan3": (False, "loops do not vmap"),
}
GUARDS = ("jax_transfer_guard_host_to_device", "jax_transfer_guard_device_to_host")


class SettingsError(RuntimeError):
    """JAX is set up in a way that no training works with."""


def check_jax() -> None:
    """Checks that JAX is one process, with settings that a training works with.

    Raises:
        SettingsError: JAX runs as several processes; each would see its own devices
            only. Or a setting is in the way.
    """
    if jax.process_count() > 1:
        raise SettingsError(
            f"got a JAX of {jax.process_count()} processes, of which each would train "
            "all models; expected one process: remove the call of "
            "jax.distributed.initialize. One process uses all devices of its machine. "
            "For several machines, give a sweep a crew, crew=jaxdl.interop.ray(...), "
            "or --ray"
        )
    for name, (expected, why) in EXPECTED.items():
        if _value(name) not in (expected, None):
            raise _in_the_way(name, expected, why)
    for name in GUARDS:
        if "disallow" in str(_value(name)):
            raise _in_the_way(name, "allow", "no data reach a device, or come back")


def _value(name: str) -> Any:
    """Returns a setting as JAX shows it in words; None: this JAX does not have it."""
    value = jax.config.values.get(name)
    return getattr(value, "value", value)


def _in_the_way(name: str, expected: Any, why: str) -> SettingsError:
    return SettingsError(
        f"got JAX's setting {name}={_value(name)!r}, with which {why}; expected "
        f"{expected!r}: write jax.config.update({name!r}, {expected!r}) before the "
        f"training, or unset {name.upper()}"
    )
