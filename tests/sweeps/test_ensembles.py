"""Ensembles against means and a greedy choice in NumPy."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.sweeps import Ensemble
from tests.sweeps import kept
from tests.sweeps.kept import SPACE, small

DRAWS = np.random.default_rng(0)
NEAR = {"rate": dl.Uniform(0.05, 0.1)}


def probabilities(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def cross_entropy(p, labels):
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def greedy(objective, predictions, size):
    """Returns how often each of some predictions `[n, m, C]` is added."""
    added = []
    for _ in range(size):
        values = [
            objective(np.mean([predictions[i] for i in [*added, j]], 0))
            for j in range(len(predictions))
        ]
        added.append(int(np.argmin(values)))
    return np.bincount(added, minlength=len(predictions))


@pytest.fixture(scope="module")
def sweep(digits):
    """Models that differ in their weights and a little more."""
    return kept.sweep(small, NEAR, digits)


def check_choice(found, sweep, digits, objective):
    """Checks an ensemble of 9 additions against the greedy choice in NumPy."""
    members = [sweep.member(i) for i in sweep.ranking()]
    logits = np.stack([m.predict(digits.dev.inputs).astype(float) for m in members])
    counts = greedy(objective, probabilities(logits), 9)
    np.testing.assert_array_equal(found.weights, counts[counts > 0] / 9)
    chosen = [members[i].hparams for i in np.flatnonzero(counts)]
    assert [m.hparams for m in found.members] == chosen
    assert found.numbers.tolist() == sweep.ranking()[counts > 0].tolist()
    assert len(found.members) > 1


def test_members_are_added_one_after_another(sweep, digits):
    found = sweep.ensemble(size=9)
    labels = digits.dev.labels
    check_choice(found, sweep, digits, lambda p: cross_entropy(p, labels))


def test_it_predicts_and_evaluates_the_mean_of_probabilities(sweep, digits):
    found = sweep.ensemble(size=9)
    logits = [m.predict(digits.test.inputs).astype(float) for m in found.members]
    mean = np.tensordot(found.weights, probabilities(np.stack(logits)), 1)
    outputs = found.predict(digits.test.inputs)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(probabilities(outputs.astype(float)), mean, rtol=1e-5)
    metrics = found.evaluate(digits.test)
    expected = cross_entropy(mean, digits.test.labels)
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)
    wrong = (mean.argmax(-1) != digits.test.labels).mean()
    np.testing.assert_allclose(metrics["error"], wrong, rtol=1e-6)
    best = sweep.best().evaluate(digits.dev)["loss"]
    assert found.evaluate(digits.dev)["loss"] < best


def stand_in(loss, outputs):
    return SimpleNamespace(loss=loss, predict=lambda inputs: outputs)


def test_yes_no_labels_average_the_probability_of_yes():
    z = DRAWS.normal(scale=3, size=(2, 5, 3))
    z[:, 0, 0] = 1000.0  # a sure one stays finite
    members = tuple(stand_in(nn.sigmoid_cross_entropy, one) for one in z)
    outputs = Ensemble(members, np.array([0.25, 0.75]), np.arange(2)).predict(None)
    assert np.isfinite(outputs).all()
    yes = 0.25 / (1 + np.exp(-z[0])) + 0.75 / (1 + np.exp(-z[1]))
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs.astype(float))), yes, rtol=1e-5)


def test_targets_average_the_outputs():
    members = (stand_in(nn.squared_error, np.array([[1.0], [5.0]])),
               stand_in(nn.squared_error, np.array([[3.0], [1.0]])))  # fmt: skip
    outputs = Ensemble(members, np.array([0.75, 0.25]), np.arange(2)).predict(None)
    assert outputs.tolist() == [[1.5], [4.0]]


def test_a_metric_that_the_recipe_ranks_by_takes_the_place_of_the_loss(digits):
    first = {"first": lambda outputs, labels, weights: outputs[:, 0].mean()}

    def ranked(hp):
        return small(hp)._replace(metrics=first, rank_by="-first")

    sweep = kept.sweep(ranked, NEAR, digits)
    found = sweep.ensemble(size=9)
    check_choice(found, sweep, digits, lambda p: -np.log(p[:, 0]).mean())
    assert set(found.evaluate(digits.test)) == {"loss", "error", "first"}


def test_targets_are_scaled_as_in_training_and_an_own_error_chooses():
    """Two targets, of scale 1000 and 1; the error looks at the second alone."""
    x = DRAWS.normal(size=(90, 3)).astype(np.float32)
    y = x[:, :2] * [1000.0, 1.0] + DRAWS.normal(size=(90, 2)) * [500.0, 0.5]
    examples = dl.data.from_arrays(x, y.astype(np.float32))
    splits = dl.data.split(examples, key=jax.random.key(0))
    data = dl.data.normalize(splits, targets=True)

    def recipe(hp):
        def second(outputs, labels):
            return abs(outputs[:, 1] - labels[:, 1])

        def made_here(outputs, labels):
            return jnp.sum((outputs - labels) ** 2, axis=-1)

        optimizer = optim.gradient_descent(hp["rate"])
        return dl.Recipe(nn.dense(2), optimizer, made_here, batch_size=18, error=second)

    sweep = dl.sweep(
        recipe, {"rate": dl.LogUniform(1e-3, 0.1)}, data, key=0, members=6, epochs=3,
        progress=False, plan=dl.Plan(2),
    )  # fmt: skip
    found = sweep.ensemble(size=5)
    members = [sweep.member(i) for i in sweep.ranking()]
    outputs = np.stack([m.predict(data.dev.inputs).astype(float) for m in members])
    labels = np.asarray(data.dev.labels)
    counts = greedy(lambda p: abs(p - labels)[:, 1].mean(), outputs, 5)
    np.testing.assert_array_equal(found.weights, counts[counts > 0] / 5)
    alone = Ensemble((members[0],), np.ones(1), np.arange(1)).evaluate(data.test)
    for name, value in members[0].evaluate(data.test).items():
        np.testing.assert_allclose(alone[name], value, rtol=1e-5)


def test_what_has_no_common_dev_set_is_refused(sweep, digits):
    folds = dataclasses.replace(sweep, task=sweep.task._replace(folds=4, members=2))
    with pytest.raises(ValueError, match="got a sweep with folds"):
        folds.ensemble()
    for size in (0, 1001):
        message = f"got size={size}; expected an int from 1 to 1000"
        with pytest.raises(ValueError, match=message):
            sweep.ensemble(size=size)
    other = dl.data.from_arrays(np.zeros((4, 3), np.float32), [0, 1, 2, 3], classes=10)
    with pytest.raises(DataError):
        sweep.ensemble(other)


def test_the_result_of_a_folder_takes_the_dev_set(finished, digits):
    folder, result = finished
    read = dl.sweeps.read_result(folder, small, space=SPACE)
    with pytest.raises(ValueError, match=r"holds no data; expected the dev set"):
        read.ensemble(size=3)
    found, expected = read.ensemble(digits.dev, size=3), result.ensemble(size=3)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.weights, expected.weights)
