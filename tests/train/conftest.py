"""A fit in few words, a small classification, and a guard against compiling."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import compiled


@pytest.fixture(scope="session")
def fit():
    def fit(recipe, hparams, data, **changes):
        arguments = {"key": 0, "epochs": 3, "progress": False} | changes
        return dl.fit(recipe, hparams, data, **arguments)

    return fit


@pytest.fixture(scope="session")
def few():
    """24 examples of 4 features in 3 classes; dev and test are the train set."""
    labels = np.arange(24) % 3
    noise = np.random.default_rng(0).normal(size=(24, 4))
    one = dl.data.from_arrays(2 * np.eye(3, 4)[labels] + noise, labels)
    return dl.data.Splits(one, one, one)


@pytest.fixture(scope="session")
def linear():
    """A linear classifier of `few`: 5 steps an epoch, the last batch completed."""

    def recipe(hp):
        loss = nn.label_smoothing(nn.softmax_cross_entropy, hp["smoothing"])
        optimizer = optim.gradient_descent(hp["rate"])
        return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=5)

    return recipe


@pytest.fixture(scope="session")
def member(fit, recipe, hp, digits):
    """The network of `recipe`, trained on digits for ten epochs."""
    return fit(recipe, hp, digits, epochs=10)


@pytest.fixture
def nothing_compiles(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled before the error")

    monkeypatch.setattr(compiled, "_find", refuse)
