"""How fast do models of other libraries train, beside the same one of jaxdl's layers?

python -m experiments.bench.foreign [--repeats 5] [--out FOLDER]

Digits, 256 members of 64-64-10 with batch norm, dropout and Adam. The time of a step of
a member is what 40 more epochs take, so that tracing and compilation are in none. It is
processor time, in which other work on the machine shows less. The arms take turns.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jaxdl as dl
from experiments.bench.foreign_models import Equinox, Linen, Nnx
from experiments.bench.race import say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from jaxdl import interop, nn, optim

UNITS, BATCH_SIZE, MEMBERS, FEW, MANY = 64, 64, 256, 5, 45
SPACE = {"rate": dl.LogUniform(1e-4, 1e-2), "keep_prob": dl.Uniform(0.5, 1.0)}


def own(keep_prob: Any) -> nn.Layer:
    hidden = nn.dense(UNITS, use_bias=False), nn.batch_norm(), nn.relu
    return nn.serial(*hidden, nn.dropout(keep_prob), nn.dense(10))


NETWORKS: dict[str, Callable[[Any], nn.Layer]] = {
    "jaxdl": own,
    "Linen": lambda p: interop.linen(Linen(p, UNITS)),
    "NNX": lambda p: interop.nnx(lambda shape, rngs: Nnx(shape, p, rngs, UNITS)),
    "Equinox": lambda p: interop.equinox(
        lambda shape, key: Equinox(shape, p, key, UNITS)
    ),
}


def main() -> None:
    repeated("foreign", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    return in_turn({name: of(network) for name, network in NETWORKS.items()}, repeats)


def of(network: Callable[[Any], nn.Layer]) -> Callable[[Any], dl.Recipe]:
    """Returns the recipe of a network."""

    def recipe(hp):
        model, optimizer = network(hp["keep_prob"]), optim.adam(hp["rate"])
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, batch_size=BATCH_SIZE)

    return recipe


def in_turn(
    recipes: Mapping[str, Callable[[Any], dl.Recipe]],
    repeats: int,
    space: Mapping[str, Any] = SPACE,
) -> dict[str, Any]:
    """Returns microseconds of a member-step of each recipe, one for each repeat."""
    data = dl.data.load("digits")
    found: dict[str, list[float]] = {name: [] for name in recipes}
    for repeat in range(1 + repeats):  # the first one compiles
        say(f"repeat {repeat} of {repeats}")
        for name in reversed([*recipes]) if repeat % 2 else recipes:
            found[name].append(step_time(recipes[name], space, data))
    return {"times": {name: times[1:] for name, times in found.items()}}


def step_time(
    recipe: Callable[[Any], dl.Recipe], space: Mapping[str, Any], data: dl.data.Splits
) -> float:
    steps = MEMBERS * (MANY - FEW) * data.steps_per_epoch(BATCH_SIZE)
    few, many = (processor_time(recipe, space, data, n) for n in (FEW, MANY))
    return 1e6 * (many - few) / steps


def processor_time(
    recipe: Callable[[Any], dl.Recipe],
    space: Mapping[str, Any],
    data: dl.data.Splits,
    epochs: int,
) -> float:
    """Returns the seconds of all processors that a sweep takes."""
    began = time.process_time()
    dl.sweep(recipe, space, data, key=0, members=MEMBERS, epochs=epochs, progress=False)
    return time.process_time() - began


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table.

    Speeds are beside the first of what was measured.
    """
    lines = [
        heading(record),
        "Microseconds of processors a member-step; speeds are of one repeat.",
        "",
    ]
    first, base = next(iter(record["times"].items()))
    lines += [row(["", "time", f"speed beside {first}"]), row(["---"] * 3)]
    for name, times in record["times"].items():
        speeds = [a / b for a, b in zip(base, times, strict=True)]
        lines.append(row([name, spread(times), spread(speeds)]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
