"""A thousand networks of one hidden layer, 1 to 50 units wide: jaxdl and PyTorch.

python -m experiments.bench.networks [--repeats 5] [--out FOLDER]

Widths 1 to 50, four activations, five of each, batches of 256 on the pictures of
clothes. jaxdl trains all of them in one call of `sweep`, evaluation included. PyTorch
trains them one after another in a process a core: in each repeat another tenth of them,
of every width and activation alike.
"""

import functools
import itertools
import multiprocessing
import time
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.bench.race import cores, say
from experiments.bench.record import repeated
from experiments.bench.table import heading, rates, row, spread
from jaxdl import nn, optim
from jaxdl.engine.forecast import padding

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid")
NETWORKS = [*itertools.product(range(1, 51), ACTIVATIONS, range(5))]
BATCH_SIZE, LEARNING_RATE, EPOCHS, TENTH = 256, 0.001, 1, 10


class Hparams(NamedTuple):
    units: Any
    activation: Any  # the name of one


SPACE = Hparams(
    dl.AsSize(np.array([units for units, _, _ in NETWORKS])),
    np.array([name for _, name, _ in NETWORKS], object),
)


def recipe(hp: Hparams) -> dl.Recipe:
    return dl.Recipe(
        model=nn.serial(
            nn.flatten, nn.dense(hp.units), getattr(nn, hp.activation), nn.dense(10)
        ),
        optimizer=optim.adam(LEARNING_RATE),
        loss=nn.softmax_cross_entropy,
        batch_size=BATCH_SIZE,
    )


def main() -> None:
    repeated("networks", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns what both took in each repeat, and what jaxdl computed beside."""
    data = dl.data.load("fashion_mnist")
    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    result = with_jaxdl(data, 0)
    first = time.monotonic() - began
    found: dict[str, Any] = {"jaxdl": [], "PyTorch": []}
    with context.Pool(cores()) as pool:
        pool.map(train_share, [NETWORKS[:1]] * cores(), chunksize=1)
        for repeat in range(repeats):
            say(f"repeat {repeat + 1} of {repeats}")
            began = time.monotonic()
            with_jaxdl(data, repeat)
            steps = len(NETWORKS) * EPOCHS * data.steps_per_epoch(BATCH_SIZE)
            found["jaxdl"].append(measured(steps, began))
            some = NETWORKS[repeat % TENTH :: TENTH]
            began = time.monotonic()
            shares = [some[i :: cores()] for i in range(cores())]
            steps = sum(pool.map(train_share, shares, chunksize=1))
            found["PyTorch"].append(measured(steps, began))
    blocks = [block.block for block in result.blocks if block is not None]
    return {
        "repeats": found,
        "first_seconds": first,
        "width": result.task.block_width,
        "programs": len({block.structure for block in blocks}),
        "padding": padding(blocks, result.task.block_width),
    }


def measured(steps: int, began: float) -> dict[str, float]:
    return {"work": steps, "seconds": time.monotonic() - began}


def with_jaxdl(data: dl.data.Splits, seed: int) -> dl.SweepResult:
    size = {"members": len(NETWORKS), "epochs": EPOCHS, "key": jax.random.key(seed)}
    plan = dl.Plan(max_programs=16)  # 4 activations, and 4 bounds of units
    return dl.sweep(recipe, SPACE, data, **size, plan=plan, progress=False)


@functools.cache
def tensors() -> tuple[Any, Any]:
    """Returns the data for PyTorch, which from then on has one core in this process."""
    import torch

    torch.set_num_threads(1)
    train = dl.data.load("fashion_mnist").train
    inputs = np.asarray(train.inputs, np.float32).reshape(len(train.labels), -1)
    return torch.from_numpy(inputs), torch.from_numpy(np.asarray(train.labels)).long()


def train_share(networks: list[tuple[int, str, int]]) -> int:
    """Trains networks one after another; returns how many steps that took."""
    return sum(train_one(units, activation) for units, activation, _ in networks)


def train_one(units: int, activation: str) -> int:
    import torch
    from torch.nn import GELU, CrossEntropyLoss, Linear, ReLU, Sigmoid, Tanh

    inputs, labels = tensors()
    kinds = dict(zip(ACTIVATIONS, (ReLU, GELU, Tanh, Sigmoid), strict=True))
    model = torch.nn.Sequential(
        Linear(inputs.shape[1], units), kinds[activation](), Linear(units, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    criterion, steps = CrossEntropyLoss(), 0
    for _ in range(EPOCHS):
        for index in torch.randperm(len(inputs)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = criterion(model(inputs[index]), labels[index])
            loss.backward()
            optimizer.step()
            steps += 1
    return steps


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then what both reached."""
    ours, theirs = (
        rates({"repeats": record["repeats"][name]}) for name in ("jaxdl", "PyTorch")
    )
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    more = [f"{ratio:.2f}x {name}" for name, ratio in record["padding"].items()]
    lines = [
        heading(record),
        "Member-steps a second, median (least to most).",
        "",
        *(row(["", "member-steps/s"]), row(["---", "---"])),
        *(row(["jaxdl", spread(ours)]), row(["PyTorch", spread(theirs)])),
        row(["ratio", spread(ratios)]),
        "",
        f"{record['programs']} programs, blocks of {record['width']}; computed for "
        f"what is live: {', '.join(more)}. The first call took "
        f"{record['first_seconds']:.0f} s, compilation included.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
