"""The comparison: every peer in turn, again and again, each in processes of its own.

Peers are set up one after another and then wait; in each repeat each trains once. What
disturbs the machine for a while so disturbs all of them.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from experiments.bench import counts
from experiments.bench.peers import PEERS, trained
from experiments.bench.workloads import WORKLOADS, Case

LIMIT = 1200.0  # seconds for an answer
EPOCH_LIMIT = 300.0  # seconds that an epoch may take; a measurement has at least 3
MEMORY_SHARE = 0.8  # of the machine's, that the peers may need together

Answer = dict[str, Any]


class Failed(Exception):
    """A peer cannot be measured; the message says why."""


def race(
    case: Case, peers: Iterable[str], folder: Path, repeats: int, seconds: float
) -> dict[str, Answer]:
    """Returns what was measured of each peer, or why it was left out.

    Args:
        case: what all of them train.
        peers: names in `PEERS`.
        folder: where the arrays of the case lie.
        repeats: how often each is measured, at least once.
        seconds: how long one measurement is to take, about.
    """
    results: dict[str, Answer] = {}
    with contextlib.ExitStack() as stack:
        teams: dict[str, Team] = {}
        for name in peers:
            say(f"{case.workload} {case.members}: setting up {name}")
            try:
                check_memory(case, [*teams, name])
                team = stack.enter_context(processes(case, name, folder, seconds))
                results[name] = team.ready() | {
                    "members": trained(name, case),
                    "repeats": [],
                }
                teams[name] = team
            except Failed as reason:
                results[name] = {"left_out": str(reason)}
        for repeat in range(repeats):
            say(f"{case.workload} {case.members}: repeat {repeat + 1} of {repeats}")
            # What the peer before leaves behind so is not always the same.
            for name in reversed(teams) if repeat % 2 else teams:
                measure(teams, name, results)
    return results


def measure(teams: dict[str, "Team"], name: str, results: dict[str, Answer]) -> None:
    result = results[name]
    if "left_out" in result:
        return
    try:
        answer = teams[name].run(result["epochs"])
    except Failed as reason:
        result["left_out"] = str(reason)
        return
    result["repeats"].append({k: answer.pop(k) for k in ("work", "seconds")})
    result |= answer


class Team:
    """The processes of one peer, which train their shares of the members together."""

    def __init__(self, workers: list[subprocess.Popen[str]]):
        self.workers = workers

    def ready(self) -> Answer:
        """Returns what the peer is, and how many epochs to measure, once it waits."""
        answers = self._answers()
        longest = max(answer["epoch_seconds"] for answer in answers)
        if longest > EPOCH_LIMIT:
            self.kill()
            raise Failed(f"one epoch of all members takes {longest:.0f} s")
        epochs = min(answer["epochs"] for answer in answers)
        first = max(answer["first_seconds"] for answer in answers)
        together = {"epochs": epochs, "first_seconds": first, "epoch_seconds": longest}
        return answers[0] | together | {"processes": len(answers)}

    def run(self, epochs: int) -> Answer:
        """Returns one measurement, from the first start to the last end."""
        with contextlib.suppress(BrokenPipeError):  # one that died does not answer
            for worker in self.workers:
                print(json.dumps({"epochs": epochs}), file=worker.stdin, flush=True)
        answers = self._answers()
        began = min(answer["began"] for answer in answers)
        seconds = max(answer["ended"] for answer in answers) - began
        device = [a["device_peak_bytes"] for a in answers if a["device_peak_bytes"]]
        return {
            "work": sum(answer["work"] for answer in answers),
            "seconds": seconds,
            "losses": [
                x if math.isfinite(x) else None for x in weighted_curve(answers)
            ],
            "peak_bytes": sum(answer["peak_bytes"] for answer in answers),
            "device_peak_bytes": sum(device) or None,
        }

    def _answers(self) -> list[Answer]:
        """Returns a line of each, having ended those that take too long."""
        late = threading.Event()

        def end():
            late.set()
            self.kill()

        timer = threading.Timer(LIMIT, end)
        timer.daemon = True
        timer.start()
        try:
            lines = [
                worker.stdout.readline() for worker in self.workers if worker.stdout
            ]
        finally:
            timer.cancel()
        if not all(line.endswith("\n") for line in lines):
            self.kill()
            why = f"takes over {LIMIT:g} s" if late.is_set() else "its process died"
            raise Failed(why)
        answers = [json.loads(line) for line in lines]
        for answer in answers:
            if "left_out" in answer:
                self.kill()
                raise Failed(answer["left_out"])
        return answers

    def kill(self) -> None:
        for worker in self.workers:
            worker.kill()


@contextlib.contextmanager
def processes(case: Case, name: str, folder: Path, seconds: float) -> Iterator[Team]:
    """Yields the started processes of a peer; they end with the context."""
    shares = min(cores(), trained(name, case)) if PEERS[name].per_core else 1
    team = Team([])
    try:
        for share in range(shares):
            arguments = {"peer": name, "case": case, "folder": str(folder)}
            arguments |= {"share": (share, shares), "seconds": seconds}
            team.workers.append(
                subprocess.Popen(
                    command(arguments),
                    env=environment(name, shares),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,  # an interrupt ends the race alone
                )
            )
        yield team
    finally:
        for worker in team.workers:
            worker.kill()
            with contextlib.suppress(BrokenPipeError), worker:
                pass


def command(arguments: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", f"{__package__}.worker", json.dumps(arguments)]


def environment(name: str, shares: int) -> dict[str, str]:
    """Returns the environment of a peer: float32, and its part of the cores."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    kept |= {"JAX_DEFAULT_MATMUL_PRECISION": "float32"}
    kept |= {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    # Several processes share an accelerator's memory, so that none may take it all.
    kept |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if PEERS[name].per_core:
        threads = str(cores() // shares)
        kept |= {f"{lib}_NUM_THREADS": threads for lib in ("OMP", "MKL", "OPENBLAS")}
    return kept


def weighted_curve(answers: list[Answer]) -> list[float]:
    """Returns the mean train loss of each epoch over the members of all processes."""
    work = sum(answer["work"] for answer in answers)
    curves = zip(*(answer["losses"] for answer in answers), strict=True)
    weights = [answer["work"] / work for answer in answers]
    return [sum(w * x for w, x in zip(weights, xs, strict=True)) for xs in curves]


def check_memory(case: Case, names: list[str]) -> None:
    """Checks that peers fit into the machine's memory together, as far as is known."""
    workload = WORKLOADS[case.workload]
    each = counts.resident_bytes(workload, case.plain, case.members)
    needed = each * sum(PEERS[name].at_once for name in names)
    if PEERS[names[-1]].at_once and needed > MEMORY_SHARE * machine_memory():
        what = f"needs at least {each / 2**30:.0f} GiB of memory"
        raise Failed(f"{what}, with the other peers {needed / 2**30:.0f} GiB")


def machine_memory() -> int:
    """Returns the machine's memory in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
