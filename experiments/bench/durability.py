"""How much longer does a sweep take when it keeps a run folder?

python -m experiments.bench.durability [--pairs 10] [--folder runs/bench]

The digits sweep, 256 members of 20 epochs, with a run folder and without one, in turn.
Prints the mean of the seconds with the folder over those without it, less 1, in
percent, and its standard error over the pairs. Another sweep comes before, so that
nothing is compiled.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import jax

import jaxdl as dl
from experiments import digits

MEMBERS, EPOCHS = 256, 20


def main() -> None:
    options = parser().parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    costs = []
    for pair in range(1 + options.pairs):
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        places = (folder, None) if pair % 2 else (None, folder)
        seconds = {place: train(pair, place) for place in places}
        shutil.rmtree(folder)
        costs.append(100 * (seconds[folder] / seconds[None] - 1))
    error = statistics.stdev(costs[1:]) / len(costs[1:]) ** 0.5
    print(f"a run folder costs {statistics.mean(costs[1:]):.1f} ± {error:.1f} %")


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.durability")
    options.add_argument("--pairs", type=int, default=10)
    options.add_argument("--folder", type=Path, default=Path("runs/bench"))
    return options


def train(seed: int, folder: Path | None) -> float:
    """Returns the seconds of a sweep."""
    began = time.monotonic()
    dl.sweep(
        digits.recipe, digits.space, digits.data, key=jax.random.key(seed),
        members=MEMBERS, epochs=EPOCHS, run_dir=folder, progress=False,
    )  # fmt: skip
    return time.monotonic() - began


if __name__ == "__main__":
    main()
