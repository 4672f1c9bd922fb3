"""Where the data and the hyperparameters of all peers come from: jaxdl's own draws."""

import sys
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments.bench.workloads import WORKLOADS, Workload

SEED = 0


class Hparams(NamedTuple):
    learning_rate: float
    beta1: float
    keep_prob: float


SPACE = Hparams(
    learning_rate=dl.LogUniform(1e-4, 1e-2),
    beta1=dl.OneMinusLogUniform(0.8, 0.99),
    keep_prob=dl.Uniform(0.5, 1.0),
)


def write(workload: str, members: int, folder: Path) -> None:
    """Writes what `workloads.read_task` reads, unless it is there."""
    data, drawn = folder / f"{workload}.npz", folder / f"{members}.npz"
    if not data.exists():
        np.savez(data, allow_pickle=False, **arrays(WORKLOADS[workload]))
    if not drawn.exists():
        hparams = dl.sample(jax.random.key(SEED), SPACE, members)
        np.savez(drawn, allow_pickle=False, **hparams._asdict())


def arrays(workload: Workload) -> dict[str, np.ndarray]:
    """Returns the first examples of the data set as train set, the next as dev set."""
    sets = dl.data.load(workload.dataset).sets.values()
    inputs = np.concatenate([s.inputs for s in sets]).reshape(-1, *workload.shape)
    labels = np.concatenate([s.labels for s in sets])
    end = workload.train + workload.dev
    return {
        "train_inputs": inputs[: workload.train],
        "train_labels": labels[: workload.train],
        "dev_inputs": inputs[workload.train : end],
        "dev_labels": labels[workload.train : end],
    }


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
