"""How many members should a block have? The measurements behind `dl.make_plan`.

python -m experiments.bench.widths [--workloads S,M] [--repeats 5] [--out FOLDER]

Each network is trained by `sweep` at every width in turn, again and again.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jaxdl as dl
from experiments.bench import material
from experiments.bench.peers import jaxdl_sweep
from experiments.bench.race import say
from experiments.bench.record import keep, surroundings
from experiments.bench.table import heading, rates, row, spread
from experiments.bench.worker import calibrate, measure
from experiments.bench.workloads import Case, read_task

WIDTHS = {  # up to half of the members, so that two workers have a block each
    "S": (128, (1, 2, 4, 8, 16, 32, 64)),
    "M": (32, (1, 2, 4, 8, 16)),
    "L": (8, (1, 2, 4)),
    "V": (8, (1, 2, 4)),
}
SECONDS = 2.0  # of one measurement, about


def main() -> None:
    options = parser().parse_args()
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-widths"
    record = {"name": name, "surroundings": surroundings()}
    record["settings"] = {"repeats": options.repeats, "seconds": SECONDS}
    record["workloads"] = {w: widths(w, options.repeats) for w in options.workloads}
    keep(record, markdown(record), options.out)
    print(markdown(record))


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.widths")
    options.add_argument("--workloads", type=lambda x: x.split(","), default=WIDTHS)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--out", type=Path, default=Path("runs/bench"))
    return options


def widths(workload: str, repeats: int) -> dict[str, Any]:
    """Returns the plan's own width, and what was measured at each."""
    members, choices = WIDTHS[workload]
    with TemporaryDirectory() as folder:
        material.write(workload, members, Path(folder))
        task = read_task(Case(workload, members, False), members, Path(folder), 0, 1)
    runs = {w: jaxdl_sweep.prepare(task, dl.Plan(w)) for w in choices}
    found: dict[int, list[dict[str, Any]]] = {w: [] for w in choices}
    epochs = 1
    for width, run in runs.items():
        say(f"{workload}: compiling blocks of {width}")
        run(1)
        epochs = max(epochs, calibrate(run, SECONDS)["epochs"])
    for repeat in range(repeats):
        say(f"{workload}: repeat {repeat + 1} of {repeats}")
        for width in reversed(choices) if repeat % 2 else choices:
            answer = measure(runs[width], epochs)
            found[width].append({k: answer[k] for k in ("work", "seconds")})
    chosen = jaxdl_sweep.sweeper(task)(members=1, epochs=1).task.block_width
    return {"members": members, "chosen": chosen, "epochs": epochs, "widths": found}


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table for each network."""
    lines = [
        heading(record),
        "Member-steps a second, median (least to most); * is the plan's width.",
    ]
    for name, found in record["workloads"].items():
        lines += ["", f"## {name}, {found['members']} members", ""]
        lines += [row(["width", "member-steps/s"]), row(["---", "---"])]
        for width, repeats in found["widths"].items():
            star = " *" * (int(width) == found["chosen"])
            lines.append(row([f"{width}{star}", spread(rates({"repeats": repeats}))]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
