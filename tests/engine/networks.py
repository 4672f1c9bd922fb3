"""The benchmark's networks, as a sweep gets them, on data of zeros."""

import numpy as np

import jaxdl as dl
from experiments.bench.material import SPACE
from experiments.bench.peers.jaxdl_sweep import sweeper
from experiments.bench.workloads import WORKLOADS, Task


def network(name):
    """Returns recipe, space and data of S, M, L or V."""
    workload = WORKLOADS[name]

    def zeros(m):
        labels = np.arange(m, dtype=np.int32) % 10
        return np.zeros((m, *workload.shape), np.float32), labels

    sets = *zeros(workload.train), *zeros(workload.dev)
    nothing = np.zeros(1, np.float32)
    task = Task(workload, False, *sets, nothing, nothing, nothing)
    recipe, _, data = sweeper(task).args
    return recipe, SPACE, data


def experiment(file):
    """Returns recipe, space and data of an experiment file."""
    found = dl.experiment.load(file)
    return found.recipe, found.space, found.data
