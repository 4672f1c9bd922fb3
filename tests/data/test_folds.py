"""Folds: dealt from a key, of a splitter or given as rows; what travels with them."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from jaxdl import data
from tests.data.conftest import dataset

KEY = jax.random.key(0)


def test_folds_partition_the_examples_and_keep_the_classes():
    labels = np.random.default_rng(0).choice(3, 103, p=[0.7, 0.2, 0.1])
    whole = data.from_arrays(np.zeros((103, 1)), labels, classes=3)
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


def test_a_pool_keeps_what_is_known_of_the_examples():
    whole = replace(dataset(), groups=np.arange(100) // 5)
    splits = data.split(whole, key=KEY)
    pooled = data.pool(splits)
    expected = np.concatenate([splits.train.groups, splits.dev.groups])
    np.testing.assert_array_equal(pooled.groups, expected)
    assert pooled.about == whole.about
    for name in ("train", "dev"):
        lone = splits._replace(**{name: replace(splits.sets[name], groups=None)})
        other = "dev" if name == "train" else "train"
        with pytest.raises(data.DataError, match=f"groups in the {other} set alone"):
            data.pool(lone)


def test_a_pool_follows_time_if_one_of_its_sets_does():
    ordered = data.split(dataset(), key=None)
    plain = data.split(dataset(), key=KEY)
    assert data.pool(ordered).about.in_order and not data.pool(plain).about.in_order
    np.testing.assert_array_equal(data.pool(ordered).inputs, dataset().inputs[:80])
    assert data.pool(ordered._replace(dev=plain.dev)).about.in_order


# classes or targets


def test_integers_that_may_be_classes_or_targets_are_refused():
    labels = np.repeat([0, 1], [80, 20])
    open_, named, targets = (
        data.from_arrays(np.zeros((100, 1)), labels, classes=classes)
        for classes in (None, 2, ())
    )
    with pytest.raises(data.DataError, match=r"classes or targets; .*classes=\(\) for"):
        data.fold_rows(open_, 5, key=KEY)
    rows = {
        name: [
            dev.tolist() for _, dev in data.fold_rows(d, 5, key=KEY, stratify=stratify)
        ]
        for name, d, stratify in (
            ("named", named, None),
            ("targets", targets, None),
            ("decided: classes", open_, True),
            ("decided: targets", open_, False),
        )
    }
    assert rows["named"] == rows["decided: classes"]
    assert rows["targets"] == rows["decided: targets"] != rows["named"]
    assert all(np.sum(labels[dev]) == 4 for dev in rows["named"])
    assert any(np.sum(labels[dev]) != 4 for dev in rows["targets"])
    grouped = replace(open_, groups=np.arange(100) // 2)
    assert len(data.fold_rows(grouped, 5, key=KEY)) == 5  # no class is dealt


# groups


def patients():
    """Several scans of each patient."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(20), rng.integers(0, 20, 80)])
    inputs = np.stack([groups, rng.normal(size=100)], 1)
    return data.from_arrays(inputs, groups % 2, groups=groups, classes=2)


@pytest.mark.parametrize("k", [2, 5, 7, 20])
@pytest.mark.parametrize("seed", range(5))
def test_folds_keep_groups_together(k, seed):
    whole = patients()
    folds = data.fold_rows(whole, k, key=jax.random.key(seed))
    for train, dev in folds:
        assert not set(whole.groups[train]) & set(whole.groups[dev])
        np.testing.assert_array_equal(np.sort([*train, *dev]), np.arange(100))
    dev_rows = np.concatenate([dev for _, dev in folds])
    np.testing.assert_array_equal(np.sort(dev_rows), np.arange(100))
    assert np.ptp([len(dev) for _, dev in folds]) <= np.bincount(whole.groups).max()


