"""Arms that take turns: the time of a step of a member, in sweeps over the digits.

The time is what 40 more epochs of 256 members take, so that tracing and compilation are
in none. It is processor time, in which other work on the machine shows less.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jaxdl as dl
from experiments.bench.race import say
from experiments.bench.table import heading, row, spread

UNITS, BATCH_SIZE, MEMBERS, FEW, MANY = 64, 64, 256, 5, 45
DATA = dl.data.load("digits")
SPACE = {"rate": dl.LogUniform(1e-4, 1e-2), "keep_prob": dl.Uniform(0.5, 1.0)}

Arm = Callable[[int], object]  # gets a number of epochs


def arm(recipe: Callable[[Any], dl.Recipe], space: Any = SPACE) -> Arm:
    """Returns the sweep over a recipe."""
    size = {"members": MEMBERS, "progress": False}
    return lambda epochs: dl.sweep(recipe, space, DATA, key=0, epochs=epochs, **size)


def in_turn(arms: Mapping[str, Arm], repeats: int) -> dict[str, Any]:
    """Returns microseconds of a member-step of each arm, one for each repeat."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for repeat in range(1 + repeats):  # the first one compiles
        say(f"repeat {repeat} of {repeats}")
        for name in reversed([*arms]) if repeat % 2 else arms:
            found[name].append(step_time(arms[name]))
    return {"times": {name: times[1:] for name, times in found.items()}}


def step_time(arm: Arm) -> float:
    steps = MEMBERS * (MANY - FEW) * DATA.steps_per_epoch(BATCH_SIZE)
    few, many = (processor_time(arm, epochs) for epochs in (FEW, MANY))
    return 1e6 * (many - few) / steps


def processor_time(arm: Arm, epochs: int) -> float:
    """Returns the seconds of all processors that an arm takes."""
    began = time.process_time()
    arm(epochs)
    return time.process_time() - began


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table.

    Speeds are relative to the first arm.
    """
    lines = [
        heading(record),
        "Microseconds of processors a member-step; speeds are of one repeat.",
        "",
    ]
    first, base = next(iter(record["times"].items()))
    lines += [row(["arm", "time", f"speed beside {first}"]), row(["---"] * 3)]
    for name, times in record["times"].items():
        speeds = [a / b for a, b in zip(base, times, strict=True)]
        lines.append(row([name, spread(times), spread(speeds)]))
    return "\n".join(lines)
