"""Metrics by class, against scikit-learn."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from jaxdl import train

rng = np.random.default_rng(0)
LABELS = rng.integers(0, 5, 300)
LOGITS = np.eye(5)[LABELS] * 2 + rng.normal(0, 2, (300, 5))
LOGITS[:, 4] -= 100  # class 4 is never predicted
PREDICTED = LOGITS.argmax(1)


def confusion(logits=LOGITS, labels=LABELS):
    return train.confusion_matrix(jnp.asarray(logits), jnp.asarray(labels))


def test_the_confusion_matrix_is_scikit_learns():
    ours = confusion()
    chex.assert_type(ours, jnp.int32)
    np.testing.assert_array_equal(ours, metrics.confusion_matrix(LABELS, PREDICTED))
    np.testing.assert_array_equal(confusion(labels=np.eye(5)[LABELS]), ours)


def test_precision_recall_f1_and_accuracy_are_scikit_learns():
    expected = metrics.precision_recall_fscore_support(
        LABELS, PREDICTED, zero_division=0
    )
    ours = (f(confusion()) for f in (train.precision, train.recall, train.f1))
    for a, b in zip(ours, expected[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    expected = metrics.accuracy_score(LABELS, PREDICTED)
    assert float(train.accuracy(confusion())) == pytest.approx(expected)


def test_counts_of_chunks_add_up():
    chunks = [
        confusion(LOGITS[i : i + 77], LABELS[i : i + 77]) for i in range(0, 300, 77)
    ]
    np.testing.assert_array_equal(sum(chunks), confusion())


def test_a_population_is_counted_at_once():
    many = rng.normal(size=(7, 300, 5))
    together = jax.vmap(train.confusion_matrix, (0, None))(
        jnp.asarray(many), jnp.asarray(LABELS)
    )
    np.testing.assert_array_equal(together, [confusion(one) for one in many])
    for f in (train.precision, train.recall, train.f1, train.accuracy):
        np.testing.assert_allclose(f(together), [f(c) for c in together], rtol=1e-6)


@pytest.mark.parametrize("labels", [LABELS % 2, (LABELS % 2)[:, None] * 1.0])
def test_a_single_output_is_the_logit_of_two_classes(labels):
    logits = rng.normal(size=(300, 1))
    expected = metrics.confusion_matrix(labels.ravel() > 0.5, logits[:, 0] > 0)
    np.testing.assert_array_equal(confusion(logits, labels), expected)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_top_k_error_is_scikit_learns(k):
    error = train.top_k_error(k)(jnp.asarray(LOGITS), jnp.asarray(LABELS))
    chex.assert_shape(error, (300,))
    expected = metrics.top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(5))
    assert float(error.mean()) == pytest.approx(1 - expected, abs=1e-6)


@pytest.mark.parametrize(("k", "message"), [(0, "got k=0"), (6, "got k=6 for outputs")])
def test_a_k_that_cannot_be_is_refused(k, message):
    with pytest.raises(ValueError, match=message):
        train.top_k_error(k)(jnp.asarray(LOGITS), jnp.asarray(LABELS))


def test_a_class_without_examples_has_recall_and_f1_zero():
    counts = confusion(LOGITS, np.zeros(300, int))
    assert np.isfinite(train.recall(counts)).all()
    assert train.recall(counts)[1:].tolist() == [0.0] * 4
    assert train.f1(counts)[1:].tolist() == [0.0] * 4


def test_several_yes_no_labels_have_a_matrix_each():
    logits, labels = rng.normal(size=(300, 4)), rng.integers(0, 2, (300, 4))
    ours = train.multilabel_confusion(jnp.asarray(logits), jnp.asarray(labels))
    expected = metrics.multilabel_confusion_matrix(labels, logits > 0)
    np.testing.assert_array_equal(ours, expected)
    f1 = metrics.f1_score(labels, logits > 0, average=None)
    np.testing.assert_allclose(train.f1(ours)[:, 1], f1, rtol=1e-6)