def test_groups_are_dealt_in_random_order():
    whole = patients()
    first, again, other = (
        data.fold_rows(whole, 5, key=jax.random.key(seed))[0][1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(whole.groups[first]) != set(whole.groups[other])


def test_more_folds_than_groups_are_refused():
    with pytest.raises(data.DataError, match="got folds=21 for 20 groups"):
        data.fold_rows(patients(), 21, key=KEY)


def test_patients_that_a_split_separates_are_separate_in_every_fold():
    """Case: split by patient, then cross-validation of train and dev set."""
    patient = np.repeat(np.arange(20), 5)
    inputs = np.stack([patient, np.zeros(100)], 1)
    whole = data.from_arrays(inputs, patient % 2, classes=2)
    pooled = data.pool(data.normalize(data.split(whole, key=KEY, groups=patient)))
    for train, dev in data.fold_rows(pooled, 5, key=KEY):
        ours, theirs = (set(pooled.inputs[rows, 0]) for rows in (train, dev))
        assert theirs and not ours & theirs


# rows and splitters

SPLITTERS = [
    KFold(3),
    KFold(7, shuffle=True, random_state=0),
    StratifiedKFold(5),
    RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    ShuffleSplit(3, test_size=0.3, random_state=1),
    TimeSeriesSplit(4),
    LeavePOut(1),
    PredefinedSplit(np.arange(100) % 3 - 1),
]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda s: type(s).__name__)
def test_folds_are_those_of_the_splitter(splitter):
    whole = dataset()
    expected = list(splitter.split(whole.inputs, whole.labels))
    for folds in (splitter, expected, iter(expected), [list(p) for p in expected]):
        for ours, theirs in zip(
            data.fold_rows(whole, folds, key=KEY), expected, strict=True
        ):
            for mine, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(mine, np.sort(other))
                assert mine.dtype == np.int32


@pytest.mark.parametrize(
    "splitter",
    [GroupKFold(4), LeaveOneGroupOut(), StratifiedGroupKFold(3),
     GroupShuffleSplit(2, random_state=0)],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_splitters_get_the_groups(splitter):
    whole = patients()
    expected = splitter.split(whole.inputs, whole.labels, whole.groups)
    ours = data.fold_rows(whole, splitter, key=KEY)
    for (_, mine), (_, theirs) in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_rows_are_given_back_in_ascending_order():
    ((train, dev),) = data.fold_rows(dataset(), [([9, 3, 5], (8, 0))], key=KEY)
    assert train.tolist() == [3, 5, 9] and dev.tolist() == [0, 8]


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (KFold(3, shuffle=True), "gives other folds each time; .* random_state"),
        (ShuffleSplit(3), "gives other folds each time"),
        (GroupKFold(3), "refuses the train and dev set .*groups"),
        (KFold(101), "refuses the train and dev set .*n_splits=101"),
    ],
    ids=str,
)
def test_splitters_that_do_not_suit_the_data_are_refused(splitter, message):
    with pytest.raises(data.DataError, match=message):
        data.fold_rows(dataset(), splitter, key=KEY)


ROWS = np.arange(50), np.arange(50, 100)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], r"got folds=\[\]; expected pairs"),
        ([ROWS, ROWS[:1]], "expected pairs"),
        ([np.stack(ROWS)], "expected pairs"),
        ("kfold", "got folds='kfold' for 100 examples"),
        ([ROWS, (np.arange(51), ROWS[1])], "got 1 rows, such as 50, in both .* fold 1"),
        ([(np.arange(0), ROWS[1])], r"the train rows of fold 0 as int64\[0\]"),
        ([(ROWS[0], [])], r"the dev rows of fold 0 as float64\[0\]"),
        ([(ROWS[0], ROWS[1] * 1.0)], "expected integers"),
        ([(np.arange(100) < 50, np.arange(100) > 50)], "bool.*numpy.flatnonzero"),
        ([(ROWS[0], ROWS[1][:, None])], r"int64\[50, 1\]"),
        ([(ROWS[0], 60)], r"the dev rows of fold 0 as int64\[\]"),
        ([(ROWS[0], [99, 100])], "dev rows of fold 0 from 99 to 100; .*from 0 to 99"),
        ([([-1, 3], ROWS[1])], "train rows of fold 0 from -1 to 3"),
        ([(ROWS[0], [60, 61, 60])], "got row 60 twice in the dev rows of fold 0"),
        ([(ROWS[0], None)], "dev rows of fold 0 as object"),
    ],
)  # fmt: skip
def test_rows_that_are_no_folds_are_refused(folds, message):
    with pytest.raises(data.DataError, match=message):
        data.fold_rows(dataset(), folds, key=KEY)


def test_dev_sets_may_overlap_and_need_not_be_of_one_size():
    folds = data.fold_rows(
        dataset(), [([0, 1], [2, 3, 4]), ([5], [3, 4]), ([0, 1], [2, 3, 4])], key=KEY
    )
    assert [(len(train), len(dev)) for train, dev in folds] == [(2, 3), (1, 2), (2, 3)]


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_rows_that_divide_a_group_are_refused():
    whole = replace(patients(), groups=np.arange(100) // 2)
    rows = np.arange(51), np.arange(51, 100)  # the group of 50 and 51 is divided
    with pytest.raises(data.DataError, match="got 1 groups with .* of fold 1; "):
        data.fold_rows(whole, [ROWS, rows], key=KEY)
    for splitter in (KFold(3), StratifiedKFold(5)):
        with pytest.raises(data.DataError, match="expected each group in one of them"):
            data.fold_rows(patients(), splitter, key=KEY)


# order


def test_data_that_follow_time_are_folded_in_time():
    pooled = data.pool(data.split(dataset(), key=None))
    with pytest.raises(data.DataError, match=r"got folds=4 .*TimeSeriesSplit\(4\)"):
        data.fold_rows(pooled, 4, key=KEY)
    folds = data.fold_rows(pooled, TimeSeriesSplit(4), key=KEY)
    assert [(len(train), len(dev)) for train, dev in folds] == [
        (16, 16), (32, 16), (48, 16), (64, 16)
    ]  # fmt: skip
    for bad in (KFold(4), [([0, 1, 5], [4, 6])], [([9], [2])]):
        with pytest.raises(data.DataError, match="dev row .* before train row"):
            data.fold_rows(pooled, bad, key=KEY)
    ((train, dev),) = data.fold_rows(pooled, [([0, 1, 5], [6])], key=KEY)
    assert train[-1] < dev[0]
