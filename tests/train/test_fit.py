"""One model from beginning to end: what it learns, and what it depends on."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import Status
from jaxdl.train.structure import partition
from tests import small

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


def test_the_hyperparameters_of_a_member_of_a_sweep_train_as_they_are(
    small_sweep, digits, fit
):
    of_sweep = small_sweep.member(0)
    units = of_sweep.hparams.units
    assert isinstance(units, nn.Size) and units.bound == 12
    assert of_sweep.status == Status.FINISHED
    alone = fit(small.recipe, of_sweep.hparams, digits)
    assert alone.structure == of_sweep.structure
    assert partition(alone.hparams)[1] == partition(of_sweep.hparams)[1]
    chex.assert_trees_all_equal_shapes_and_dtypes(alone.params, of_sweep.params)
    chex.assert_trees_all_close(alone.params, of_sweep.params, rtol=1e-4, atol=1e-6)


def test_without_patience_the_last_epoch_is_kept(small_sweep):
    finished = small_sweep.status == Status.FINISHED
    assert finished.any() and (small_sweep.kept_epoch[finished] == 2).all()
    last = small_sweep.metrics["dev_error"][:, -1]
    np.testing.assert_array_equal(small_sweep.final()["dev_error"], last)


def test_a_model_without_parameters(few, fit):
    targets = replace(few.train, labels=2 * few.train.inputs[:, 2:3])

    def recipe(hp):
        model = nn.as_layer(lambda x: x[:, 2:3])
        return dl.Recipe(model, optim.adam(hp), nn.squared_error, batch_size=8)

    member = fit(recipe, 0.1, dl.data.Splits(targets, targets, targets))
    expected = jnp.mean(few.train.inputs[:, 2] ** 2)
    np.testing.assert_allclose(member.metrics["dev_loss"], expected, rtol=1e-5)
