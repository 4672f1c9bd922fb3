"""Inputs that are read a few rows at a time, from wherever they are."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import DataError, Source, rows
from jaxdl.data.normalize import moments_of
from jaxdl.train.identity import data_digest

NUMBERS = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
LABELS = np.arange(50) % 2


class Own:
    """A class of the user's, which takes ascending rows alone, as h5py does."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, own):
        if not isinstance(own, slice):
            assert (np.diff(own) > 0).all()
        return self.numbers[own]


class OnDisk(Own):
    """What h5py and zarr have beside `len` and rows, arrays of their own included."""

    chunks = (10, 4)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read at once")

    shape = property(lambda self: self.numbers.shape)
    dtype = property(lambda self: self.numbers.dtype)


@pytest.fixture
def few_at_once(monkeypatch):
    """Has three rows read at once, and refuses to read all."""

    def refuse(*_, **__):
        raise AssertionError("read at once")

    monkeypatch.setattr(rows, "CHUNK", 12)
    monkeypatch.setattr(Source, "__array__", refuse)


def memory_map(folder, numbers=NUMBERS):
    mapped = np.memmap(folder / "x", numbers.dtype, "w+", shape=numbers.shape)
    mapped[:] = numbers
    return mapped


def prepared(inputs, **kinds):
    whole = dl.data.from_arrays(inputs, LABELS, classes=2, **kinds)
    return dl.data.normalize(dl.data.split(whole, key=jax.random.key(0)))


