"""Pieces of an epoch: their rows, their order, and who reads them how often."""

import threading

import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import Source
from jaxdl.train import pieces
from jaxdl.train.part import on_device, take
from jaxdl.train.pieces import Reader, on_host

M, FEATURES = 20, 3
NUMBERS = np.random.default_rng(0).normal(size=(M, FEATURES))
ORDER = np.array([[3, 1, 19, 0], [5, 5, 2, 7], [4, 3, 8, 9]])  # [steps, B]
BYTES = 4 * FEATURES + 4 + 4  # of an example: floats, a label, a weight


@pytest.fixture
def dataset():
    each = np.linspace(0, 1, M)
    own = {"table": Source(NUMBERS), "tokens": np.arange(M)[:, None]}
    return dl.data.from_arrays(own, np.arange(M) % 4, each, ids=["tokens"])


def steps_of(plan, order):
    """Yields the batches of an epoch, step by step, as a program takes them."""
    for number in range(plan.count(len(order))):
        piece = plan.read(order, number)
        for i in range(piece.steps):
            yield take(piece.dataset, jnp.asarray(piece.order[i]))


@pytest.mark.parametrize("steps", [2, 3])
def test_the_steps_of_pieces_have_the_batches_of_the_whole_set(
    dataset, steps, monkeypatch
):
    monkeypatch.setattr(pieces, "PIECE_BYTES", steps * 4 * (BYTES + 4))
    plan = pieces.pieces(on_host(dataset), *ORDER.shape)
    assert (plan.steps, plan.count(3)) == (steps, {2: 2, 3: 1}[steps])
    whole = on_device(dataset)
    found = list(steps_of(plan, ORDER))
    assert len(found) == 3
    for batch, rows in zip(found, ORDER, strict=True):
        expected = take(whole, jnp.asarray(rows))
        for name, x in expected.inputs.items():
            assert batch.inputs[name].dtype == x.dtype
            np.testing.assert_array_equal(batch.inputs[name], x)
        np.testing.assert_array_equal(batch.labels, expected.labels)
        np.testing.assert_array_equal(batch.weights, expected.weights)


def test_a_piece_of_several_orders_has_each_example_once(dataset):
    orders = np.stack([ORDER, ORDER[::-1], ORDER])  # [K, steps, B]
    plan = pieces.pieces(on_host(dataset), *ORDER.shape, lanes=3)
    piece = plan.read(orders, 0)
    used = np.unique(ORDER)
    np.testing.assert_array_equal(piece.dataset.labels[: len(used)], used % 4)
    np.testing.assert_array_equal(used[piece.order], orders)
    assert plan.room == M  # no more than there are


def test_all_pieces_have_one_shape_and_two_steps_at_least(dataset, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1)
    plan = pieces.pieces(on_host(dataset), *ORDER.shape)
    shapes = plan.shapes(ORDER)
    assert plan.steps == pieces.LEAST_STEPS == 2
    for number in range(plan.count(3)):
        piece = plan.read(ORDER, number)
        assert piece.order.shape == shapes.order.shape == (2, 4)
        assert piece.dataset.inputs["table"].shape == (plan.room, FEATURES)
        assert plan.nbytes == plan.room * (BYTES + 4)
    assert int(piece.steps) == 1


def test_readers_in_step_read_a_piece_once():
    counts, lock = dict.fromkeys(range(6), 0), threading.Lock()

    def read(i):
        with lock:
            counts[i] += 1
        return i

    wanted = [(i, lambda i=i: read(i)) for i in range(6)]
    reader = Reader(kept=3)
    pairs = list(zip(reader.each(wanted), reader.each(wanted), strict=True))
    reader.close()
    assert pairs == [(i, i) for i in range(6)]
    assert set(counts.values()) == {1}


def test_a_reader_reads_one_piece_ahead_and_forgets_old_ones():
    began, first = [], threading.Event()

    def read(i):
        began.append(i)
        if i == 1:
            first.set()
        return i

    reader = Reader(kept=2)
    found = reader.each([(i, lambda i=i: read(i)) for i in range(4)])
    assert next(found) == 0
    assert first.wait(10)  # while nobody has asked for it
    assert sorted(began) == [0, 1]
    assert [*found] == [1, 2, 3]
    assert next(reader.each([(0, lambda: read(0))])) == 0
    reader.close()
    assert sorted(began) == [0, 0, 1, 2, 3]


def test_what_failed_is_read_again():
    tries = []

    def read():
        tries.append(0)
        if len(tries) == 1:
            raise OSError("busy")
        return "read"

    reader = Reader(kept=2)
    with pytest.raises(OSError, match="busy"):
        next(reader.each([("key", read)]))
    assert next(reader.each([("key", read)])) == "read"
    reader.close()
