"""Is jaxdl exact on this accelerator, how fast is it, and is the plan's width right?

python -m experiments.bench.accelerator [--workloads S,M,L,V] [--repeats 3] [--out DIR]

Meant to take at most 8 minutes on a GPU. First exactness: a member has the same bits
among 7 and among 256 members, beside neighbours that diverge, alone in another place of
a block, and after an interruption. Then S, M, L and V against JAX as its tutorials have
it and against PyTorch, each in processes of its own; then the plan's width and its
neighbours. It also runs on a CPU.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxdl as dl
from experiments import digits
from experiments.bench import material
from experiments.bench.__main__ import needs
from experiments.bench.peers import jaxdl_sweep
from experiments.bench.race import race, say
from experiments.bench.record import keep, surroundings
from experiments.bench.table import heading, rates, row, section, spread
from experiments.bench.worker import calibrate, measure
from experiments.bench.workloads import WORKLOADS, Case, read_task
from jaxdl import runs
from jaxdl.engine import SweepProgress

PEERS = ("jaxdl_sweep", "textbook_jax", "torch_func")
EPOCHS = 3  # of what is compared to the bit
FEW, MANY = 7, 256
SPACE: Any = digits.space


def main() -> None:
    # Peers train on the same device later: this process must not take its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    options = parser().parse_args()
    began = time.monotonic()
    record = {
        "name": f"{time.strftime('%Y-%m-%d-%H%M%S')}-accelerator",
        "surroundings": surroundings(),
        "settings": {"repeats": options.repeats, "seconds": options.seconds},
        "device": jax.devices()[0].device_kind,
        "exact": {name: same() for name, same in EXACT.items()},
        "cases": [],
        "widths": {},
    }
    for name in options.workloads:
        record["cases"].append(compared(name, options))
        record["widths"][name] = widths(name, options)
    record["minutes"] = (time.monotonic() - began) / 60
    text = markdown(record)
    keep(record, text, options.out)
    print(text)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.accelerator")
    add = options.add_argument
    add("--workloads", type=lambda x: x.split(","), default=list(WORKLOADS))
    add("--members", type=int, help="how many models; default: the headline's")
    add("--repeats", type=int, default=3)
    add("--seconds", type=float, default=1.5, help="of one measurement, about")
    add("--out", type=Path, default=Path("runs/bench"))
    return options


def train(members: int, space: Any = SPACE, **settings: Any) -> dl.SweepResult:
    usual: dict[str, Any] = {"key": 0, "epochs": EPOCHS, "progress": False}
    return dl.sweep(
        digits.recipe, space, digits.data, members=members, **usual | settings
    )


def equal(one: dl.SweepResult, other: dl.SweepResult, members: list[int]) -> bool:
    """Returns whether members have the same weights and curves in two results."""
    pairs = [
        (x.params, x.state, x.metrics, y.params, y.state, y.metrics)
        for x, y in ((one.member(i), other.member(i)) for i in members)
    ]
    return all(
        np.array_equal(a, b, equal_nan=True)
        for pair in pairs
        for a, b in zip(*map(jax.tree.leaves, (pair[:3], pair[3:])), strict=True)
    )


def among_few_and_many() -> bool:
    return equal(train(FEW), train(MANY), [*range(FEW)])


def beside_neighbors_that_diverge() -> bool:
    rates = np.full(FEW, 0.01, np.float32)
    wild = np.where(np.arange(FEW) % 2, np.float32(1e30), rates)
    calm, mixed = (
        train(FEW, SPACE._replace(learning_rate=own)) for own in (rates, wild)
    )
    return equal(calm, mixed, [*range(0, FEW, 2)])


def in_another_place() -> bool:
    result = train(FEW)
    try:
        dl.replay(result, digits.recipe, digits.data, FEW - 1, progress=False)
    except runs.RunMismatchError:
        return False
    return True


def after_an_interruption() -> bool:
    def interrupt(progress: SweepProgress) -> None:
        if progress.rung > 1:  # the first is on record
            raise KeyboardInterrupt

    rungs = {"search": dl.halving(2)}

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        try:
            train(MANY, run_dir=run, progress=interrupt, **rungs)
        except KeyboardInterrupt:
            resumed = train(MANY, run_dir=run, **rungs)
            return equal(resumed, train(MANY, **rungs), [0, MANY - 1])
        return False


EXACT: dict[str, Callable[[], bool]] = {
    f"among {FEW} and {MANY} members": among_few_and_many,
    "beside neighbors that diverge": beside_neighbors_that_diverge,
    "in another place of a block": in_another_place,
    "after an interruption": after_an_interruption,
}


def compared(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Returns what the peers reached on a workload, and how long they compiled."""
    members = options.members or WORKLOADS[name].headline
    case = Case(name, members, False)
    with tempfile.TemporaryDirectory() as folder:
        material.write(name, members, Path(folder))
        where = Path(folder), options.repeats, options.seconds
        return case._asdict() | needs(case) | {"peers": race(case, PEERS, *where)}


def widths(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Returns what was measured at the plan's width, half of it and twice of it."""
    members = options.members or WORKLOADS[name].headline
    with tempfile.TemporaryDirectory() as folder:
        material.write(name, members, Path(folder))
        task = read_task(Case(name, members, False), members, Path(folder), 0, 1)
    chosen = jaxdl_sweep.sweeper(task)(members=1, epochs=1).task.block_width
    choices = [w for w in (chosen // 2, chosen, 2 * chosen) if 1 <= w <= members]
    found = {}
    for width in choices or [chosen]:
        say(f"{name}: blocks of {width}")
        run = jaxdl_sweep.prepare(task, dl.Plan(width))
        run(1)
        epochs = calibrate(run, options.seconds)["epochs"]
        repeats = [measure(run, epochs) for _ in range(options.repeats)]
        found[width] = [{k: one[k] for k in ("work", "seconds")} for one in repeats]
    return {"chosen": chosen, "widths": found}


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown."""
    lines = [heading(record), f"On {record['device']}.", "", "## Exactness", ""]
    lines += [row(["a member has the same bits", ""]), row(["---", "---"])]
    lines += [row([k, "yes" if v else "NO"]) for k, v in record["exact"].items()]
    for case in record["cases"]:
        lines += ["", section(case)]
    lines += ["", "## Widths", "", "Member-steps a second; * is the plan's width.", ""]
    lines += [row(["workload", "width", "member-steps/s"]), row(["---"] * 3)]
    for name, found in record["widths"].items():
        for width, repeats in found["widths"].items():
            star = " *" * (int(width) == found["chosen"])
            own = spread(rates({"repeats": repeats}))
            lines.append(row([name, f"{width}{star}", own]))
    return "\n".join([*lines, "", f"All of it took {record['minutes']:.1f} minutes."])


if __name__ == "__main__":
    main()
