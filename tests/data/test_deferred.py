"""Large arrays, of which a split copies nothing until their rows are read."""

import copy
import pickle
import tracemalloc

import jax
import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import DataError, Source, deferred, rows
from jaxdl.data.deferred import Deferred, ungathered

M, FEATURES = 4096, 256
NUMBERS = np.random.default_rng(0).normal(3, 2, (M, FEATURES))
LABELS = np.arange(M) % 2
DTYPES = ["float64", "float32", "float16", "uint8", "int32"]


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Makes each array large, and pieces small."""
    monkeypatch.setattr(deferred, "LARGE", 0)
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


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_deferred_split_has_the_bits_of_a_copied_one(monkeypatch, dtype):
    numbers = NUMBERS[:, :5].astype(dtype)
    late = parts(numbers)
    late_normalized = data.normalize(late)
    assert all(are_deferred(late))
    monkeypatch.setattr(deferred, "LARGE", 2**40)
    early = parts(numbers)
    assert not any(are_deferred(early))
    equal(late_normalized, data.normalize(early))
    equal(late, early)
    assert not any(are_deferred(late))  # they have been read


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


@pytest.mark.parametrize("change", [turn, nudge])
@pytest.mark.parametrize("integers", [False, True])
def test_an_array_that_has_changed_is_refused(change, integers):
    numbers = NUMBERS[:, :5].astype(np.int16 if integers else np.float32)
    splits = parts(numbers)
    change(numbers)
    with pytest.raises(DataError, match="changed since data.split.*a copy of it"):
        for dataset in (
            data.normalize(splits) if not integers else splits
        ).sets.values():
            assert dataset.inputs is not None


def test_what_has_been_read_no_longer_depends_on_the_array():
    numbers = NUMBERS[:, :5].copy()
    splits = parts(numbers)
    before = splits.train.inputs.copy()
    numbers[:] = 0
    np.testing.assert_array_equal(splits.train.inputs, before)


@pytest.mark.parametrize("order", [np.asfortranarray, lambda x: x[:, ::2]])
def test_rows_that_lie_apart_in_memory_are_copied_at_once(order):
    assert not any(are_deferred(parts(order(NUMBERS[:, :6]))))


def test_a_source_stays_a_source():
    splits = parts(Source(NUMBERS[:, :5]))
    assert isinstance(splits.train.inputs, Source)


def test_sizes_words_and_checks_read_nothing():
    splits = parts(NUMBERS[:, :5])
    data.check(splits)
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
