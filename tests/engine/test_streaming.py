"""Blocks whose inputs stay on the host have the bits of those that hold them all."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import Source
from jaxdl.engine import crew, memory
from jaxdl.train import pieces
from tests import small

STREAMED = "the inputs stay on the host"


def as_sources(data):
    """Returns splits whose inputs are read from one source each."""

    def own(dataset):
        return replace(dataset, inputs=Source(np.asarray(dataset.inputs)))

    sets = {name: own(dataset) for name, dataset in data.sets.items()}
    return data._replace(**sets)


def of_one_source(data):
    """Returns splits whose sets are parts of one source."""
    whole = Source(np.concatenate([np.asarray(d.inputs) for d in data.sets.values()]))
    ends = np.cumsum([len(d) for d in data.sets.values()])
    sets = {
        name: replace(dataset, inputs=whole[end - len(dataset) : end])
        for (name, dataset), end in zip(data.sets.items(), ends, strict=True)
    }
    return data._replace(**sets)


def weighted(data):
    """Returns splits whose examples have weights."""

    def own(dataset):
        each = np.linspace(0.5, 1.5, len(dataset), dtype=np.float32)
        return replace(dataset, weights=each)

    return data._replace(train=own(data.train), dev=own(data.dev))


def assert_same(ours, theirs):
    assert ours.metrics.keys() == theirs.metrics.keys()
    for name, values in theirs.metrics.items():
        np.testing.assert_array_equal(ours.metrics[name], values, name)
    np.testing.assert_array_equal(ours.status, theirs.status)
    for i in range(len(theirs.status)):
        one, other = (x.member(i) for x in (ours, theirs))
        own, expected = (one.params, one.state), (other.params, other.state)
        jax.tree.map(np.testing.assert_array_equal, own, expected)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch):
    """Has pieces of three steps or so of digits."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 3 * 128 * 260)


def sweep(data, **settings):
    common = {"key": 0, "members": 32, "epochs": 3, "plan": dl.Plan(16)}
    common |= {"progress": False} | settings
    return dl.sweep(small.recipe, small.SPACE, data, **common)


def test_a_sweep_of_a_source_has_the_bits_of_the_array(digits, small_sweep):
    assert_same(sweep(as_sources(digits)), small_sweep)


def test_a_run_resumes_with_a_source(digits, small_sweep, run_dir, nothing_compiles):
    assert_same(sweep(as_sources(digits), run_dir=run_dir), small_sweep)


def test_a_set_larger_than_the_device_streams(digits, small_sweep, monkeypatch, capsys):
    needed = digits.train.inputs.nbytes + digits.dev.inputs.nbytes
    free, real = [needed - 1], crew.share
    monkeypatch.setattr(memory, "free_bytes", lambda device: free[-1])

    def streamed(*given):
        free.append(2**34)  # for the blocks
        return real(*given)

    monkeypatch.setattr(crew, "share", streamed)
    found = sweep(digits, progress=True)
    assert_same(found, small_sweep)
    assert len(free) == 2
    assert STREAMED in capsys.readouterr().err


@pytest.mark.parametrize("free", [2**34, None])
def test_a_set_that_fits_goes_to_the_device(digits, monkeypatch, free):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    assert not memory.stays_on_host(digits, jax.devices()[:1])
    assert memory.stays_on_host(as_sources(digits), jax.devices()[:1])


def test_cpu_devices_share_the_memory_that_holds_their_copies(digits, monkeypatch):
    needed = digits.train.inputs.nbytes + digits.dev.inputs.nbytes
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed)
    assert not memory.stays_on_host(digits, jax.devices()[:1])
    assert memory.stays_on_host(digits, jax.devices())


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("settings", "convert"),
    [
        ({"patience": 1, "search": dl.halving(first=2)}, as_sources),
        ({"folds": 2}, of_one_source),
    ],
    ids=["patience, halving and weights", "folds and weights"],
)
def test_everything_random_or_stateful_streams(
    digits, recipe, space, settings, convert
):
    data = weighted(digits)
    parts = {name: replace(d[:300], about=d.about) for name, d in data.sets.items()}
    data = data._replace(**parts)
    run = {"key": 0, "members": 4, "epochs": 4, "progress": False}
    ours, theirs = (
        dl.sweep(recipe, space, d, plan=dl.Plan(4), **run, **settings)
        for d in (convert(data), data)
    )
    assert_same(ours, theirs)


def test_a_source_that_fails_ends_the_sweep(digits):
    class Failing:
        def __init__(self, numbers):
            self.numbers, self.fails = numbers, False

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, rows):
            if self.fails:
                raise OSError("the disk is gone")
            return self.numbers[rows]

    own = Failing(np.asarray(digits.train.inputs))
    data = digits._replace(train=replace(digits.train, inputs=Source(own)))

    def fail(status):
        own.fails = True

    with pytest.raises(OSError, match="the disk is gone"):
        sweep(data, progress=fail, members=16)
