"""What do repeats and folds cost beside their members' own steps?

python -m experiments.bench.variants [--repeats 5] [--out FOLDER]

Each sweep with repeats or folds is compared with a plain one of as many members, in
turn, by the time that a step of a member takes: on the clock, and of the processors, in
which other work on the machine shows less. All programs are compiled before.
"""

import functools
import time
from typing import Any, NamedTuple

import numpy as np

import jaxdl as dl
from experiments.bench.race import say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from jaxdl import nn, optim

BATCH_SIZE = 64
SPACE = {"rate": dl.LogUniform(1e-4, 1e-2)}


class Comparison(NamedTuple):
    """A sweep with variants, and the plain one that it is compared with."""

    data: str  # a key of DATA
    hidden: tuple[int, ...]  # units of the hidden layers
    epochs: int
    varied: dict[str, Any]
    plain: int  # members


COMPARISONS = (
    Comparison("digits", (32, 32, 32), 20, {"members": 1, "repeats": 96}, 96),
    Comparison("digits", (32, 32, 32), 20, {"members": 6, "repeats": 16}, 96),
    Comparison("noise", (64,), 1, {"members": 6, "repeats": 16}, 96),
    Comparison("digits", (32, 32, 32), 20, {"members": 20, "folds": 5}, 100),
)


def main() -> None:
    repeated("variants", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns the times of every comparison."""
    found = []
    for comparison in COMPARISONS:
        what = describe(comparison)
        say(f"{what}: {repeats} repeats")
        found.append({"what": what, **compare(comparison, repeats)})
    return {"comparisons": found}


def noise() -> dl.data.Splits:
    """Returns 60,000 examples of 64 random features, to train on."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(64_000, 64)).astype(np.float32)
    examples = dl.data.from_arrays(inputs, rng.integers(10, size=64_000), classes=10)
    return dl.data.Splits(examples[:60_000], examples[60_000:62_000], examples[62_000:])


DATA = {"digits": lambda: dl.data.load("digits"), "noise": noise}


def compare(comparison: Comparison, repeats: int) -> dict[str, list[list[float]]]:
    """Returns the times of a member-step of both sweeps, a pair for each repeat."""
    recipe = functools.partial(network, comparison.hidden)
    data = DATA[comparison.data]()
    arms = {"varied": comparison.varied, "plain": {"members": comparison.plain}}
    found: dict[str, list[list[float]]] = {arm: [] for arm in arms}
    for repeat in range(1 + repeats):
        for arm in reversed(arms) if repeat % 2 else arms:
            found[arm].append(step_time(recipe, data, comparison.epochs, arms[arm]))
    return {arm: times[1:] for arm, times in found.items()}


def network(hidden: tuple[int, ...], hp: dict[str, Any]) -> dl.Recipe:
    layers = [layer for units in hidden for layer in (nn.dense(units), nn.relu)]
    model, optimizer = nn.serial(*layers, nn.dense(10)), optim.adam(hp["rate"])
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=BATCH_SIZE)


def step_time(
    recipe: Any, data: dl.data.Splits, epochs: int, settings: dict[str, Any]
) -> list[float]:
    """Returns microseconds of a member-step of a sweep: on the clock, of processors."""
    began = time.monotonic(), time.process_time()
    result = dl.sweep(
        recipe, SPACE, data, key=0, epochs=epochs, progress=False, **settings
    )
    ended = time.monotonic(), time.process_time()
    facts = result.member(0).facts
    steps = len(result.status) * epochs * facts.steps_per_epoch(BATCH_SIZE)
    return [1e6 * (b - a) / steps for a, b in zip(began, ended, strict=True)]


def describe(comparison: Comparison) -> str:
    settings = ", ".join(f"{name}={n}" for name, n in comparison.varied.items())
    units = "-".join(map(str, comparison.hidden))
    return f"{settings} against members={comparison.plain}, {comparison.data}, {units}"


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    lines = [
        heading(record),
        "Microseconds a member-step; ratios are of one repeat.",
        "",
    ]
    columns = ["what", "time", "with variants", "plain", "ratio"]
    lines += [row(columns), row(["---"] * len(columns))]
    for found in record["comparisons"]:
        for i, clock in enumerate(("clock", "processor")):
            varied, plain = ([x[i] for x in found[arm]] for arm in ("varied", "plain"))
            ratios = [a / b for a, b in zip(varied, plain, strict=True)]
            lines.append(
                row([found["what"], clock, *map(spread, (varied, plain, ratios))])
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
