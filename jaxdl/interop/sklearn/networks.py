"""The networks of an estimator: how they train, and what they compute afterwards."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl import nn, optim
from jaxdl.nn.losses import PerExample
from jaxdl.train import Member, Recipe
from jaxdl.train.epoch_state import Status


class Shape(NamedTuple):
    """What shapes the program of a network."""

    hidden: tuple[int, ...]  # units of each hidden layer
    batch_size: int  # at most; a smaller train set is one batch


class Networks(NamedTuple):
    """Trained networks of one shape, which predict together. Plain arrays, to pickle.

    `n` networks, `F` features, `T` outputs.
    """

    kernels: list[NDArray[np.float64]]  # [n, units before, units] of each layer
    biases: list[NDArray[np.float64]]  # [n, 1, units]
    epochs: tuple[int, ...]  # [n] after which each network has its weights
    diverged: bool  # whether one of them did

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the outputs `[n, m, T]` of standardized inputs `[m, F]`."""
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ kernel + bias, 0)
        return x @ self.kernels[-1] + self.biases[-1]


def make_recipe(
    shapes: Sequence[Shape], outputs: int, loss: PerExample, *, drops: bool
) -> Callable[..., Recipe]:
    """Returns the recipe of a multilayer perceptron with ReLU.

    Its hyperparameters are the place of its shape among `shapes`, which is static, and
    the traced `learning_rate`, `weight_decay` and `dropout`. The learning rate falls to
    0 along half a cosine.

    Args:
        shapes: that a network can have.
        outputs: T.
        loss: of an example.
        drops: whether any network has dropout; else none computes masks.
    """

    def recipe(hp: dict[str, Any], facts: Any) -> Recipe:
        hidden, most = shapes[hp["shape"]]
        masks = (nn.dropout(1 - hp["dropout"]),) if drops else ()
        layers = [layer for n in hidden for layer in (nn.dense(n), nn.relu, *masks)]
        batch_size = min(most, facts.num_examples)
        steps = facts.epochs * facts.steps_per_epoch(batch_size)
        rate = optim.cosine(hp["learning_rate"], steps)
        return Recipe(
            nn.serial(*layers, nn.dense(outputs)),
            optim.adamw(rate, weight_decay=hp["weight_decay"]),
            loss,
            batch_size=batch_size,
            rank_by="loss",  # of a few held-out examples, the error is mostly luck
        )

    return recipe


def as_networks(members: Sequence[Member]) -> Networks:
    """Returns trained members of one shape as networks, without padding."""
    layers = [[p for p in member.params if "kernel" in p] for member in members]
    stacked = [
        {name: np.stack([p[name] for p in same]).astype(np.float64) for name in same[0]}
        for same in zip(*layers, strict=True)
    ]
    return Networks(
        [p["kernel"] for p in stacked],
        [p["bias"][:, None] for p in stacked],
        tuple(member.kept_epoch + 1 for member in members),
        any(member.status == Status.DIVERGED for member in members),
    )
