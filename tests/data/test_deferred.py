"""Large arrays, of which a split copies nothing until their rows are read."""

import copy
import gc
import pickle
import threading
import tracemalloc
import weakref
from collections import OrderedDict

import jax
import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import DataError, Source, deferred, rows
from jaxdl.data.deferred import Deferred, ungathered
from jaxdl.data.normalize import input_moments

M, FEATURES = 4096, 256
NUMBERS = np.random.default_rng(0).normal(3, 2, (M, FEATURES))
LABELS = np.arange(M) % 2
DTYPES = ["float64", "float32", "float16", "uint8", "int32", "bool"]
NOWHERE = 2**40  # bytes, which no array has


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Makes each array large, and pieces small."""
    monkeypatch.setattr(deferred, "LARGE", 0)
    monkeypatch.setattr(deferred, "WIDE", 0)
    monkeypatch.setattr(rows, "CHUNK", 2**14)


def parts(inputs, **options):
    return data.split(data.from_arrays(inputs, LABELS, **options), key=0)


def are_deferred(splits):
    return [isinstance(ungathered(d), Deferred) for d in splits.sets.values()]


def equal(one, other):
    for ours, theirs in zip(one.sets.values(), other.sets.values(), strict=True):
        for x, y in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
            assert type(x) is type(y) and x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("features", [1, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_deferred_split_has_the_bits_of_a_copied_one(monkeypatch, dtype, features):
    numbers = NUMBERS[:, :features].astype(dtype)
    late = parts(numbers)
    late_normalized = data.normalize(late)
    assert all(are_deferred(late))
    monkeypatch.setattr(deferred, "LARGE", NOWHERE)
    early = parts(numbers)
    assert not any(are_deferred(early))
    equal(late_normalized, data.normalize(early))
    equal(late, early)
    assert not any(are_deferred(late))  # they have been read


@pytest.mark.parametrize("rule", [{"groups": LABELS + 2 * (np.arange(M) % 9)}, {}])
def test_weights_and_groups_follow_the_rows_that_are_deferred(rule):
    numbers = np.arange(M * 2.0).reshape(M, 2)
    splits = parts(numbers, weights=numbers[:, 0] + 1, **rule)
    assert all(are_deferred(splits))
    for dataset in splits.sets.values():
        row = dataset.inputs[:, 0].astype(int) // 2
        np.testing.assert_array_equal(dataset.weights, 2 * row + 1)
        np.testing.assert_array_equal(dataset.labels, row % 2)
        if rule:
            np.testing.assert_array_equal(dataset.groups % 2, row % 2)


def test_folds_deal_the_rows_that_are_deferred():
    splits = parts(np.arange(M * 2.0).reshape(M, 2), classes=2)
    pooled = data.pool(splits)
    for fold in data.fold_rows(pooled, 3, key=0):
        for rows_of_part in fold:
            part = pooled[rows_of_part]
            row = part.inputs[:, 0] // 2
            np.testing.assert_array_equal(row % 2, part.labels)
        assert sum(map(len, fold)) == len(pooled)


def test_a_dict_of_inputs_is_deferred_array_by_array():
    tokens = np.arange(M * 2).reshape(M, 2)
    inputs = {"table": NUMBERS[:, :3], "deep": {"tokens": tokens}}
    splits = data.normalize(parts(inputs, ids=["deep.tokens"]))
    held = ungathered(splits.train)
    assert isinstance(held["deep"]["tokens"], Deferred)
    assert isinstance(held["table"], np.ndarray)
    chosen = splits.train.inputs["deep"]["tokens"]
    np.testing.assert_array_equal(chosen[:, 1], chosen[:, 0] + 1)
    np.testing.assert_array_equal(chosen[:, 0] // 2 % 2, splits.train.labels)


def turn(numbers):
    numbers[[0, 1]] = numbers[[1, 0]]


def nudge(numbers):
    numbers[-1, -1] += 1


def all_read(splits):
    for dataset in splits.sets.values():
        assert dataset.inputs is not None


@pytest.mark.parametrize("reader", [data.normalize, data.check, all_read])
@pytest.mark.parametrize("change", [turn, nudge])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_an_array_that_has_changed_is_refused(dtype, change, reader):
    numbers = NUMBERS[:, :5].astype(dtype)
    splits = parts(numbers)
    change(numbers)
    with pytest.raises(DataError, match="got inputs that have changed since data.spl"):
        reader(splits)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_moments_of_a_changed_array_are_refused(dtype):
    numbers = NUMBERS[:, :5].astype(dtype)
    splits = parts(numbers)
    numbers += 1
    with pytest.raises(DataError, match="call data.split again"):
        input_moments(splits.train)


def test_the_array_of_a_dict_that_has_changed_is_named():
    inputs = {"left": NUMBERS[:, :2].copy(), "right": {"deep": NUMBERS[:, 2:4].copy()}}
    splits = parts(inputs)
    nudge(inputs["right"]["deep"])
    with pytest.raises(DataError, match="got inputs.right.deep that have changed"):
        data.check(splits)


def test_a_split_of_a_changed_part_is_refused():
    numbers = NUMBERS[:, :5].copy()
    splits = parts(numbers)
    numbers += 1
    with pytest.raises(DataError, match="changed since data.split"):
        data.split(splits.train, key=1)


@pytest.mark.parametrize("integers", [False, True])
def test_a_split_of_a_part_gathers_nothing(monkeypatch, integers):
    numbers = NUMBERS[:, :5].astype(np.int32 if integers else np.float64)
    again = [
        {"key": 1},
        {"key": 1, "groups": np.arange(2458) % 40},
        {"key": None},
    ]
    train = parts(numbers).train
    late = [data.split(train, **options) for options in again]
    assert isinstance(ungathered(train).held, Source)
    monkeypatch.setattr(deferred, "LARGE", NOWHERE)
    train = parts(numbers).train
    for splits, options in zip(late, again, strict=True):
        assert all(are_deferred(splits))
        equal(splits, data.split(train, **options))


def test_sets_that_share_rows_share_their_array():
    splits = parts(NUMBERS[:, :5].astype(np.uint8))
    normalized, other = data.normalize(splits), copy.copy(splits.train)
    array = splits.train.inputs
    assert normalized.train.inputs is array and other.inputs is array
    assert splits.train.inputs is array


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_dev_and_test_are_one_set_with_two_fractions(dtype):
    numbers = NUMBERS[:, :5].astype(dtype)
    splits = data.split(data.from_arrays(numbers, LABELS), "70:30", key=0)
    normalized = data.normalize(splits)
    assert splits.dev.inputs is splits.test.inputs
    assert normalized.dev is normalized.test


def test_threads_that_read_at_the_same_time_get_one_array():
    train, found = parts(NUMBERS).train, [None] * 8
    ready = threading.Barrier(8)

    def read(i):
        ready.wait()
        found[i] = train.inputs

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(x) for x in found}) == 1 and found[0] is not None


def test_sets_that_have_been_read_free_the_array():
    numbers = NUMBERS[:, :5].copy()
    alive, splits = weakref.ref(numbers), parts(numbers)
    del numbers
    assert alive() is not None  # the sets need it
    all_read(splits)
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_a_dict_of_inputs_is_one_object_of_its_class(kind):
    inputs = kind(b=NUMBERS[:, :2], a=NUMBERS[:, 2:4])
    whole = data.Dataset(inputs, LABELS)
    assert whole.inputs is inputs
    train = data.split(whole, key=0).train
    read = train.inputs
    assert type(read) is kind and train.inputs is read
    assert isinstance(read["a"], np.ndarray)


def test_a_dataset_without_its_fields_has_no_inputs():
    assert not hasattr(object.__new__(data.Dataset), "inputs")


def test_what_has_been_read_no_longer_depends_on_the_array():
    numbers = NUMBERS[:, :5].copy()
    splits = parts(numbers)
    before = splits.train.inputs.copy()
    numbers[:] = 0
    np.testing.assert_array_equal(splits.train.inputs, before)


@pytest.mark.parametrize("order", [np.asfortranarray, lambda x: x[:, ::2]])
def test_rows_that_lie_apart_in_memory_are_copied_at_once(order):
    assert not any(are_deferred(parts(order(NUMBERS[:, :6]))))


def test_narrow_rows_are_copied_at_once(monkeypatch):
    monkeypatch.setattr(deferred, "WIDE", 40)
    assert not any(are_deferred(parts(NUMBERS[:, :4].copy())))
    assert all(are_deferred(parts(NUMBERS[:, :5].copy())))


def test_a_source_stays_a_source():
    splits = parts(Source(NUMBERS[:, :5]))
    assert isinstance(splits.train.inputs, Source)


def test_sizes_words_and_checks_gather_nothing():
    splits = parts(NUMBERS[:, :5])
    data.check(splits)
    assert isinstance(ungathered(splits.train).held, Source)
    assert len(splits.train) == 2458 and "float64 [2458, 5]" in repr(splits)
    assert all(are_deferred(splits))


def test_what_is_sent_elsewhere_does_not_take_the_whole_array_along():
    train = parts(NUMBERS[:, :5]).train
    sent = pickle.dumps(train)
    copied = copy.deepcopy(train)
    assert isinstance(ungathered(train), Deferred)
    assert isinstance(ungathered(copied), np.ndarray)
    np.testing.assert_array_equal(copied.inputs, train.inputs)
    assert len(sent) < train.inputs.nbytes + train.labels.nbytes + 2000


@pytest.mark.parametrize(("dtype", "most"), [("float32", 1), ("float64", 0.5)])
def test_a_normalized_split_takes_the_memory_of_what_it_gives(dtype, most):
    numbers = NUMBERS.astype(dtype)
    data.normalize(parts(numbers[:, :5]))  # compiles
    tracemalloc.start()
    try:
        data.normalize(parts(numbers))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (most + 0.25) * numbers.nbytes
