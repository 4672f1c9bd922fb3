"""scikit-learn's `MLPClassifier`, in a process a core."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from experiments.bench.peers import LeftOut, Run
from experiments.bench.workloads import Task


def prepare(task: Task) -> Run:
    if not task.workload.units:
        raise LeftOut("has no convolution")
    if not task.plain:
        raise LeftOut("has neither batch normalization nor dropout")
    warnings.simplefilter("ignore", ConvergenceWarning)

    def run(epochs):
        models = [train(task, i, epochs) for i in range(task.members)]
        steps = sum(model.n_iter_ * task.steps for model in models)
        return steps, np.mean([model.loss_curve_ for model in models], axis=0).tolist()

    return run


def train(task: Task, member: int, epochs: int) -> MLPClassifier:
    model = MLPClassifier(
        task.workload.units,
        alpha=0,
        batch_size=task.workload.batch_size,
        learning_rate_init=float(task.learning_rate[member]),
        beta_1=float(task.beta1[member]),
        max_iter=epochs,
        n_iter_no_change=epochs + 1,  # never stops early
        random_state=member,
    )
    return model.fit(task.train_inputs, task.train_labels)
