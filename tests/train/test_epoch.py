"""An epoch: its metrics, and a training that turns non-finite in it."""

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
from jaxdl.train.state import epoch_order, init, member_key

KEY = jax.random.key(0)
STILL = {"rate": 1e-30, "smoothing": 0.0}
STEPS = 3  # of an epoch of `exploding` on `few`


def test_train_metrics_are_means_over_the_steps(linear, few, fit):
    """At rate 1e-30 the model stays: the epoch's mean is over its completed batches."""
    trained = fit(linear, STILL, few, epochs=1)
    order = np.asarray(epoch_order(KEY, 0, 24, 5)).ravel()
    assert len(order) == 25
    again = Dataset(few.train.inputs[order], few.train.labels[order])
    expected = trained.evaluate(again)
    for name in ("loss", "error"):
        curve = trained.metrics[f"train_{name}"]
        np.testing.assert_allclose(curve[0], expected[name], rtol=1e-5)


def test_train_metrics_are_means_by_weight(few, fit):
    weights = np.linspace(0, 3, 24).astype(np.float32)
    weighted = replace(few.train, weights=weights)

    def recipe(hp):
        optimizer, loss = (
            optim.gradient_descent(optim.constant(0.0)),
            nn.softmax_cross_entropy,
        )
        return dl.Recipe(nn.serial(nn.dense(3)), optimizer, loss, batch_size=24)

    trained = fit(recipe, {}, few._replace(train=weighted), epochs=1)
    outputs = jnp.asarray(trained.predict(few.train.inputs))
    labels, on_train = jnp.asarray(few.train.labels), trained.evaluate(weighted)
    for name, loss in (
        ("loss", nn.softmax_cross_entropy),
        ("error", nn.zero_one_error),
    ):
        expected = np.average(loss(outputs, labels), weights=weights)
        found = trained.metrics[f"train_{name}"][0], on_train[name]
        assert found == pytest.approx((expected, expected), rel=1e-4)


def test_models_with_other_smoothing_are_compared_by_the_plain_loss(linear, few, fit):
    plain, smooth = (
        fit(linear, STILL | {"smoothing": s}, few, epochs=1).metrics for s in (0.0, 0.3)
    )
    np.testing.assert_allclose(plain["dev_loss"], smooth["dev_loss"], rtol=1e-5)
    assert plain["train_loss"] != pytest.approx(smooth["train_loss"])


def exploding(hp):
    """The rate is infinite from step `until` on."""

    def rate(step):
        return jnp.where(step < hp["until"], hp["rate"], jnp.inf)

    model = nn.serial(nn.dense(8), nn.relu, nn.dense(3))
    loss = nn.softmax_cross_entropy
    return dl.Recipe(model, optim.gradient_descent(rate), loss, batch_size=8)


@pytest.fixture(scope="module")
def initial():
    hp = {"rate": 0.1, "until": 0.0}
    start = jax.jit(lambda key: init(exploding, hp, member_key(key, 0), (4,)))
    return start(KEY).params


@pytest.mark.parametrize("rate", [np.inf, np.nan, 1e30])
def test_a_training_that_diverges_is_put_back_and_labelled(rate, initial, few, fit):
    member = fit(exploding, {"rate": rate, "until": 1e9}, few)
    assert member.status == Status.DIVERGED
    # Step 0 sees the initial weights; its update makes the loss of step 1 non-finite,
    # or that of step 2 where the first products still fit into a float.
    assert member.stopped_at in ((1,) if not rate < np.inf else (1, 2))
    chex.assert_trees_all_equal(member.params, initial)
    assert all(np.isnan(curve).all() for curve in member.metrics.values())


def test_a_later_divergence_keeps_the_epochs_before_it(few, fit):
    late = {"rate": 0.1, "until": STEPS + 1.0}
    member = fit(exploding, late, few, epochs=4)
    one_epoch = fit(exploding, late, few, epochs=1)
    assert (member.status, member.stopped_at) == (Status.DIVERGED, STEPS + 2)
    chex.assert_trees_all_equal(member.params, one_epoch.params)
    finite = np.isfinite(member.metrics["dev_loss"])
    np.testing.assert_array_equal(finite, [True, False, False, False])


def test_a_state_that_turns_infinite_while_the_loss_is_fine_is_found(few, fit):
    """Squared gradients of 1e38 overflow Adam's average, and its updates become 0."""

    def recipe(hp):
        def loss(outputs, labels):
            return hp * nn.softmax_cross_entropy(outputs, labels)

        return dl.Recipe(
            nn.dense(3), optim.adam(optim.constant(0.0)), loss, batch_size=8
        )

    member = fit(recipe, 1e25, few, epochs=2)
    assert (member.status, member.stopped_at) == (Status.DIVERGED, STEPS)
