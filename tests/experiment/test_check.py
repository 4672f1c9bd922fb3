"""What is found in experiments that are right and in ones that are not."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.experiment import check
from jaxdl.experiment.check import EXAMPLES, WORK

KEY = jax.random.key(0)


def texts(recipe, hp, data, key=KEY):
    found = list(check(recipe, hp, data, key=key))
    return {f.text.split(":")[0]: f for f in found if not f.text.startswith("data")}


@jax.custom_vjp
def wrong(x):
    return x


wrong.defvjp(lambda x: (x, None), lambda _, g: (1.01 * g,))


def make(model):
    def recipe(hp):
        return dl.Recipe(model(), optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    return recipe


def test_a_good_experiment_is_healthy(recipe, hp, digits):
    found = list(check(recipe, hp, digits, key=KEY))
    assert all(f.healthy for f in found)
    assert "1,078 train, 360 dev, 359 test examples of shape [64]" in found[0].text
    coordinates = 64 * 32 + 2 * 32 + 32 * 10 + 10
    for finding in found[-2:]:
        assert "correct, score" in finding.text
        assert f"{coordinates:,} coordinates" in finding.text
    assert "at random initialization" in found[-2].text
    assert "after one epoch" in found[-1].text


def test_a_wrong_gradient_is_found_and_its_leaf_named(digits):
    recipe = make(lambda: nn.serial(nn.dense(8), wrong, nn.tanh, nn.dense(10)))
    found = texts(recipe, {"rate": 0.01}, digits)
    for when in ("at random initialization", "after one epoch"):
        finding = found[f"gradient {when}"]
        assert not finding.healthy
        assert "wrong" in finding.text and "worst at 0." in finding.text


def test_a_signal_that_vanishes_is_named(digits):
    small = nn.normal(0.01)
    recipe = make(
        lambda: nn.serial(
            nn.repeat(nn.serial(nn.dense(16, init=small), nn.tanh), 4), nn.dense(10)
        )
    )
    finding = texts(recipe, {"rate": 0.01}, digits)["signal"]
    assert not finding.healthy
    assert "vanishing at" in finding.text and "0.3.1" in finding.text


def test_units_on_a_kink_are_no_wrong_gradient(digits):
    """Inputs of 0 and biases of 0 put a ReLU on its kink at initialization."""
    raw = digits._replace(
        **{
            n: d._replace(inputs=np.maximum(d.inputs, 0))
            for n, d in digits.sets.items()
        }
    )
    raw.train.inputs[:4] = 0
    recipe = make(lambda: nn.serial(nn.dense(8), nn.relu, nn.dense(10)))
    found = texts(recipe, {"rate": 0.01}, raw)
    assert found["gradient at random initialization"].healthy


def test_a_large_model_is_checked_at_some_coordinates_of_each_leaf(digits):
    recipe = make(lambda: nn.serial(nn.dense(400), nn.tanh, nn.dense(10)))
    finding = texts(recipe, {"rate": 0.01}, digits)["gradient after one epoch"]
    assert finding.healthy and "a leaf of 30,010 coordinates" in finding.text
    # One value costs two operations a weight and example, and a little for the rest.
    most = WORK / (2 * 2 * EXAMPLES * (64 * 400 + 400 * 10)) / 4
    a_leaf = int(finding.text.split("over ")[1].split(" ")[0].replace(",", ""))
    assert 0.9 * most < a_leaf <= most


def test_sets_that_differ_are_a_finding(recipe, hp, digits):
    inputs = np.array(digits.test.inputs)
    inputs[:, 20] += 1
    moved = digits._replace(test=digits.test._replace(inputs=inputs))
    found = check(recipe, hp, moved, key=KEY)
    faults = [f.text for f in found if not f.healthy]
    assert len(faults) == 1  # that train and test differ is no fault of its own
    assert "dev and test differ in the features 20:" in faults[0]


def test_a_training_that_diverges_is_a_finding(digits):
    recipe = make(lambda: nn.serial(nn.dense(8), nn.relu, nn.dense(10)))
    found = texts(recipe, {"rate": 1e38}, digits)
    assert not found["training"].healthy
    assert "diverged at step 1" in found["training"].text
    assert "gradient after one epoch" not in found


def test_a_model_without_parameters_and_a_loss_that_is_not_finite_are_told(digits):
    recipe = make(lambda: nn.as_layer(lambda x: x[:, :10]))
    found = texts(recipe, {"rate": 0.01}, digits)
    assert "no parameters" in found["gradient after one epoch"].text

    def infinite(hp):
        model = nn.serial(nn.dense(10), lambda x: x / 0)
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)

    found = texts(infinite, {"rate": 0.01}, digits)
    finding = found["gradient at random initialization"]
    assert not finding.healthy and "expected one finite number" in finding.text


def test_regression_and_a_batch_of_one_are_checked_too():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 3))
    whole = dl.data.from_arrays(inputs, 3e5 + inputs @ [1.0, 2.0, 3.0])
    data = dl.data.normalize(dl.data.split(whole, key=KEY))

    def recipe(hp):
        model = nn.serial(nn.dense(8), nn.tanh, nn.dense(1))
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.squared_error, batch_size=1)

    found = texts(recipe, {"rate": 0.01}, data)
    assert found["gradient after one epoch"].healthy


def test_data_that_cannot_be_trained_on_are_refused(recipe, hp, digits):
    labels = np.array(digits.train.labels)
    labels[5] = 10
    bad = digits._replace(train=digits.train._replace(labels=labels))
    with pytest.raises(DataError, match="label 10 in row 5"):
        list(check(recipe, hp, bad, key=KEY))
