"""Metrics of a whole set, against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from jaxdl import train

rng = np.random.default_rng(0)
M = 300
LABELS = rng.integers(0, 2, M)
LOGITS = np.round(LABELS + rng.normal(0, 1.5, M), 1).astype(np.float32)  # many ties
WEIGHTS = rng.uniform(0, 3, M).astype(np.float32)
CLASSES = rng.integers(0, 5, M)
SCORES = (np.eye(5)[CLASSES] * 2 + rng.normal(0, 2, (M, 5))).astype(np.float32)
TARGETS = (rng.normal(size=(M, 2)) * [1, 30] + [0, 50]).astype(np.float32)
GUESSES = (TARGETS + rng.normal(size=(M, 2)) * [0.5, 40]).astype(np.float32)

weighted = pytest.mark.parametrize(
    "weights", [None, WEIGHTS], ids=["plain", "weighted"]
)


@weighted
@pytest.mark.parametrize("size", [M, 12])
def test_auc_is_scikit_learns_with_ties_counted_half(weights, size):
    w = None if weights is None else weights[:size]
    z, y = LOGITS[:size], LABELS[:size]
    assert len(np.unique(z)) < size
    expected = metrics.roc_auc_score(y, z, sample_weight=w)
    two = np.stack([np.full(size, 7.0), z + 7], axis=1).astype(np.float32)
    for outputs, labels in (
        (z[:, None], y), (z[:, None], y[:, None].astype(np.float32)), (two, y),
        (two, np.eye(2)[y]),
    ):  # fmt: skip
        found = train.auc(jnp.asarray(outputs), jnp.asarray(labels), w)
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_auc_by_hand():
    z = jnp.array([[0.1], [0.4], [0.4], [0.9]])
    # pairs (1, 0): (0.4, 0.1) won, (0.4, 0.4) tied, (0.9, 0.1) and (0.9, 0.4) won
    assert float(train.auc(z, jnp.array([0, 1, 0, 1]))) == 3.5 / 4
    assert float(train.auc(jnp.ones((4, 1)), jnp.array([0, 1, 0, 1]))) == 0.5
    assert float(train.auc(z.at[2].set(jnp.inf), jnp.array([0, 0, 1, 1]))) == 1.0


def test_auc_is_not_a_number_without_both_classes_or_with_a_broken_model():
    z = jnp.array([[0.1], [0.4]])
    assert np.isnan(train.auc(z, jnp.array([1, 1])))
    assert np.isnan(train.auc(z, jnp.array([0, 0])))
    assert np.isnan(train.auc(z.at[0].set(jnp.nan), jnp.array([0, 1])))


def test_auc_refuses_more_than_two_classes():
    with pytest.raises(ValueError, match=r"\[300, 5\].* two classes"):
        train.auc(jnp.asarray(SCORES), jnp.asarray(CLASSES))


@weighted
@pytest.mark.parametrize("absent", [None, 4])
def test_macro_f1_is_scikit_learns(weights, absent):
    z, y, w = SCORES.copy(), CLASSES.copy(), weights
    if absent is not None:  # neither in the labels nor in the predictions
        z[:, absent], y[y == absent] = -100, 0
    expected = metrics.f1_score(y, z.argmax(1), average="macro", sample_weight=w)
    found = train.macro_f1(jnp.asarray(z), jnp.asarray(y), w)
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_macro_f1_of_one_output_and_small_weights_is_scikit_learns():
    w = WEIGHTS / 1000  # whose sums are below 1
    expected = metrics.f1_score(LABELS, LOGITS > 0, average="macro", sample_weight=w)
    found = train.macro_f1(jnp.asarray(LOGITS)[:, None], jnp.asarray(LABELS), w)
    assert float(found) == pytest.approx(expected, abs=1e-6)


@weighted
@pytest.mark.parametrize("outputs", [1, 2])
def test_r2_is_scikit_learns(weights, outputs):
    y, z = TARGETS[:, :outputs], GUESSES[:, :outputs]
    expected = metrics.r2_score(y, z, sample_weight=weights)
    found = train.r2(jnp.asarray(z), jnp.asarray(y), weights)
    assert float(found) == pytest.approx(expected, abs=1e-6)
    if outputs == 1:
        assert train.r2(jnp.asarray(z), jnp.asarray(y[:, 0]), weights) == found


def test_r2_of_equal_targets_is_not_a_number():
    for target in (1.0, 0.1):
        assert np.isnan(train.r2(jnp.zeros((3, 1)), jnp.full(3, target)))
    with pytest.raises(ValueError, match=r"labels \[3\] for outputs \[3, 2\]; ex"):
        train.r2(jnp.zeros((3, 2)), jnp.ones(3))


@pytest.mark.parametrize("metric", [train.auc, train.macro_f1, train.r2])
def test_a_metric_of_many_models_is_that_of_each(metric):
    z = jnp.asarray(rng.normal(size=(4, M, 1)), jnp.float32)
    y = jnp.asarray(LABELS)
    many = jax.jit(jax.vmap(metric, (0, None, None)))(z, y, jnp.asarray(WEIGHTS))
    each = [metric(one, y, jnp.asarray(WEIGHTS)) for one in z]
    np.testing.assert_allclose(many, each, rtol=1e-5)
