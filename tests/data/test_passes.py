"""Passes over all rows, a few at a time."""

import tracemalloc

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import DataError, Source, passes, rows
from jaxdl.data.array_checks import check_finite
from jaxdl.train.identity import arrays_digest

M = 2**16
NUMBERS = np.random.default_rng(0).normal(3, 2, M).astype(np.float32)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(rows, "CHUNK", 2**10)


def peak(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(M,), (M, 1), (M // 4, 4), (M // 64, 8, 8)])
@pytest.mark.parametrize("kind", [np.asarray, Source])
def test_chunks_are_bounded_and_whole(kind, shape):
    numbers = NUMBERS.reshape(shape)
    found = list(passes.chunks(kind(numbers)))
    assert max(values.size for _, values in found) == 2**10
    np.testing.assert_array_equal(np.concatenate([x for _, x in found]), numbers)


@pytest.mark.parametrize("function", [np.asarray, np.square])
@pytest.mark.parametrize("shape", [(M,), (M, 1), (M // 4, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("kind", [np.asarray, Source])
def test_a_sum_has_the_bits_of_numpy(kind, dtype, shape, function):
    numbers = np.abs(NUMBERS).astype(dtype).reshape(shape)
    expected = np.sum(function(numbers), axis=0, dtype=np.float64)
    np.testing.assert_array_equal(passes.sum_of(kind(numbers), function), expected)


@pytest.mark.parametrize("shape", [(M,), (M, 1)])
def test_what_needs_no_sum_takes_little_memory_of_single_numbers(shape):
    source = passes.sealed(Source(NUMBERS.reshape(shape)), "inputs")
    for function in (
        lambda: passes.span(source),
        lambda: passes.check_seal(source),
        lambda: check_finite(source, "the inputs"),
        lambda: passes.sealed(source, "inputs"),
        lambda: arrays_digest(NUMBERS.reshape(shape)),
    ):
        assert peak(function) < NUMBERS.nbytes / 4
    assert peak(lambda: passes.mapped(source)) < 1.25 * NUMBERS.nbytes


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_normalizing_single_numbers_takes_one_array_of_float64(dtype):
    numbers = np.abs(NUMBERS[:, None]).astype(dtype)
    one = data.from_arrays(numbers, np.zeros(M, np.int32))
    splits = data.Splits(one, one, one)
    data.normalize(splits)
    assert peak(lambda: data.normalize(splits)) < 8 * M * 1.25


@pytest.mark.parametrize("order", ["C", "F"])
def test_mapped_keeps_the_order_in_memory(order):
    numbers = np.asarray(NUMBERS.reshape(-1, 4), order=order)
    found = passes.mapped(numbers, np.negative)
    assert found.dtype == np.float32 and found.strides == numbers.strides
    np.testing.assert_array_equal(found, -numbers)


def test_a_seal_is_of_all_rows_in_their_order():
    numbers = NUMBERS.reshape(-1, 4).copy()
    source = passes.sealed(Source(numbers, np.arange(100)), "inputs.table")
    passes.check_seal(source)
    numbers[100:] = 0  # rows of others
    passes.check_seal(source)
    passes.check_seal(source[:50].astype(np.float64))  # no longer the rows of the seal
    numbers[[0, 99]] = numbers[[99, 0]]
    with pytest.raises(DataError, match="inputs.table that have changed"):
        passes.check_seal(source)
