"""One process of a peer, started and told what to do by `race`.

It speaks JSON lines: first what it is, how long its first result took and how many
epochs take long enough to be measured; then, for each `{"epochs": n}` that it gets, how
that run went. Between them it waits and computes nothing.
"""

import importlib
import json
import os
import re
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from experiments.bench.peers import PEERS, LeftOut, Run, trained
from experiments.bench.workloads import Case, read_task


def main(arguments: dict[str, Any], commands: TextIO, answers: TextIO) -> None:
    def answer(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        name, case = arguments["peer"], Case(*arguments["case"])
        peer = importlib.import_module(f"experiments.bench.peers.{name}")
        where = Path(arguments["folder"]), *arguments["share"]
        task = read_task(case, trained(name, case), *where)
        began = time.monotonic()
        run = peer.prepare(task)
        run(1)
        first = time.monotonic() - began
        ready = calibrate(run, arguments["seconds"]) | device(PEERS[name].framework)
        answer(first_seconds=first, **ready)
        for line in commands:
            answer(**measure(run, json.loads(line)["epochs"]), **memory())
    except ModuleNotFoundError as error:
        answer(left_out=f"{(error.name or 'a module').split('.')[0]} is not installed")
    except LeftOut as error:
        answer(left_out=str(error))
    except Exception as error:
        traceback.print_exc()
        answer(left_out=f"failed with {type(error).__name__}{first_line(error)}")


def first_line(error: Exception) -> str:
    """Returns what an error says first, without paths, 200 characters at most."""
    lines = str(error).splitlines() or [""]
    text = re.sub(r"\S*[/\\]\S*", "...", lines[0])[:200].strip()
    return f": {text}" if text else ""


def calibrate(run: Run, seconds: float) -> dict[str, Any]:
    """Returns how many epochs take about so long, at least 3, and what one takes."""
    epochs = 1
    while True:
        took = measure(run, epochs)["seconds"]
        wanted = max(3, round(epochs * seconds / max(took, 1e-6)))
        if took > seconds / 4:
            return {"epochs": wanted, "epoch_seconds": took / epochs}
        epochs = min(10 * epochs, max(epochs + 1, wanted))


def measure(run: Run, epochs: int) -> dict[str, Any]:
    began = time.monotonic()
    work, losses = run(epochs)
    ended = time.monotonic()
    times = {"began": began, "ended": ended, "seconds": ended - began}
    return {**times, "work": work, "losses": losses}


def memory() -> dict[str, int | None]:
    """Returns the largest memory so far, in bytes, of the process and its device."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss starts with what the parent had
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        peak = int(fields["VmHWM"].split()[0]) * 1024
    on_device = None
    if "jax" in sys.modules:
        statistics = sys.modules["jax"].local_devices()[0].memory_stats() or {}
        on_device = statistics.get("peak_bytes_in_use")
    elif "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        on_device = sys.modules["torch"].cuda.max_memory_allocated()
    return {"peak_bytes": peak, "device_peak_bytes": on_device}


def device(framework: str) -> dict[str, str]:
    """Returns where the peer computes, and how exact its matrix products are."""
    if framework == "torch":
        import torch

        gpu = torch.cuda.is_available()
        name = torch.cuda.get_device_name() if gpu else "cpu"
        rounded = torch.backends.cudnn.allow_tf32 and gpu
        exact = torch.get_float32_matmul_precision() == "highest" and not rounded
        return {"device": name, "precision": "float32" if exact else "less"}
    if framework == "jax":
        import jax

        precision = jax.config.values["jax_default_matmul_precision"] or "default"
        return {"device": jax.devices()[0].device_kind, "precision": str(precision)}
    return {"device": "cpu", "precision": "float32"}


if __name__ == "__main__":
    # What libraries print goes to standard error; answers alone to standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(json.loads(sys.argv[1]), sys.stdin, answers)
