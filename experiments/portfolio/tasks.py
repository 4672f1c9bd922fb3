"""The tasks on which settings of an optimizer are compared: small, and of many kinds.

Each is made when it is asked for, the same in every call. The first word of its name is
the data that it is of.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments import small_data
from jaxdl import nn

LENGTH, TOKENS = 12, 8  # of a sequence; how many different tokens there are


class Task(NamedTuple):
    """Data and a model, without an optimizer."""

    data: dl.data.Splits
    model: nn.Layer
    loss: Any
    batch_size: int
    epochs: int


def dense(*units: int, act: Any = nn.relu, norm: bool = False) -> nn.Layer:
    """Returns hidden layers, with batch normalization or without."""
    between = (nn.batch_norm(),) if norm else ()
    layers = [[nn.dense(n, use_bias=not norm), *between, act] for n in units]
    return nn.serial(nn.flatten, *(one for layer in layers for one in layer))


def conv(*channels: int, norm: bool = False) -> nn.Layer:
    """Returns convolutions, each of which halves the picture."""
    between = (nn.batch_norm(),) if norm else ()
    layers = [
        [nn.conv2d(n, use_bias=not norm), *between, nn.relu, nn.max_pool()]
        for n in channels
    ]
    return nn.serial(*(one for layer in layers for one in layer), nn.flatten)


def classes(data: dl.data.Splits, body: nn.Layer, batch_size: int, epochs: int) -> Task:
    """Returns the task to tell classes apart."""
    model = nn.serial(body, nn.dense(data.num_classes))
    return Task(data, model, nn.softmax_cross_entropy, batch_size, epochs)


def targets(data: dl.data.Splits, body: nn.Layer, batch_size: int, epochs: int) -> Task:
    """Returns the task to predict numbers."""
    model = nn.serial(body, nn.dense(data.train.labels.shape[1]))
    return Task(data, model, nn.squared_error, batch_size, epochs)


def cut(inputs: Any, labels: Any, *, ids: bool = False) -> dl.data.Splits:
    """Returns examples as normalized sets; float labels are targets."""
    regression = np.asarray(labels).dtype.kind == "f"
    about = {"classes": ()} if regression else {}
    inputs = np.asarray(inputs) if ids else np.asarray(inputs, np.float32)
    whole = dl.data.from_arrays(inputs, labels, ids=ids, **about)
    sets = dl.data.split(whole, (0.5, 0.4, 0.1), key=jax.random.key(0))
    return dl.data.normalize(sets, targets=regression)


def toy(name: str) -> dl.data.Splits:
    """Returns a data set of scikit-learn, such as `wine`."""
    from sklearn import datasets

    inputs, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    return cut(inputs, labels[:, None] if labels.dtype.kind == "f" else labels)


def made(name: str, **settings: Any) -> dl.data.Splits:
    """Returns synthetic data of scikit-learn, such as `friedman1`."""
    from sklearn import datasets

    inputs, labels = getattr(datasets, f"make_{name}")(random_state=0, **settings)
    return cut(inputs, labels[:, None] if labels.dtype.kind == "f" else labels)


def scans() -> dl.data.Splits:
    """Returns scikit-learn's digits as pictures `[m, 8, 8, 1]`."""
    from sklearn import datasets

    inputs, labels = datasets.load_digits(return_X_y=True)
    return cut(inputs.reshape(-1, 8, 8, 1), labels)


@cache
def clothes(train: int, side: int) -> dl.data.Splits:
    """Returns pictures of Fashion-MNIST, 28, 14 or 7 pixels high and wide."""
    return dl.data.normalize(small_data.clothes(side, train, 1000))


def chains(kinds: int, count: int) -> tuple[Any, Any]:
    """Returns random sequences of tokens `[count, LENGTH]`, and the kind of each.

    A kind is a table of the probabilities of the next token.
    """
    draws = np.random.default_rng(0)
    tables = draws.dirichlet(np.full(TOKENS, 0.3), (kinds, TOKENS)).cumsum(axis=-1)
    kind = draws.integers(kinds, size=count)
    found = np.empty((count, LENGTH), np.int32)
    found[:, 0] = draws.integers(TOKENS, size=count)
    for t in range(1, LENGTH):
        below = tables[kind, found[:, t - 1]] < draws.random((count, 1))
        found[:, t] = np.minimum(below.sum(axis=-1), TOKENS - 1)
    return found, kind


def next_token() -> dl.data.Splits:
    """Returns sequences whose label is their last token."""
    sequences, _ = chains(1, 2000)
    return cut(sequences[:, -5:-1], sequences[:, -1], ids=True)


def kind_of_chain() -> dl.data.Splits:
    """Returns sequences whose label is the table that they were drawn with."""
    return cut(*chains(4, 2000), ids=True)


def tokens(data: dl.data.Splits, units: int, epochs: int) -> Task:
    """Returns the task to tell classes of sequences of tokens apart."""
    body = nn.serial(nn.embedding(TOKENS, 8), dense(units))
    return classes(data, body, 50, epochs)


TASKS: dict[str, Callable[[], Task]] = {
    "digits dense": lambda: classes(scans(), dense(32), 32, 15),
    "digits deep": lambda: classes(scans(), dense(32, 32, 32, norm=True), 64, 15),
    "digits deeper": lambda: classes(scans(), dense(*[64] * 6), 32, 12),
    "digits convolution": lambda: classes(scans(), conv(8), 64, 8),
    "wine": lambda: classes(toy("wine"), dense(16), 16, 20),
    "breast cancer": lambda: classes(toy("breast_cancer"), dense(16, 16), 32, 20),
    "diabetes": lambda: targets(toy("diabetes"), dense(16), 32, 20),
    "clothes 7 dense": lambda: classes(clothes(1000, 7), dense(32, 32), 50, 15),
    "clothes 7 wide": lambda: classes(clothes(1000, 7), dense(256, 256), 50, 8),
    "clothes 14 dense": lambda: classes(clothes(1000, 14), dense(32), 50, 10),
    "clothes 28 dense": lambda: classes(
        clothes(1000, 28), dense(32, norm=True), 100, 6
    ),
    "clothes 7 convolution": lambda: classes(clothes(1000, 7), conv(8), 50, 8),
    "clothes 14 convolution": lambda: classes(
        clothes(500, 14), conv(4, 8, norm=True), 50, 5
    ),
    "classification": lambda: classes(
        made("classification", n_samples=1000, n_informative=8, n_classes=4),
        dense(32, act=nn.tanh), 25, 15,
    ),
    "moons": lambda: classes(
        made("moons", n_samples=600, noise=0.2), dense(16, 16, act=nn.tanh), 30, 30
    ),
    "friedman 1": lambda: targets(
        made("friedman1", n_samples=800, noise=1.0), dense(32, 32), 40, 20
    ),
    "friedman 1 longer": lambda: targets(
        made("friedman1", n_samples=800, noise=1.0), dense(32, 32), 40, 100
    ),
    "friedman 2": lambda: targets(
        made("friedman2", n_samples=800, noise=50.0), dense(32, act=nn.tanh), 20, 20
    ),
    "digits autoencoder": lambda: targets(
        small_data.own_inputs(scans()), dense(32, 8, 32), 64, 15
    ),
    "clothes 7 autoencoder": lambda: targets(
        small_data.own_inputs(clothes(1000, 7)), dense(24, 8, 24, act=nn.tanh), 50, 15
    ),
    "chains next token": lambda: tokens(next_token(), 32, 12),
    "chains kind": lambda: tokens(kind_of_chain(), 64, 12),
}  # fmt: skip
