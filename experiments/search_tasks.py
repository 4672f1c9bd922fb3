"""14 small tasks on which searches are compared: 8 to design on, 6 to judge on.

A task has one number of steps an epoch, so that equal epochs are equal member-steps.
Every model is ranked by its loss on the dev set. The tasks were chosen, and divided in
two, before searches were compared on them. What is designed by the first 8 is judged
once on the other 6.

Data come from scikit-learn, which makes some of them, and from Fashion-MNIST.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

import jaxdl as dl
from experiments import small_data
from jaxdl import nn, optim
from jaxdl.data import Splits


class Task(NamedTuple):
    """A recipe, its space, and a function that returns its data."""

    recipe: Callable[..., dl.Recipe]
    space: dict[str, Any]
    data: Callable[[], Splits]


RATE = dl.LogUniform(1e-4, 1.0)
L2 = dl.LogUniform(1e-3, 10.0)
KEEP = dl.Uniform(0.4, 1.0)
BETA = dl.OneMinusLogUniform(0.5, 0.999)
DECAY = dl.LogUniform(1e-4, 10.0)


# Data


def made(name: str) -> tuple[NDArray, NDArray]:
    """Returns inputs `[m, F]` and labels `[m]` of scikit-learn."""
    from sklearn import datasets

    if name == "classes":  # a tenth of the labels are drawn at random
        return datasets.make_classification(
            2000, 20, n_informative=6, n_classes=4, flip_y=0.1, random_state=0
        )
    if name == "regression":
        return datasets.make_friedman1(1500, n_features=10, noise=1.0, random_state=0)
    return getattr(datasets, f"load_{name}")(return_X_y=True)


@cache
def table(name: str, *, targets: bool = False) -> Splits:
    """Returns a table of scikit-learn, split 50:30:20 and normalized."""
    inputs, labels = made(name)
    labels = labels[:, None].astype(float) if targets else labels
    about = {"classes": ()} if targets else {}
    whole = dl.data.from_arrays(inputs.astype(np.float32), labels, **about)
    parts = dl.data.split(whole, (0.5, 0.3, 0.2), key=jax.random.key(0))
    if targets:  # so that a loss of 1 is that of the mean
        mean, scale = parts.train.labels.mean(), parts.train.labels.std()
        parts = small_data.changed(
            parts, lambda x, y: (x, (y - mean) / scale), classes=()
        )
    return dl.data.normalize(parts)


@cache
def digits(examples: int | None = None, *, wrong: float = 0.0) -> Splits:
    """Returns the scans of digits, with fewer or wrong labels of the train set.

    Args:
        examples: of the train set; None: all.
        wrong: share of its labels that are drawn at random.
    """
    whole = dl.data.load("digits")
    train, draws = whole.train[:examples], np.random.default_rng(0)
    labels = np.array(train.labels)
    drawn = draws.random(len(labels)) < wrong
    labels[drawn] = draws.integers(10, size=drawn.sum())
    return whole._replace(
        train=dl.data.from_arrays(train.inputs, labels, classes=train.about.classes)
    )


@cache
def autoencoder() -> Splits:
    """Returns the scans of digits, as inputs and as targets."""
    return small_data.own_inputs(dl.data.load("digits"))


@cache
def clothes() -> Splits:
    """Returns pictures of Fashion-MNIST, 14 pixels high and wide."""
    return small_data.clothes(14, 1000, 500)


# Recipes


def dense(hp: Any, outputs: int, *, units: Any = 16, activation: Any = nn.relu) -> Any:
    """Returns a network of one hidden layer, with dropout if `hp` has `keep_prob`."""
    drop = [nn.dropout(hp["keep_prob"])] if "keep_prob" in hp else []
    return nn.serial(nn.flatten, nn.dense(units), activation, *drop, nn.dense(outputs))


def classifier(hp: Any, model: Any, optimizer: Any, batch_size: int) -> dl.Recipe:
    """Returns the recipe of classes, with the penalty and the smoothing of `hp`."""
    loss = nn.softmax_cross_entropy
    if "smoothing" in hp:
        loss = nn.label_smoothing(loss, hp["smoothing"])
    penalty = nn.l2(hp["l2"]) if "l2" in hp else nn.none
    return dl.Recipe(model, optimizer, loss, penalty, batch_size, rank_by="loss")


def normalized(hp: Any, *, outputs: int, batch_size: int) -> dl.Recipe:
    """Batch normalization and momentum."""
    model = nn.serial(
        nn.dense(16, use_bias=False), nn.batch_norm(), nn.relu,
        nn.dropout(hp["keep_prob"]), nn.dense(outputs),
    )  # fmt: skip
    optimizer = optim.momentum(hp["learning_rate"], beta=hp["beta"])
    return classifier(hp, model, optimizer, batch_size)


def with_adam(hp: Any, *, outputs: int, batch_size: int) -> dl.Recipe:
    optimizer = optim.adam(hp["learning_rate"], beta1=hp["beta1"])
    return classifier(hp, dense(hp, outputs), optimizer, batch_size)


def with_decay(hp: Any, *, outputs: int, batch_size: int) -> dl.Recipe:
    optimizer = optim.adamw(hp["learning_rate"], weight_decay=hp["weight_decay"])
    model = dense(hp, outputs, activation=nn.tanh)
    return classifier(hp, model, optimizer, batch_size)


def falling_rate(hp: Any) -> dl.Recipe:
    """Gradient descent whose rate falls."""
    rate = optim.inverse_sqrt_decay(hp["learning_rate"], hp["steady"])
    optimizer = optim.gradient_descent(rate)
    return classifier(hp, dense(hp, 4), optimizer, 50)


def sized(hp: Any) -> dl.Recipe:
    """A layer of 8 to 32 units."""
    optimizer = optim.adam(hp["learning_rate"], beta1=hp["beta1"])
    return classifier(hp, dense(hp, 10, units=hp["units"]), optimizer, 50)


def regression(hp: Any, *, optimizer: Any, batch_size: int) -> dl.Recipe:
    model = dense(hp, 1, activation=nn.tanh)
    return dl.Recipe(
        model, optimizer(hp), nn.squared_error, nn.l2(hp["l2"]), batch_size,
        rank_by="loss",
    )  # fmt: skip


def narrow(hp: Any) -> dl.Recipe:
    """An autoencoder: 64 values through 8 units."""
    model = nn.serial(nn.dense(8), nn.tanh, nn.dense(64))
    optimizer = optim.adam(hp["learning_rate"], beta1=hp["beta1"], beta2=hp["beta2"])
    loss, penalty = nn.squared_error, nn.l2(hp["l2"])
    return dl.Recipe(model, optimizer, loss, penalty, 64, rank_by="loss")


def convolutional(hp: Any) -> dl.Recipe:
    model = nn.serial(
        nn.conv2d(4, 3, strides=2), nn.relu, nn.flatten,
        nn.dropout(hp["keep_prob"]), nn.dense(10),
    )  # fmt: skip
    optimizer = optim.adam(hp["learning_rate"], beta1=hp["beta1"])
    return classifier(hp, model, optimizer, 100)


ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh, "gelu": nn.gelu}


def mixed(hp: Any) -> dl.Recipe:
    """Choices of activation and optimizer; each optimizer has its own space."""
    adam, heavy = (hp["optimizer"].options[name] for name in ("adam", "momentum"))
    optimizers = {
        "adam": optim.adam(adam["rate"], beta1=adam["beta1"]),
        "momentum": optim.momentum(heavy["rate"], beta=heavy["beta"]),
    }
    optimizer = optim.among(hp["optimizer"].name, optimizers)
    activation = nn.among(hp["activation"], ACTIVATIONS)
    return classifier(hp, dense(hp, 10, activation=activation), optimizer, 64)


def scheduled(hp: Any, facts: Any) -> dl.Recipe:
    """AdamW with warm-up and cosine."""
    steps = facts.epochs * facts.steps_per_epoch(50)
    rate = optim.cosine(hp["learning_rate"], steps, hp["final"])
    optimizer = optim.adamw(
        optim.warmup(rate, hp["warmup"] * steps),
        weight_decay=hp["weight_decay"], beta1=hp["beta1"],
    )  # fmt: skip
    return classifier(hp, dense(hp, 10), optimizer, 50)


# Tasks

REGULAR = {"keep_prob": KEEP, "l2": L2}
ADAM = {"learning_rate": RATE, "beta1": BETA}
MOMENTUM = {"learning_rate": dl.LogUniform(1e-3, 10.0), "beta": BETA, **REGULAR}
MIXED = {
    "optimizer": dl.Among(
        {
            "adam": {"rate": RATE, "beta1": BETA},
            "momentum": {"rate": dl.LogUniform(1e-3, 10.0), "beta": BETA},
        }
    ),
    "activation": dl.Among(ACTIVATIONS),
    **REGULAR,
}
SIZES = {**ADAM, "units": dl.AsSize(dl.IntLogUniform(8, 32)), "keep_prob": KEEP}
FALLING = {
    "learning_rate": dl.LogUniform(1e-3, 10.0),
    "steady": dl.LogUniform(1.0, 1e4),  # steps before the rate falls
    "l2": L2,
}
SCHEDULED = {
    **ADAM, "weight_decay": DECAY, "keep_prob": KEEP,
    "warmup": dl.Uniform(0.0, 0.5), "final": dl.Uniform(0.0, 0.5),
}  # fmt: skip


def adam_of(hp: Any) -> Any:
    return optim.adam(hp["learning_rate"], beta1=hp["beta1"])


def rmsprop_of(hp: Any) -> Any:
    return optim.rmsprop(hp["learning_rate"], beta2=hp["beta2"])


DESIGN = {
    "digits": Task(partial(normalized, outputs=10, batch_size=64), MOMENTUM, digits),
    "breast_cancer": Task(
        partial(normalized, outputs=2, batch_size=32), MOMENTUM,
        partial(table, "breast_cancer"),
    ),
    "wine": Task(
        partial(with_decay, outputs=3, batch_size=32),
        {"learning_rate": RATE, "weight_decay": DECAY, "keep_prob": KEEP},
        partial(table, "wine"),
    ),
    "diabetes": Task(
        partial(regression, optimizer=adam_of, batch_size=32), {**ADAM, "l2": L2},
        partial(table, "diabetes", targets=True),
    ),
    "clothes": Task(
        partial(with_adam, outputs=10, batch_size=100), {**ADAM, **REGULAR}, clothes
    ),
    "classes": Task(falling_rate, FALLING, partial(table, "classes")),
    "autoencoder": Task(
        narrow, {**ADAM, "beta2": dl.OneMinusLogUniform(0.9, 0.9999), "l2": L2},
        autoencoder,
    ),
    "sizes": Task(sized, SIZES, partial(digits, 500)),
}  # fmt: skip
HELD = {
    "few_digits": Task(
        partial(with_adam, outputs=10, batch_size=50),
        {**ADAM, **REGULAR}, partial(digits, 200),
    ),
    "convolution": Task(convolutional, {**ADAM, "keep_prob": KEEP}, clothes),
    "regression": Task(
        partial(regression, optimizer=rmsprop_of, batch_size=50),
        {"learning_rate": RATE, "beta2": BETA, "l2": L2},
        partial(table, "regression", targets=True),
    ),
    "mixed": Task(mixed, MIXED, digits),
    "wrong_labels": Task(
        partial(with_adam, outputs=10, batch_size=64),
        {**ADAM, **REGULAR, "smoothing": dl.Uniform(0.0, 0.5)},
        partial(digits, wrong=0.3),
    ),
    "schedule": Task(scheduled, SCHEDULED, partial(digits, 500)),
}  # fmt: skip
TASKS = DESIGN | HELD
