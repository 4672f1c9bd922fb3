"""Folds: every example is in one dev set, and the rest is left in every train set."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxdl import data
from tests.data.conftest import dataset

KEY = jax.random.key(0)


def test_folds_partition_the_examples_and_keep_the_classes():
    labels = np.random.default_rng(0).choice(3, 103, p=[0.7, 0.2, 0.1])
    whole = data.from_arrays(np.zeros((103, 1)), labels)
    folds = data.fold_rows(whole, 5, key=KEY)
    dev_rows = np.concatenate([dev for _, dev in folds])
    assert len(dev_rows) == len(set(dev_rows)) == 100  # 5 floor(103 / 5)
    for train, dev in folds:
        assert (len(train), len(dev)) == (83, 20)
        np.testing.assert_array_equal(np.sort([*train, *dev]), np.arange(103))
    counts = [np.bincount(labels[dev], minlength=3) for _, dev in folds]
    assert np.ptp(counts, axis=0).max() <= 1
    for other in (jax.random.key(1), jax.random.key(2)):
        again = data.fold_rows(whole, 5, key=other)
        assert set(again[0][1]) != set(folds[0][1])


def test_targets_are_dealt_out_as_well():
    whole = data.from_arrays(np.zeros((10, 1)), np.zeros((10, 2)))
    folds = data.fold_rows(whole, 10, key=KEY)
    assert sorted(int(dev[0]) for _, dev in folds) == list(range(10))


def test_an_integer_of_numpy_counts_folds_as_a_plain_one():
    plain, numpy = (data.fold_rows(dataset(), k, key=KEY) for k in (3, np.int64(3)))
    for ours, theirs in zip(plain, numpy, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("k", [1, 101, True, 2.0, None])
def test_invalid_numbers_of_folds_are_refused(k):
    with pytest.raises(data.DataError, match="got folds=.*from 2 to as many"):
        data.fold_rows(dataset(), k, key=KEY)


def test_a_set_without_weight_is_refused():
    weights = np.array([1.0] + [0.0] * 9)
    whole = replace(dataset(10), weights=weights)
    with pytest.raises(data.DataError, match="weights that are all 0"):
        data.fold_rows(whole, 5, key=KEY)


def test_a_pool_is_the_train_set_then_the_dev_set():
    splits = data.split(dataset(), key=KEY)
    pooled = data.pool(splits)
    expected = np.concatenate([splits.train.inputs, splits.dev.inputs])
    np.testing.assert_array_equal(pooled.inputs, expected)
    assert pooled.weights is None


def test_missing_weights_in_a_pool_are_1():
    splits = data.split(dataset(), key=KEY)
    dev = replace(splits.dev, weights=np.full(20, 3.0, np.float32))
    weights = data.pool(splits._replace(dev=dev)).weights
    assert weights.tolist() == [1.0] * 60 + [3.0] * 20


def test_a_dev_set_that_is_the_test_set_stays_out_of_the_pool():
    splits = data.split(dataset(), "70:30", key=KEY)
    assert len(data.pool(splits).inputs) == 70
    assert len(data.pool(data.normalize(splits)).inputs) == 70