@pytest.mark.parametrize("kind", [Own, OnDisk, Source, "map"])
def test_a_source_is_prepared_as_the_array_is(kind, few_at_once, tmp_path):
    inputs = memory_map(tmp_path) if kind == "map" else kind(NUMBERS)
    ours, theirs = prepared(inputs), prepared(NUMBERS)
    dl.data.check(ours)
    assert data_digest(ours) == data_digest(theirs)
    for name, dataset in ours.sets.items():
        assert isinstance(dataset.inputs, Source)
        expected = theirs.sets[name].inputs
        np.testing.assert_array_equal(dataset.inputs.read(), expected)
        some = dataset.inputs.read([2, 0, 2])
        np.testing.assert_array_equal(some, expected[[2, 0, 2]])
    for mine, other in zip(ours.moments, theirs.moments, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("shape", [(200,), (200, 1), (200, 2), (200, 7), (60, 5, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, np.float64])
def test_moments_have_the_bits_of_all_rows_at_once(shape, dtype, few_at_once):
    values = np.random.default_rng(1).uniform(0, 99, shape).astype(dtype)
    for given in (values, Source(values), np.asfortranarray(values)):
        found = moments_of(given)
        own = given if isinstance(given, np.ndarray) else values
        np.testing.assert_array_equal(found.mean, own.mean(0, np.float64))
        np.testing.assert_array_equal(found.scale, own.std(0, np.float64))


def test_a_source_keeps_the_types_of_arrays():
    integers = np.arange(8).reshape(4, 2)
    for given, expected in (
        (integers, np.int64), (integers + 2**24, np.float64), (integers > 2, np.float32)
    ):  # fmt: skip
        own = dl.data.from_arrays(Source(given), LABELS[:4]).inputs
        assert own.dtype == dl.data.from_arrays(given, LABELS[:4]).inputs.dtype
        assert own.dtype == own.read().dtype == expected
        np.testing.assert_array_equal(own.read(), given)


def test_a_number_that_is_not_finite_is_found_in_its_row(few_at_once):
    numbers = NUMBERS.copy()
    numbers[31, 2] = numbers[40, 1] = np.inf
    with pytest.raises(DataError, match=r"row 31, column .2. \(2 such entries\)"):
        dl.data.from_arrays(Source(numbers), LABELS)


def test_ids_of_a_source_are_checked(few_at_once):
    with pytest.raises(DataError, match="ids from 0 to 2147483648"):
        ids = np.arange(50)[:, None] * np.array([[1, 2**31 // 49 + 1]])
        ids[-1] = 2**31
        dl.data.from_arrays(Source(ids), LABELS, ids=True)


def test_folds_are_parts_of_one_source():
    data = prepared(Source(NUMBERS))
    pooled = dl.data.pool(data)
    both = np.concatenate([data.train.inputs.read(), data.dev.inputs.read()])
    np.testing.assert_array_equal(pooled.inputs.read(), both)
    other = data._replace(dev=prepared(Source(NUMBERS.copy())).dev)
    with pytest.raises(DataError, match="parts of one source"):
        dl.data.pool(other)


def test_a_dev_set_that_is_the_test_set_stays_out_of_the_pool():
    whole = dl.data.from_arrays(Source(NUMBERS), LABELS, classes=2)
    data = dl.data.split(whole, "70:30", key=jax.random.key(0))
    assert len(dl.data.pool(data)) == 35


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ((x for x in NUMBERS), "type generator, which gives examples one after"),
        ([[1.0, 2.0], [3.0]], "no array .* fill the shorter ones up"),
        (Own([1, 2]), "type Own that give no rows"),
        (Own(np.empty((0, 4))), "with 0 examples"),
    ],
)
def test_what_is_no_source_is_refused(inputs, words):
    with pytest.raises(DataError, match=words):
        dl.data.from_arrays(inputs, [0, 1])


def test_a_source_that_loses_rows_is_refused():
    own = Own(NUMBERS)
    source = Source(own)
    own.numbers = NUMBERS[:, :2]
    with pytest.raises(DataError, match=r"\[2, 2\] for 2 rows .* expected \[2, 4\]"):
        source.read([3, 1])
    with pytest.raises(DataError, match=r"\[2, 2\] for 2 rows .* expected \[2, 4\]"):
        source.read(slice(1, 3))


def test_rows_are_read_into_an_array_some_at_a_time(few_at_once):
    taken = []

    class Noted(Own):
        def __getitem__(self, own):
            taken.append(len(own))
            return super().__getitem__(own)

    source, whole = Source(Noted(NUMBERS)), np.zeros((9, 4))
    own = np.array([40, 2, 2, 7, 0, 49, 3])
    rows.read_into(whole, source, own)
    np.testing.assert_array_equal(whole, [*NUMBERS[own], [0] * 4, [0] * 4])
    assert max(taken) <= 3


def test_arrays_in_memory_are_no_sources():
    for inputs in (NUMBERS, NUMBERS.tolist(), jax.numpy.asarray(NUMBERS), range(50)):
        given = inputs if not isinstance(inputs, range) else {"x": inputs}
        whole = dl.data.from_arrays(given, LABELS)
        assert not any(isinstance(x, Source) for x in jax.tree.leaves(whole.inputs))


def test_a_pair_of_arrays_is_no_splits():
    with pytest.raises(DataError, match="type tuple; expected Splits, such as"):
        dl.data.check((NUMBERS, LABELS))


MEMORY = """
from pathlib import Path
import jax, numpy as np
import jaxdl as dl

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(x for x in lines if x.startswith("VmHWM")).split()[1])

m = 40_000
labels = np.arange(m) % 2
jax.random.permutation(jax.random.key(0), m).block_until_ready()

def measure(kind):
    dtype = np.uint8 if kind == "bytes" else np.float32
    inputs = np.ones((m, 2**26 // m // np.dtype(dtype).itemsize), dtype)
    inputs[::2] = 0
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins at what is in use
    before = peak()
    given = dl.data.Source(inputs) if kind == "source" else inputs
    whole = dl.data.from_arrays(given, labels, classes=2)
    data = dl.data.normalize(dl.data.split(whole, key=jax.random.key(1)))
    dl.data.check(data)
    print((peak() - before) / inputs.nbytes)

for kind in ("source", "bytes", "floats"):
    measure(kind)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_data_are_prepared_in_bounded_memory():
    command = [sys.executable, "-c", MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    source, integers, floats = map(float, done.stdout.split())
    assert source < 0.5
    assert integers < 1.5  # the three sets
    assert floats < 2.5  # these, and the normalized ones
