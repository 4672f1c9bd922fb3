"""Train and validation rows of the examples of estimators, without training."""

import numpy as np
import pytest

from jaxdl.interop.sklearn.pooling import pooled
from jaxdl.interop.sklearn.requests import Training, as_examples

STOPPING = Training(10, 3, 0.2, 1, True)


def examples(*counts, weights=None):
    """Returns examples with so many of each class, whose inputs are their numbers."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return as_examples(np.arange(len(labels))[:, None], labels, weights)


def test_each_class_has_its_share_of_the_validation_set():
    pool, [(train, dev)], patience = pooled(STOPPING, 0, [examples(100, 50, 25)])
    assert np.bincount(pool.labels[dev]).tolist() == [20, 10, 5] and patience == 3
    assert sorted([*train, *dev]) == [*range(175)]


@pytest.mark.parametrize("seed", range(5))
def test_a_class_is_never_held_out_as_a_whole(seed):
    pool, [(train, dev)], _ = pooled(STOPPING, seed, [examples(2, 1, 60, 1)])
    assert {*pool.labels[train]} == {0, 1, 2, 3} and not {1, 3} & {*pool.labels[dev]}


def test_validation_sets_differ_between_seeds():
    (first, second) = (pooled(STOPPING, s, [examples(90, 90)])[1][0][1] for s in (0, 1))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize(
    "training", [STOPPING, STOPPING._replace(patience=None)], ids=["small", "without"]
)
def test_all_rows_train_where_none_is_held_out(training):
    sets = [examples(20, 20), examples(20, 18)]  # 20 % are fewer than 10 examples
    pool, folds, patience = pooled(training, 0, sets)
    assert patience is None and len(pool) == 40 + 38 + 2
    (first, copy), (second, other) = folds
    assert len(first) == len(second) + 2 and max(second) == 77
    assert pool.inputs[copy].tolist() == [[0.0]] and copy.tolist() == [78]
    assert other.tolist() == [79]


def test_sets_that_differ_by_a_few_rows_get_equal_sizes():
    sets = [examples(100, 101), examples(100, 100)]
    _, folds, _ = pooled(STOPPING, 0, sets)
    assert {(len(train), len(dev)) for train, dev in folds} == {(160, 40)}
    assert max(folds[0][0]) < 201 <= min(folds[1][0])  # rows of their own sets


def test_sets_of_other_sizes_keep_all_rows():
    _, folds, _ = pooled(STOPPING, 0, [examples(100, 100), examples(50, 50)])
    assert [(len(train), len(dev)) for train, dev in folds] == [(160, 40), (80, 20)]


def test_weights_have_a_mean_of_1_and_are_1_where_none_are_given():
    weighted = examples(2, 2, weights=np.array([1.0, 2.0, 3.0, 4.0]))
    assert weighted.weights.tolist() == pytest.approx([0.4, 0.8, 1.2, 1.6])
    pool, _, _ = pooled(STOPPING, 0, [weighted, examples(2, 2)])
    assert pool.weights[:8].tolist() == pytest.approx([0.4, 0.8, 1.2, 1.6, 1, 1, 1, 1])
