"""torch.func as its tutorial on ensembles has it: vmap over stacked modules.

Adam is by hand, since the optimizers of PyTorch have one rate for all members. Batch
normalization keeps no running moments, as its documentation advises under vmap.
"""

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from experiments.bench.peers import Run
from experiments.bench.peers.torch_data import on_device
from experiments.bench.peers.torch_processes import network
from experiments.bench.workloads import Task


class Dropout(nn.Module):
    """Dropout with a probability that differs between the stacked members."""

    keep_prob: torch.Tensor

    def __init__(self, keep_prob: float):
        super().__init__()
        self.register_buffer("keep_prob", torch.tensor(keep_prob))

    def forward(self, x):
        return x * (torch.rand_like(x) < self.keep_prob) / self.keep_prob


def prepare(task: Task) -> Run:
    torch.manual_seed(0)
    inputs, labels = on_device(task)
    base = member(task, 0.5).to("meta")
    criterion = nn.CrossEntropyLoss()

    def loss(params, buffers, x, y):
        return criterion(functional_call(base, (params, buffers), (x,)), y)

    descend = vmap(grad_and_value(loss), (0, 0, None, None), randomness="different")

    def run(epochs):
        models = [member(task, float(p)).to(inputs.device) for p in task.keep_prob]
        params, buffers = stack_module_state(models)
        # Else autograd would record what vmap differentiates already.
        params = {name: p.detach() for name, p in params.items()}
        step, losses = adam(task, params), []
        for _ in range(epochs):
            total = torch.zeros((), device=inputs.device)
            order = torch.randperm(len(inputs), device=inputs.device)
            for index in order.split(task.workload.batch_size):
                grads, values = descend(params, buffers, inputs[index], labels[index])
                step(grads)
                total += values.mean()
            losses.append(total.item() / task.steps)
        return task.members * task.steps * epochs, losses

    return run


def member(task: Task, keep_prob: float) -> nn.Sequential:
    model = network(task, keep_prob)
    for i, layer in enumerate(model):
        if isinstance(layer, nn.BatchNorm1d):
            model[i] = nn.BatchNorm1d(layer.num_features, track_running_stats=False)
        elif isinstance(layer, nn.Dropout):
            model[i] = Dropout(keep_prob)
    return model


def adam(task: Task, params: dict[str, torch.Tensor]):
    """Returns `step(grads)`, which updates the stacked parameters in place."""
    device, count = next(iter(params.values())).device, 0
    rates = torch.from_numpy(task.learning_rate).to(device)
    beta1s = torch.from_numpy(task.beta1).to(device)
    first = {name: torch.zeros_like(p) for name, p in params.items()}
    second = {name: torch.zeros_like(p) for name, p in params.items()}

    @torch.no_grad()
    def step(grads):
        nonlocal count
        count += 1
        # lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
        scale = rates / (1 - beta1s**count)
        for name, p in params.items():
            column = (-1,) + (1,) * (p.dim() - 1)
            m, v, g = first[name], second[name], grads[name]
            m.lerp_(g, (1 - beta1s).view(column))
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            root = (v / (1 - 0.999**count)).sqrt_().add_(1e-8)
            p.sub_(scale.view(column) * m / root)

    return step
