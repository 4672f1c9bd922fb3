"""What does it cost to read the inputs from a file while a sweep trains?

python -m experiments.bench.streaming [--repeats 5] [--out FOLDER]

Speed: the same sweep on an array, and on a memory map of it, in turn, with programs
that are compiled before. Each pair of times is of EPOCHS more epochs than a sweep of
one. The small examples and the small network give reading its largest share.

Memory: the anonymous memory of a process (RssAnon) that splits, normalizes and trains
on a memory map of 4 GiB, a sparse file, sampled every 50 ms: the most beyond what it
was before there were data.
"""

import functools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxdl as dl
from experiments.bench.race import say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from jaxdl import nn, optim

MEMBERS, EPOCHS = 32, 2
# examples, features, units of a hidden layer, batch size
SIZES = {"small": (100_000, 64, 32, 64), "wide": (20_000, 1024, 64, 128)}
ORDERS = {"shared": {}, "own": {"repeats": 2}}
GIBIBYTES, WIDE = 4, 4096  # of the file, and features of its examples
SPACE = {"rate": dl.LogUniform(1e-4, 1e-2)}


def main() -> None:
    repeated("streaming", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns the ratios of speeds by size and order, and the anonymous memory."""
    speed = {
        f"{size}, {order} order": list(ratios(size, ORDERS[order], repeats))
        for size in SIZES
        for order in ORDERS
    }
    return {"speed": speed, "memory": [most_memory()]}


def ratios(size: str, settings: dict[str, Any], repeats: int) -> Iterator[float]:
    """Yields how fast a sweep on a memory map is, over one on the array."""
    say(f"{size} {settings or ''}: {repeats} repeats")
    m, features, units, batch = SIZES[size]
    inputs = np.random.default_rng(0).standard_normal((m, features), np.float32)
    labels = np.random.default_rng(1).integers(0, 10, m)
    train = functools.partial(seconds, units, batch, settings)
    with tempfile.TemporaryDirectory() as folder:
        mapped = memory_map(Path(folder) / "inputs", inputs.shape)
        mapped[:] = inputs
        pair = prepared(inputs, labels), prepared(mapped, labels)
        for data in pair:
            train(data, 1)  # compiles
        for _ in range(repeats):
            array, streamed = (train(d, 1 + EPOCHS) - train(d, 1) for d in pair)
            yield array / streamed


def seconds(
    units: int, batch: int, settings: dict[str, Any], data: dl.data.Splits, epochs: int
) -> float:
    """Returns how long a sweep takes."""
    recipe = functools.partial(network, units, batch)
    members = MEMBERS // settings.get("repeats", 1)
    common = {"key": 0, "progress": False, "members": members}
    began = time.monotonic()
    dl.sweep(recipe, SPACE, data, epochs=epochs, **common, **settings)
    return time.monotonic() - began


def network(units: int, batch: int, hp: dict[str, Any]) -> dl.Recipe:
    """Returns a network of two hidden layers."""
    hidden = (nn.dense(units), nn.relu, nn.dense(units), nn.relu)
    model = nn.serial(*hidden, nn.dense(10))
    optimizer, loss = optim.adam(hp["rate"]), nn.softmax_cross_entropy
    return dl.Recipe(model, optimizer, loss, batch_size=batch)


def memory_map(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Returns a new memory map of zeros, which takes no room on the disk yet."""
    return np.memmap(path, np.float32, "w+", shape=shape)


def prepared(inputs: Any, labels: np.ndarray) -> dl.data.Splits:
    """Returns normalized splits, most examples of which train."""
    whole = dl.data.from_arrays(inputs, labels, classes=10)
    splits = dl.data.split(whole, "98:1:1", key=jax.random.key(0))
    return dl.data.normalize(splits)


def most_memory() -> float:
    """Returns the anonymous memory that a process of its own takes, in bytes."""
    say(f"a memory map of {GIBIBYTES} GiB")
    command = [sys.executable, "-c", f"from {__spec__.name} import report; report()"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(done.stdout.split()[-1])


def report() -> None:
    """Prints the most anonymous memory of an epoch on a large memory map."""
    m = GIBIBYTES * 2**30 // (4 * WIDE)
    labels = np.arange(m) % 10
    before, samples, stop = anonymous(), [0], threading.Event()

    def sample() -> None:
        while not stop.wait(0.05):
            samples.append(anonymous())

    watcher = threading.Thread(target=sample)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder:
        mapped = memory_map(Path(folder) / "inputs", (m, WIDE))
        seconds(4, 256, {}, prepared(mapped, labels), 1)
    stop.set()
    watcher.join()
    print(max(samples) - before)


def anonymous() -> int:
    """Returns the anonymous memory of this process, in bytes; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(x for x in lines if x.startswith("RssAnon")).split()[1])


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    columns = ["sweep", "speed on a memory map over that on an array"]
    lines = [heading(record), row(columns), row(["---"] * len(columns))]
    lines += [row([name, spread(found)]) for name, found in record["speed"].items()]
    most = record["memory"][0] / 2**20
    words = f"A memory map of {GIBIBYTES} GiB: {most:,.0f} MiB of anonymous memory."
    return "\n".join([*lines, "", words])


if __name__ == "__main__":
    main()
