"""The models of `experiments/mixed.py` as PyTorch trains them, one after another.

    python -m experiments.bench.mixed_torch FOLDER SHARE SHARES EPOCHS

It trains every SHARES-th member from number SHARE on, and prints the dev error of each
as JSON. FOLDER has the members' hyperparameters and the data, as `mixed.write` does.

Two things are PyTorch's own: the last batch of an epoch is short, where jaxdl fills it
up, and the running moments of batch norm are uncorrected averages.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from experiments.bench.peers.torch_processes import start

BATCH_SIZE, CLASSES = 64, 10
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def main(folder: Path, share: int, shares: int, epochs: int) -> None:
    torch.manual_seed(share)
    members = json.loads((folder / "members.json").read_text())[share::shares]
    data = {n: torch.from_numpy(x) for n, x in np.load(folder / "data.npz").items()}
    print(json.dumps([train(member, data, epochs) for member in members]))


def train(hp: dict[str, Any], data: dict[str, torch.Tensor], epochs: int) -> float:
    """Returns the dev error of a new model after some epochs."""
    model = network(hp, data["train_inputs"].shape[1]).apply(start)
    return fit(model, hp, data, epochs)


def fit(
    model: nn.Sequential, hp: dict[str, Any], data: dict[str, torch.Tensor], epochs: int
) -> float:
    """Trains a model, and returns its dev error; each epoch ends with an evaluation."""
    inputs, labels = data["train_inputs"], data["train_labels"]
    optimizer, rate = optimizer_of(hp, model, -(-len(inputs) // BATCH_SIZE))
    criterion = nn.CrossEntropyLoss(label_smoothing=hp["smoothing"])
    error, step = 1.0, 0
    for _ in range(epochs):
        model.train()
        for index in torch.randperm(len(inputs)).split(BATCH_SIZE):
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            optimizer.zero_grad()
            criterion(model(inputs[index]), labels[index]).backward()
            optimizer.step()
            step += 1
        error = error_on(model, data["dev_inputs"], data["dev_labels"])
    return error


def network(hp: dict[str, Any], features: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Linear(features, hp["units"])]
        layers += [nn.BatchNorm1d(hp["units"])] * hp["batch_norm"]
        layers += [ACTIVATIONS[hp["activation"]](), nn.Dropout(1 - hp["keep_prob"])]
        features = hp["units"]
    return nn.Sequential(*layers, nn.Linear(features, CLASSES))


def optimizer_of(
    hp: dict[str, Any], model: nn.Sequential, steps: int
) -> tuple[torch.optim.Optimizer, Callable[[int], float]]:
    """Returns the optimizer, and its learning rate as a function of the step.

    The penalty `l2 / 2m ||W||²` is a weight decay of l2 / m on the kernels. PyTorch's
    momentum leaves out the factor 1 - beta, so that its rate has it.
    """
    kernels = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
    others = [
        p for p in model.parameters() if not any(p is kernel for kernel in kernels)
    ]
    decay = hp["l2"] / BATCH_SIZE
    groups = [{"params": kernels, "weight_decay": decay}, {"params": others}]
    if hp["optimizer.name"] == "momentum":
        beta = hp["optimizer.momentum.beta"]
        rate = hp["optimizer.momentum.rate"] * (1 - beta)
        own = torch.optim.SGD(groups, rate, momentum=beta, fused=True)
        return own, lambda step: rate
    rate, k = hp["optimizer.adam.rate"], hp["optimizer.adam.decay"]
    own = torch.optim.Adam(groups, rate, fused=True)
    return own, schedule_of(hp["optimizer.adam.schedule"], rate, k, steps)


def schedule_of(name: str, rate: float, k: float, steps: int) -> Callable[[int], float]:
    """Returns a learning rate as a function of the step, of so many in an epoch."""
    schedules = {
        "constant": lambda step: rate,
        "inverse": lambda step: rate / (1 + k * (step // steps)),
        "exponential": lambda step: rate * k ** (step / steps),
    }
    return schedules[name]


@torch.no_grad()
def error_on(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    return (model(inputs).argmax(1) != labels).float().mean().item()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
