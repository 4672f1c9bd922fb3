"""Datasets from arrays: which are refused, and what the others become."""

import jax
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from jaxdl import data


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


INPUTS, LABELS = np.ones((6, 3)), np.zeros(6, int)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (
            changed(INPUTS, (4, 2), np.nan),
            LABELS,
            "got nan in the inputs.*row 4, column",
        ),
        (changed(INPUTS, (1, 0), -np.inf), LABELS, r"got -inf.*row 1, column \[0\]"),
        (INPUTS, changed(LABELS * 1.0, 3, np.nan), "got nan in the labels.*row 3"),
        (INPUTS, changed(LABELS, 2, -1), "got label -1 in row 2"),
        (INPUTS, LABELS[:5], "got 6 inputs and 5 labels"),
        (INPUTS[:0], LABELS[:0], "got no examples"),
        (changed(INPUTS, (0, 0), 1e39), LABELS, "finite in float32"),
        (INPUTS, changed(LABELS, 1, 2**31), "got label 2147483648 in row 1"),
        (INPUTS[:, 0], LABELS, r"got inputs \[6\]"),
        (INPUTS.astype(str), LABELS, "expected real numbers"),
        (INPUTS, np.array(["cat"] * 6), "expected real numbers"),
        (INPUTS.astype(object), LABELS, "expected real numbers"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(inputs, labels, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(inputs, labels)


def test_integers_that_float32_would_round_become_float64():
    times = 1_700_000_000 + np.arange(5)[:, None]
    kept = data.from_arrays(times, np.zeros(5, int)).inputs
    assert kept.dtype == np.float64
    np.testing.assert_array_equal(kept, times)
    assert data.from_arrays(times % 7, np.zeros(5, int)).inputs.dtype == np.float32


def test_another_byte_order_is_converted_or_refused():
    swapped = np.arange(6.0).reshape(3, 2).astype(">f8")
    kept = data.from_arrays(swapped, np.zeros(3, ">i4"))
    assert kept.inputs.dtype == np.float64 and kept.labels.dtype.isnative
    np.testing.assert_array_equal(kept.inputs, swapped)
    raw = data.Dataset(swapped, np.zeros(3, int))
    with pytest.raises(data.DataError, match="byte order: use data.from_arrays"):
        data.check(data.Splits(raw, raw, raw))


WEIGHTS = np.linspace(0, 2, 100)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (WEIGHTS[:99], r"weights float64\[99\] for 100 examples"),
        (WEIGHTS[:, None], r"weights float64\[100, 1\]"),
        (
            np.where(np.arange(100) == 7, np.nan, WEIGHTS),
            "got nan in the weights.*row 7",
        ),
        (WEIGHTS - 1, "weights from -1.0 to 1.0.*expected none below 0"),
        (0 * WEIGHTS, "weights from 0.0 to 0.0.*some above"),
        (np.full(100, "1"), "weights <U1"),
    ],
)
def test_invalid_weights_are_refused(weights, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(np.ones((100, 2)), np.zeros(100, int), weights)


def test_weights_stay_with_their_examples():
    inputs = np.arange(100.0)[:, None]
    whole = data.from_arrays(inputs, np.arange(100) % 2, WEIGHTS)
    splits = data.normalize(data.split(whole, key=jax.random.key(0)))
    for part in splits.sets.values():
        raw = part.inputs * splits.moments.scale + splits.moments.mean
        np.testing.assert_allclose(
            part.weights, WEIGHTS[np.round(raw[:, 0]).astype(int)]
        )
    data.check(splits)


def test_class_weights_are_scikit_learns_balanced_ones():
    labels = np.random.default_rng(0).choice(4, 500, p=[0.7, 0.2, 0.07, 0.03])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    weights = data.class_weights(labels)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2, 2], "got 2 classes up to 2"),
        ([0, 2**40], "got 2 classes up to 1099511627776"),
        ([0.0, 1.0], r"labels float64\[2\]; expected integers"),
        ([-1, 0], "expected integers from 0"),
        (np.zeros(0, int), "got 0 classes"),
    ],
)
def test_labels_without_class_weights_are_refused(labels, message):
    with pytest.raises(data.DataError, match=message):
        data.class_weights(labels)
