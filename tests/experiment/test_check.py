"""What a check finds in experiments that are right and in ones that are not."""

import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.experiment import check
from jaxdl.experiment.check import EXAMPLES

KEY = jax.random.key(0)
BEFORE, AFTER = "gradient at random initialization", "gradient after one epoch"


def find(title, recipe, data, rate=0.01):
    """Returns the first finding of this title, and checks nothing after it."""
    found = check(recipe, {"rate": rate}, data, key=KEY)
    return next(f for f in found if f.text.startswith(f"{title}:"))


@jax.custom_vjp
def wrong(x):
    return x


wrong.defvjp(lambda x: (x, None), lambda _, g: (1.01 * g,))


def make(*layers):
    def recipe(hp):
        model = nn.serial(*layers)
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optim.adam(hp["rate"]), loss, batch_size=8)

    return recipe


@pytest.fixture(scope="module")
def few():
    """30 examples of 6 features in 3 classes; dev and test are the train set."""
    inputs = np.random.default_rng(0).normal(size=(30, 6))
    one = dl.data.from_arrays(inputs, np.arange(30) % 3)
    return dl.data.Splits(one, one, one)


def test_a_good_experiment_is_healthy(recipe, hp, digits):
    found = list(check(recipe, hp, digits, key=KEY))
    assert all(f.healthy for f in found)
    assert "1,078 train, 360 dev, 359 test examples of shape [64]" in found[0].text
    coordinates = 64 * 32 + 2 * 32 + 32 * 10 + 10
    for finding, title in zip(found[-2:], (BEFORE, AFTER), strict=True):
        assert finding.text.startswith(f"{title}: correct, score")
        assert f"{coordinates:,} coordinates" in finding.text


def test_a_wrong_gradient_is_found_and_its_leaf_named(few):
    recipe = make(nn.dense(4), wrong, nn.tanh, nn.dense(3))
    found = list(check(recipe, {"rate": 0.01}, few, key=KEY))
    for finding, title in zip(found[-2:], (BEFORE, AFTER), strict=True):
        assert finding.text.startswith(f"{title}: wrong") and not finding.healthy
        assert "worst at 0." in finding.text


def test_a_signal_that_vanishes_is_named(few):
    hidden = nn.serial(nn.dense(6, init=nn.normal(0.01)), nn.tanh)
    finding = find("signal", make(nn.repeat(hidden, 4), nn.dense(3)), few)
    assert not finding.healthy
    assert "vanishing at" in finding.text and "0.3.1" in finding.text


def test_units_on_a_kink_are_no_wrong_gradient(few):
    """Inputs of 0 and biases of 0 put a ReLU on its kink at initialization."""
    inputs = np.maximum(few.train.inputs, 0)
    inputs[::2] = 0
    half = replace(few.train, inputs=inputs)
    recipe = make(nn.dense(4), nn.relu, nn.dense(3))
    assert find(BEFORE, recipe, dl.data.Splits(half, half, half)).healthy


def test_a_large_model_is_checked_at_some_coordinates_of_each_leaf(few, monkeypatch):
    work = 1e8
    monkeypatch.setattr(sys.modules["jaxdl.experiment.check"], "WORK", work)
    finding = find(BEFORE, make(nn.dense(400), nn.dense(3)), few)
    size = (6 + 1) * 400 + (400 + 1) * 3
    assert finding.healthy and f"a leaf of {size:,} coordinates" in finding.text
    # One value costs two operations a weight and example, and a little for the rest.
    most = work / (2 * 2 * EXAMPLES * (6 * 400 + 400 * 3)) / 4
    a_leaf = int(finding.text.split("over ")[1].split(" ")[0].replace(",", ""))
    assert 0.9 * most < a_leaf <= most


def test_sets_that_differ_are_a_finding(recipe, hp, digits):
    inputs = np.array(digits.test.inputs)
    inputs[:, 20] += 1
    moved = digits._replace(test=replace(digits.test, inputs=inputs))
    found = []
    for finding in check(recipe, hp, moved, key=KEY):
        if not finding.text.startswith("data:"):
            break
        found += [] if finding.healthy else [finding.text]
    assert len(found) == 1  # that train and test differ is no fault of its own
    assert "dev and test differ in the features 20:" in found[0]


def test_a_training_that_diverges_is_a_finding(few):
    recipe = make(nn.dense(4), nn.relu, nn.dense(3))
    *_, last = check(recipe, {"rate": 1e38}, few, key=KEY)
    assert not last.healthy
    assert "training: diverged at step 1" in last.text


def test_a_model_without_parameters_is_a_finding(few):
    found = find(BEFORE, make(nn.as_layer(lambda x: x[:, :3])), few)
    assert found.healthy and "the model has no parameters" in found.text


def test_a_loss_that_is_not_finite_is_a_finding(few):
    finding = find(BEFORE, make(nn.dense(3), lambda x: x / 0), few)
    assert not finding.healthy and "expected one finite number" in finding.text


def test_regression_and_a_batch_of_one_are_checked_too():
    inputs = np.random.default_rng(0).normal(size=(30, 3))
    one = dl.data.from_arrays(inputs, 3e5 + inputs @ [1.0, 2.0, 3.0])

    def recipe(hp):
        model = nn.serial(nn.dense(8), nn.tanh, nn.dense(1))
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.squared_error, batch_size=1)

    assert find(AFTER, recipe, dl.data.Splits(one, one, one)).healthy


def test_data_that_cannot_be_trained_on_are_refused(recipe, hp, digits):
    labels = np.array(digits.train.labels)
    labels[5] = 10
    bad = digits._replace(train=replace(digits.train, labels=labels))
    with pytest.raises(DataError, match="label 10 in row 5"):
        list(check(recipe, hp, bad, key=KEY))
