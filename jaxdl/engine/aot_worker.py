"""Compiles exported programs for a target, in a process that trains nothing.

python -P aot_worker.py FOLDER

The compiler of another platform may write to the screen, lock files or end the process,
so it never loads into the process that asks. The folder holds `request.json` and the
programs; the answer is a line of JSON for each program.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.export
from jax.experimental import topologies


def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    device = _device(request)
    for program in request["programs"]:
        print(json.dumps(_built(folder, program, device, request["options"])))
        sys.stdout.flush()


def _device(request: dict[str, Any]) -> jax.Device:
    """Returns a chip of the target."""
    own = {"platform": request["platform"], "topology_name": request["topology"]}
    if request["config"]:
        own = {"platform": request["platform"], "topology": request["topology"]}
        own["target_config"] = request["config"]
    return topologies.get_topology_desc(**own).devices[0]


def _built(
    folder: Path, program: dict[str, Any], device: jax.Device, options: Any
) -> dict[str, Any]:
    """Returns what the compiler says of a program; it writes the text to the folder."""
    file = folder / program["file"]
    exported = jax.export.deserialize(bytearray(file.read_bytes()))
    place = jax.sharding.SingleDeviceSharding(device)
    shapes = [
        jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place)
        for x in exported.in_avals
    ]
    began = time.monotonic()
    try:
        jitted = jax.jit(exported.call, donate_argnums=tuple(program["donated"]))
        compiled = jitted.lower(*shapes).compile(compiler_options=options)
    except Exception as error:
        return {"error": str(error)}
    seconds = time.monotonic() - began
    file.with_suffix(".hlo").write_text(compiled.as_text() or "")
    memory = compiled.memory_analysis()
    assert memory is not None  # all these compilers have one
    return {
        "seconds": seconds,
        "arguments": memory.argument_size_in_bytes,
        "outputs": memory.output_size_in_bytes - memory.alias_size_in_bytes,
        "temporaries": memory.temp_size_in_bytes,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
