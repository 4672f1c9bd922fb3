"""PyTorch as its tutorials have it, in a process a core.

The data are tensors in memory already, and a batch is taken by index: no DataLoader.
"""

import numpy as np
import torch
from torch import nn

from experiments.bench.peers import Run
from experiments.bench.peers.torch_data import on_device
from experiments.bench.workloads import CLASSES, Task


def prepare(task: Task) -> Run:
    torch.manual_seed(0)
    inputs, labels = on_device(task)

    def run(epochs):
        curves = [train(task, inputs, labels, i, epochs) for i in range(task.members)]
        return task.members * task.steps * epochs, np.mean(curves, axis=0).tolist()

    return run


def train(task, inputs, labels, member, epochs) -> list[float]:
    model = network(task, float(task.keep_prob[member])).to(inputs.device)
    rate, beta1 = float(task.learning_rate[member]), float(task.beta1[member])
    optimizer = torch.optim.Adam(
        model.parameters(), lr=rate, betas=(beta1, 0.999), fused=True
    )
    criterion, losses = nn.CrossEntropyLoss(), []
    for _ in range(epochs):
        total = torch.zeros((), device=inputs.device)
        order = torch.randperm(len(inputs), device=inputs.device)
        for index in order.split(task.workload.batch_size):
            optimizer.zero_grad()
            loss = criterion(model(inputs[index]), labels[index])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        losses.append(total.item() / task.steps)
    return losses


def network(task: Task, keep_prob: float) -> nn.Sequential:
    layers, shape = [], task.workload.shape
    for channels in task.workload.channels:
        layers += [nn.Conv2d(shape[2], channels, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
        shape = (shape[0] // 2, shape[1] // 2, channels)
    features = int(np.prod(shape))
    for units in task.workload.units:
        layers += [nn.Linear(features, units, bias=task.plain)]
        layers += [nn.BatchNorm1d(units)] * (not task.plain) + [nn.ReLU()]
        layers += [nn.Dropout(1 - keep_prob)] * (not task.plain)
        features = units
    flat = [nn.Flatten()] * bool(task.workload.channels)
    model = nn.Sequential(*layers, *flat, nn.Linear(features, CLASSES))
    return model.apply(start)


def start(layer: nn.Module) -> None:
    """Gives a layer first weights as the other peers have, so that losses agree."""
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
