"""What does a sweep cost beside its training? Start, the host's own work, rungs, view.

python -m experiments.bench.overhead [--repeats 5] [--out FOLDER]

Start: seconds from the end of the imports until a sweep of one epoch over one block of
S returns, each in a fresh process, with an empty and with a filled cache of compiled
programs. Host: of the workers' time in the digits sweep, 256 members, 20 epochs and the
table, the share in which none of a block's compiled programs was running; another sweep
came before, so that nothing is compiled. Rungs: successive halving of 729 members to
27 in 27 epochs, against as many epochs of as many members without it. View: the digits
sweep with the live view on a terminal of 80 columns, against the same without.
"""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import jax
import numpy as np

import jaxdl as dl
from experiments import digits
from experiments.bench import material
from experiments.bench.peers import jaxdl_sweep
from experiments.bench.race import cores
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from experiments.bench.workloads import Case, read_task
from jaxdl.engine import crew

MEMBERS, EPOCHS = 256, 20
PAIRS = 4  # watched and not, for each repeat: a small difference of noisy times


def main() -> None:
    repeated("overhead", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns all that is measured, by what it is."""
    start: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for kind in start:
                start[kind].append(first_result(cache))
    return {
        "start": start,
        "host": host_shares(repeats),
        "rungs": rung_costs(repeats),
        "view": view_costs(repeats),
    }


def first_result(cache: str) -> float:
    """Returns what a fresh process took, in seconds, with such a cache."""
    code = "from experiments.bench.overhead import report; report()"
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return float(done.stdout.split()[-1])


def report() -> None:
    """Prints how long the first block of S takes in this process."""
    began = time.monotonic()
    dl.enable_compilation_cache()
    with tempfile.TemporaryDirectory() as folder:
        material.write("S", 16, Path(folder))
        task = read_task(Case("S", 16, False), 16, Path(folder), 0, 1)
    jaxdl_sweep.sweeper(task)(members=16, epochs=1)
    print(time.monotonic() - began)


class Stopwatch:
    """Seconds that several threads spent in programs together."""

    def __init__(self):
        self.seconds, self._lock = 0.0, threading.Lock()

    def add(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds


class Timed:
    """A compiled program that notes how long each of its calls takes."""

    def __init__(self, program: Any, stopwatch: Stopwatch):
        self.program, self.stopwatch = program, stopwatch
        self.executable = program.executable

    def __call__(self, *arguments: Any) -> Any:
        began = time.monotonic()
        answer = jax.block_until_ready(self.program(*arguments))
        self.stopwatch.add(time.monotonic() - began)
        return answer


def host_shares(repeats: int) -> list[float]:
    """Returns the host's share of each of several digits sweeps, in percent."""
    compile_all, inside = crew.compile_all, Stopwatch()
    crew.compile_all = lambda lowered, devices, count=lambda: None: [
        {
            device: programs._make(Timed(program, inside) for program in programs)
            for device, programs in found.items()
        }
        for found in compile_all(lowered, devices, count)
    ]
    shares = []
    for repeat in range(1 + repeats):
        began, inside.seconds = time.monotonic(), 0.0
        train_digits(repeat, members=MEMBERS, epochs=EPOCHS).table(10)
        available = (time.monotonic() - began) * cores()
        shares.append(100 * (1 - inside.seconds / available))
    crew.compile_all = compile_all
    return shares[1:]


def rung_costs(repeats: int) -> list[float]:
    """Returns how many times as long the same member-steps take in rungs as at once."""
    halving = {"epochs": 27, "search": dl.halving(3, survivors=27)}
    costs = []
    for repeat in range(1 + repeats):
        seconds = []  # an epoch of a member
        for settings in (halving, {"epochs": 3}):
            began = time.monotonic()
            result = train_digits(repeat, members=729, **settings)
            took = time.monotonic() - began
            seconds.append(took / np.isfinite(result.metrics["dev_loss"]).sum())
        costs.append(seconds[0] / seconds[1])
    return costs[1:]


def view_costs(repeats: int) -> list[float]:
    """Returns how much longer the digits sweep takes when it is watched, in percent."""
    costs = []
    with terminal(columns=80) as screen:
        for repeat in range(1 + PAIRS * repeats):
            seconds = {}
            for progress in (True, False) if repeat % 2 else (False, True):
                began = time.monotonic()
                with contextlib.redirect_stderr(screen):
                    train_digits(
                        repeat, members=MEMBERS, epochs=EPOCHS, progress=progress
                    )
                seconds[progress] = time.monotonic() - began
            costs.append(100 * (seconds[True] / seconds[False] - 1))
    return costs[1:]


@contextlib.contextmanager
def terminal(columns: int) -> Iterator[TextIO]:
    """Yields a terminal to write to, whose screen nobody looks at."""
    screen, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    threading.Thread(target=drain, args=(screen,), daemon=True).start()
    with open(keyboard, "w") as file:
        yield file


def drain(screen: int) -> None:
    """Reads what is written to a terminal, until it is closed."""
    with contextlib.suppress(OSError):
        while os.read(screen, 2**16):
            pass


def train_digits(seed: int, **settings: Any) -> dl.SweepResult:
    usual: dict[str, Any] = {"key": jax.random.key(seed), "progress": False}
    return dl.sweep(digits.recipe, digits.space, digits.data, **usual | settings)


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    lines = [heading(record), row(["what", "median (least to most)"])]
    lines.append(row(["---", "---"]))
    for kind, seconds in record["start"].items():
        label = f"first results of S after the imports, {kind} cache, seconds"
        lines.append(row([label, spread(seconds)]))
    label = f"outside compiled programs, digits, {MEMBERS} members, {EPOCHS} epochs, %"
    lines.append(row([label, spread(record["host"])]))
    label = "halving of 729 members to 27, times as long as without rungs"
    lines.append(row([label, spread(record["rungs"])]))
    label = f"live view, digits, {MEMBERS} members, {EPOCHS} epochs, % more time"
    lines.append(row([label, spread(record["view"])]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
