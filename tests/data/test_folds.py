"""Folds: they partition the examples and keep the classes."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import DataError

KEY = jax.random.key(0)


def test_folds_partition_the_examples_and_keep_the_classes():
    labels = np.random.default_rng(0).choice(3, 103, p=[0.7, 0.2, 0.1])
    dataset = dl.data.from_arrays(np.zeros((103, 1)), labels)
    parts = dl.data.fold_rows(dataset, 5, key=KEY)
    chosen = np.concatenate([dev for _, dev in parts])
    assert len(chosen) == len(set(chosen.tolist())) == 100
    for train, dev in parts:
        assert (len(train), len(dev)) == (83, 20)
        assert sorted([*train, *dev]) == list(range(103))
    counts = np.array([np.bincount(labels[dev], minlength=3) for _, dev in parts])
    assert np.ptp(counts, axis=0).max() <= 1
    for other in (jax.random.key(1), jax.random.key(2)):
        again = dl.data.fold_rows(dataset, 5, key=other)
        assert sorted(again[0][1]) != sorted(parts[0][1])


def test_examples_with_targets_are_divided_as_well():
    dataset = dl.data.from_arrays(np.zeros((10, 1)), np.zeros((10, 2)))
    parts = dl.data.fold_rows(dataset, 10, key=KEY)
    assert sorted(int(dev[0]) for _, dev in parts) == list(range(10))


def test_a_dev_set_that_is_the_test_set_is_not_pooled():
    dataset = dl.data.from_arrays(np.arange(20.0)[:, None], np.arange(20) % 2)
    two = dl.data.normalize(dl.data.split(dataset, (0.7, 0.3), key=KEY))
    assert len(dl.data.pool(two).labels) == 14
    three = dl.data.split(dataset, (0.5, 0.2, 0.3), key=KEY)
    assert len(dl.data.pool(three).labels) == 14


def test_a_fold_whose_examples_have_no_weight_is_refused():
    weights = np.eye(6)[0]
    dataset = dl.data.from_arrays(np.zeros((6, 1)), np.zeros(6), weights)
    with pytest.raises(DataError, match="weights that are all 0 in a set of 2 folds"):
        dl.data.fold_rows(dataset, 2, key=KEY)
