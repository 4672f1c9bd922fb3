"""A sweep in shards, merged: time, memory, disk, and whether the losses are right.

    python -m experiments.bench.shards [MEMBERS [SHARDS [FOLDER]]]

Each shard is a process of its own, one after another. The losses of 1,000 members are
compared with those of a plain sweep whose search asks for these members alone. Prints a
line of JSON for each step, and fails if a loss differs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.searches import Rung, random
from jaxdl.searches.rungs import pick

SAMPLED, KEEP, EXAMPLES = 1_000, 100, 64
SETTINGS: dict[str, Any] = {"key": 0, "epochs": 1}
SPACE = {"rate": dl.LogUniform(1e-3, 1.0), "beta": dl.OneMinusLogUniform(0.5, 0.99)}


def make_data() -> dl.data.Splits:
    """Returns the four quadrants of a plane in two classes."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(EXAMPLES, 2)).astype(np.float32)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).astype(int)
    dataset = dl.data.from_arrays(inputs, labels, classes=["no", "yes"])
    return dl.data.split(dataset, key=jax.random.key(0))


def recipe(hp: Any) -> dl.Recipe:
    """A network of 2, 4 and 2 units."""
    model = nn.serial(nn.dense(4), nn.tanh, nn.dense(2))
    optimizer = optim.momentum(hp["rate"], beta=hp["beta"])
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=16)


def train_shard(members: int, number: int, count: int, folder: Path) -> None:
    """Trains a shard in a folder of its own."""
    dl.sweep(
        recipe, SPACE, make_data(), members=members, shard=(number, count), keep=KEEP,
        run_dir=folder / str(number), progress=False, **SETTINGS,
    )  # fmt: skip


def merge(members: int, folder: Path) -> None:
    """Merges the shards."""
    assert dl.sweeps.merge(folder, progress=False) == members


def look(members: int, folder: Path) -> None:
    """Reads the merged run, and compares losses with those of a plain sweep."""
    began = time.monotonic()
    result = dl.sweeps.read_result(folder, recipe)
    print(json.dumps({"read_seconds": round(time.monotonic() - began, 1)}))
    print(result.table(3))
    ids = np.sort(np.random.default_rng(1).choice(members, SAMPLED, replace=False))

    def sampled(key, space, members, epochs):
        rung = next(random()(key, space, members, epochs))
        yield Rung(ids, pick(rung.hparams, ids), rung.until[ids])

    plain = dl.sweep(
        recipe, SPACE, make_data(), members=members, search=sampled, progress=False,
        **SETTINGS,
    )  # fmt: skip
    for name, values in plain.metrics.items():
        assert np.isfinite(values[ids]).any()
        np.testing.assert_array_equal(values[ids], result.metrics[name][ids])
    weights = result.best().params
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights))
    assert result.kept is not None and result.kept.sum() == KEEP
    print(json.dumps({"equal": len(ids)}))


def bytes_of(folder: Path) -> int:
    """Returns what the files of a merged run take, without those of its shards."""
    own = (p for p in folder.rglob("*") if not p.relative_to(folder).parts[0].isdigit())
    return sum(512 * path.stat().st_blocks for path in own)


def step(name: str, *arguments: object) -> None:
    """Runs a step in a process of its own; prints its seconds and its peak memory."""
    began = time.monotonic()
    command = [sys.executable, "-m", "experiments.bench.shards", name]
    child = subprocess.Popen([*command, *map(str, arguments)])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    found = {
        "step": name,
        "arguments": [str(x) for x in arguments[:-1]],
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": usage.ru_maxrss // 1024,  # Linux counts in KiB
    }
    print(json.dumps(found), flush=True)


def main(members: int = 1_000_000, count: int = 8, folder: str | None = None) -> None:
    """Trains all shards, merges them and looks at the result."""
    with tempfile.TemporaryDirectory() as own:
        place = Path(folder or own)
        for number in range(count):
            step("shard", members, number, count, place)
        step("merge", members, place)
        print(json.dumps({"folder_mib": bytes_of(place) // 2**20}))
        step("look", members, place)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["shard", members, number, count, folder]:
            train_shard(int(members), int(number), int(count), Path(folder))
        case ["merge", members, folder]:
            merge(int(members), Path(folder))
        case ["look", members, folder]:
            look(int(members), Path(folder))
        case [members, count, folder]:
            main(int(members), int(count), folder)
        case [members, count]:
            main(int(members), int(count))
        case [members]:
            main(int(members))
        case _:
            main()
