"""Programs compiled ahead of time for a chip that this machine does not have."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.engine.programs import OPTIONS, Programs
from jaxdl.engine.target import EXTRAS, Target, as_textproto
from jaxdl.extras import library

# Without these libtpu asks the network for a machine, and refuses a second process.
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
WORKER = Path(__file__).with_name("aot_worker.py")


class Built(NamedTuple):
    """What the compiler of a target says of a program."""

    seconds: float  # to compile
    arguments: int  # bytes
    outputs: int  # bytes beside the arguments that they take the place of
    temporaries: int  # bytes
    text: str  # scheduled HLO

    @property
    def memory(self) -> int:
        """The bytes that it takes while it runs."""
        return self.arguments + self.outputs + self.temporaries


class NotCompiled(Exception):
    """A program does not compile for a target; the message says why."""


def check_installed(target: Target) -> None:
    """Checks that the compiler of a target is installed.

    Raises:
        ImportError: it is not; the message says how to install it.
    """
    module, extra = EXTRAS[target.platform]
    for name in (module, "flatbuffers"):
        library(name, extra, f"compiling for {target.name}")


def compile_for(target: Target, exported: Sequence[Programs]) -> list[Programs]:
    """Returns the programs as `Built`, or as `NotCompiled` where they do not compile.

    Args:
        target: the chip.
        exported: by `programs.export_for` for its platform.

    Raises:
        ImportError: the target's compiler is not installed.
        NotCompiled: the compiler ended without an answer.
    """
    check_installed(target)
    with tempfile.TemporaryDirectory(prefix="jaxdl-aot-") as name:
        folder = Path(name)
        programs = []
        for number, one in enumerate(program for pair in exported for program in pair):
            (folder / f"{number}.bin").write_bytes(one.data)
            programs.append({"file": f"{number}.bin", "donated": one.donated})
        request = {
            "platform": target.platform,
            "topology": target.topology,
            "config": as_textproto(target.config),
            "options": OPTIONS.get(target.platform),
            "programs": programs,
        }
        (folder / "request.json").write_text(json.dumps(request))
        answers = _answers(target, folder)
        found = [_read(folder, i, answer) for i, answer in enumerate(answers)]
    return [Programs(*found[i : i + 2]) for i in range(0, len(found), 2)]


def _answers(target: Target, folder: Path) -> list[dict[str, Any]]:
    """Returns what the worker says of each program of a folder."""
    # By its path, which saves the import of jaxdl. With -P the files beside it do not
    # hide modules of the same name. JAX may lie beside jaxdl, in a folder that only
    # this process looks into.
    command = [sys.executable, "-P", str(WORKER), str(folder)]
    paths = [str(WORKER.parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotCompiled(
            f"the compiler for {target.name} ended with status {done.returncode}: "
            f"{last:.300}"
        )
    return [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]


def _read(folder: Path, number: int, answer: dict[str, Any]) -> Built | NotCompiled:
    if "error" in answer:
        return NotCompiled(answer["error"])
    return Built(**answer, text=(folder / f"{number}.hlo").read_text())
