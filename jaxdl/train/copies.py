"""Compiled programs on further devices of the same kind, without the compiler.

The copies hold the machine code of the first, so that their results are the same to the
bit, also where a compiler chooses by a stopwatch. JAX reads its own serialized programs
back for the devices that they were compiled for; here they get another device.

Where JAX has a compilation cache on disk, nothing is copied: on GPUs that cache serves
all devices, and on CPUs XLA cannot serialize again what JAX has read from there.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import serialize_executable

from jaxdl.loader import silence_loader


def copies(
    program: jax.stages.Compiled,
    devices: Sequence[jax.Device],
    compile_for: Callable[[jax.Device], jax.stages.Compiled],
) -> list[jax.stages.Compiled]:
    """Returns a program for each of some devices.

    Args:
        program: compiled for another device of their kind, and never called: JAX cannot
            serialize a program after its first call.
        devices: without the program's own.
        compile_for: compiles it for a device, where JAX cannot copy it.
    """
    config: Any = jax.config  # whose attributes JAX makes at run time
    if config.jax_compilation_cache_dir and config.jax_enable_compilation_cache:
        return [compile_for(device) for device in devices]
    try:
        content, in_tree, out_tree = serialize_executable.serialize(program)
        return [_read(content, in_tree, out_tree, device) for device in devices]
    except Exception:  # JAX promises none of this: each version may have another error
        return [compile_for(device) for device in devices]


def _read(
    content: bytes, in_tree: Any, out_tree: Any, device: jax.Device
) -> jax.stages.Compiled:
    silence_loader(device.platform)
    unloaded, arguments, no_kwargs = _Reader(content, device).load()
    arguments = in_tree.unflatten(arguments)
    loaded = unloaded.load()
    return jax.stages.Compiled(loaded, [], arguments, out_tree, no_kwargs=no_kwargs)


class _Reader(serialize_executable._JaxPjrtUnpickler):
    """Reads a serialized program, with one device in the place of its own."""

    def __init__(self, content: bytes, device: jax.Device):
        super().__init__(io.BytesIO(content), device.client, [device])
        self.device = device

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "device":
            return self.device
        if pid[0] == "exec":
            options = serialize_executable.xc.CompileOptions()
            place = np.array([[self.device.id]])  # [replicas, partitions]
            assign = serialize_executable.xc.DeviceAssignment.create
            options.device_assignment = assign(place)
            return self.device.client.deserialize_executable(
                pid[1], self.execution_devices, options
            )
        return super().persistent_load(pid)
