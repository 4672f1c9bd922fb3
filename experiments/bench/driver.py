"""What does a large sweep cost the process that drives it, training aside?

python -m experiments.bench.driver [--members 100000] [--folder runs/bench]

One block of the digits network with 4 units trains, 20 epochs; every other block is a
copy of it, so that all that remains is the driver's work: layout, ledger, progress, and
the run folder. Prints the processor time of a block, from the first one to the end of
the sweep; what came before; then the seconds of the same call again, which finds the
run finished, and of `read_result`.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxdl as dl
from experiments import digits
from jaxdl.engine import crew
from jaxdl.sweeps import read_result

EPOCHS = 20
SPACE = digits.space._replace(units=4)


class Copies:
    """Stands for `train_block`: trains one block and returns copies of it.

    Attributes:
        began: the processor time when the first copy was made; None: not yet.
        count: of copies.
    """

    def __init__(self, train_block: Callable[..., Any]):
        self.train_block = train_block
        self.lock = threading.Lock()
        self.first: Any = None
        self.began: float | None = None
        self.count = 0

    def __call__(self, programs, block, width, shared, carry, report, *, last):
        with self.lock:
            if self.first is None:
                whole = block._replace(first=0, until=EPOCHS)
                self.first = self.train_block(
                    programs, whole, width, shared, None, lambda *_: None, last=False
                )
                self.began = time.process_time()
            self.count += 1
        one, n = self.first, len(block.members)
        metrics = {name: curve[:, :n] for name, curve in one.metrics.items()}
        for epoch in range(block.first, block.until):
            now = {name: curve[epoch] for name, curve in metrics.items()}
            report(epoch, one.status[:n], now)
        ends = ("status", "stopped_at", "steps")
        return one._replace(
            block=block,
            metrics={k: x[block.first : block.until] for k, x in metrics.items()},
            kept_epoch=np.full(n, block.until - 1, np.int32),
            **{name: getattr(one, name)[:n] for name in ends},
        )


def main() -> None:
    options = parser().parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    crew.train_block = copies = Copies(crew.train_block)
    try:
        began = time.process_time()
        train(options.members, folder)
        assert copies.began is not None
        block = (time.process_time() - copies.began) / copies.count
        print(f"{options.members:,} members, {copies.count:,} blocks")
        print(f"before the first copy: {copies.began - began:.2f} s of the processor")
        print(f"a block: {1000 * block:.2f} ms of the processor", flush=True)
        again = seconds(lambda: train(options.members, folder))
        print(f"the same call again: {again:.1f} s")
        read = seconds(lambda: read_result(folder, digits.recipe, space=SPACE))
        print(f"read_result: {read:.1f} s")
    finally:
        shutil.rmtree(folder)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.driver")
    options.add_argument("--members", type=int, default=100_000)
    options.add_argument("--folder", type=Path, default=Path("runs/bench"))
    return options


def train(members: int, folder: Path) -> dl.SweepResult:
    return dl.sweep(
        digits.recipe, SPACE, digits.data, key=jax.random.key(0), members=members,
        epochs=EPOCHS, run_dir=folder, progress=False,
    )  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
