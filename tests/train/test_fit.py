"""One model from beginning to end: what it learns, and what it depends on."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import Dataset
from jaxdl.train import Status
from jaxdl.train.structure import partition

PLAIN = {"rate": 0.1, "smoothing": 0.0}


def same_training(a, b):
    chex.assert_trees_all_equal(
        *((m.params, m.state, m.metrics, m.kept_epoch, m.status) for m in (a, b))
    )


def test_fit_learns_digits(member, digits):
    assert member.status == Status.FINISHED and member.stopped_at is None
    chex.assert_shape(list(member.metrics.values()), (10,))
    assert member.metrics["dev_error"][-1] < 0.06
    assert member.metrics["train_loss"][-1] < member.metrics["train_loss"][0]
    on_dev = member.evaluate(digits.dev)
    np.testing.assert_allclose(on_dev["error"], member.metrics["dev_error"][-1])
    np.testing.assert_allclose(
        on_dev["loss"], member.metrics["dev_loss"][-1], rtol=1e-5
    )
    guesses = member.predict(digits.dev.inputs).argmax(1)
    assert np.mean(guesses != digits.dev.labels) == pytest.approx(on_dev["error"])


def test_fit_is_reproducible_and_its_key_matters(recipe, hp, digits, fit):
    a, b, c = (fit(recipe, hp, digits, key=jax.random.key(s)) for s in (0, 0, 1))
    same_training(a, b)
    assert a.metrics["dev_loss"][-1] != c.metrics["dev_loss"][-1]


def test_a_seed_trains_as_its_key(linear, few, fit):
    a, b, c = (
        fit(linear, PLAIN, few, key=key) for key in (7, np.int64(7), jax.random.key(7))
    )
    same_training(a, c)
    same_training(b, c)


def test_epochs_are_any_integer(linear, few, fit):
    plain, numpys = (fit(linear, PLAIN, few, epochs=n(4)) for n in (int, np.int64))
    same_training(plain, numpys)


def test_a_second_fit_with_other_numbers_compiles_nothing(linear, few, fit, compiles):
    fit(linear, PLAIN, few)
    first = len(compiles)
    fit(linear, PLAIN | {"rate": 0.2}, few)
    assert len(compiles) == first > 0


def sized(hp):
    model = nn.serial(nn.dense(hp["units"]), nn.dense(3))
    optimizer = optim.gradient_descent(hp["rate"])
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=8)


@pytest.fixture(scope="module")
def swept(few):
    sizes = dl.AsSize(dl.IntUniform(2, 3))
    space = {"rate": dl.LogUniform(1e-3, 1e-1), "units": sizes}
    return dl.sweep(sized, space, few, key=0, members=2, epochs=2, progress=False)


def test_the_hyperparameters_of_a_member_of_a_sweep_train_as_they_are(swept, few, fit):
    of_sweep = swept.member(0)
    units = of_sweep.hparams["units"]
    assert isinstance(units, nn.Size) and units.bound == 3
    alone = fit(sized, of_sweep.hparams, few, epochs=2)
    assert alone.structure == of_sweep.structure
    assert partition(alone.hparams)[1] == partition(of_sweep.hparams)[1]
    chex.assert_trees_all_equal_shapes_and_dtypes(alone.params, of_sweep.params)
    chex.assert_trees_all_close(alone.params, of_sweep.params, rtol=1e-4, atol=1e-6)


def test_without_patience_the_last_epoch_is_kept(swept):
    assert swept.kept_epoch.tolist() == [1, 1]
    last = swept.metrics["dev_error"][:, -1]
    np.testing.assert_array_equal(swept.final()["dev_error"], last)


def test_regression(fit):
    inputs = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    one = Dataset(inputs, inputs[:, :1] * 2)

    def recipe(hp):
        return dl.Recipe(nn.dense(1), optim.adam(hp), nn.squared_error, batch_size=8)

    data = dl.data.Splits(one, one, one)
    assert fit(recipe, 0.05, data, epochs=40).metrics["dev_error"][-1] < 0.01


def test_a_model_without_parameters(few, fit):
    targets = replace(few.train, labels=2 * few.train.inputs[:, 2:3])

    def recipe(hp):
        model = nn.as_layer(lambda x: x[:, 2:3])
        return dl.Recipe(model, optim.adam(hp), nn.squared_error, batch_size=8)

    member = fit(recipe, 0.1, dl.data.Splits(targets, targets, targets))
    expected = jnp.mean(few.train.inputs[:, 2] ** 2)
    np.testing.assert_allclose(member.metrics["dev_loss"], expected, rtol=1e-5)
