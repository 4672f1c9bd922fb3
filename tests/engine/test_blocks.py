"""A block in training: slots, padding and neighbours change no bit of a member."""

import functools
from typing import NamedTuple

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import Status
from tests.engine.training import block_trainer, blocks_of, make_task, slot

WIDTH = 8
OPTIMIZERS = {
    "gradient_descent": optim.gradient_descent,
    "momentum": optim.momentum,
    "rmsprop": optim.rmsprop,
    "adam": optim.adam,
    "adamw": functools.partial(optim.adamw, weight_decay=0.1),
}
BAD = {
    "rate": (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e20),
    "l2": (np.nan, np.inf, -np.inf, 1e38, -1e20),
    "stddev": (np.nan, np.inf, 1e38, 1e20),
}
CASES = [(name, value) for name, values in BAD.items() for value in values]


class Scales(NamedTuple):
    rate: object
    l2: object
    stddev: object


GOOD = Scales(*(np.geomspace(low, high, WIDTH, dtype=np.float32) for low, high in
                ((1e-3, 1e-2), (1e-3, 1.0), (0.1, 0.3))))  # fmt: skip


@functools.cache  # the same function again, so that it compiles once
def make_recipe_of(optimizer):
    def recipe(hp):
        hidden = (nn.dense(16, init=nn.normal(hp.stddev)), nn.batch_norm(), nn.relu)
        return dl.Recipe(
            model=nn.serial(*hidden, nn.dropout(0.9), nn.dense(10)),
            optimizer=OPTIMIZERS[optimizer](hp.rate),
            loss=nn.softmax_cross_entropy,
            penalty=nn.l2(hp.l2),
        )

    return recipe


@pytest.fixture(scope="module")
def few(digits):
    """Digits with 256 training examples."""
    return digits._replace(train=digits.train[:256])


@functools.cache
def blocks_of_eight(optimizer):
    """Returns a task, and its one block of eight good members."""
    task = make_task(make_recipe_of(optimizer), GOOD, plan=dl.Plan(WIDTH))
    (block,) = blocks_of(task, GOOD, np.arange(WIDTH))
    return task, block


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [("adam", (3,))]
    + [pytest.param(o, range(WIDTH), marks=pytest.mark.heavy) for o in OPTIMIZERS],
)
def test_neighbours_of_a_member_that_fails_keep_every_bit(optimizer, slots, few):
    task, block = blocks_of_eight(optimizer)
    train = block_trainer(task, block, few)
    healthy, diverged = train(block), 0
    assert (healthy.status == Status.RUNNING).all()
    for place in slots:
        for name, value in CASES if len(slots) > 1 else CASES[::2]:
            column = block.traced[name].copy()
            column[place] = value
            trained = train(block._replace(traced=block.traced | {name: column}))
            diverged += trained.status[place] == Status.DIVERGED
            for i in set(range(WIDTH)) - {place}:
                chex.assert_tree_all_finite(slot(trained, i))
                chex.assert_trees_all_equal(slot(trained, i), slot(healthy, i))
    assert diverged


@pytest.fixture(scope="module")
def adam(few):
    """The task, block, training function and trained block of Adam."""
    task, block = blocks_of_eight("adam")
    train = block_trainer(task, block, few)
    return task, block, train, train(block)


def test_a_member_is_the_same_in_another_slot_among_other_neighbours(adam):
    task, _, train, whole = adam
    ids = [6, 2, 7, 0, 3]
    (block,) = blocks_of(task, GOOD, ids)
    trained = train(block)
    for place, member in enumerate(ids):
        chex.assert_trees_all_equal(slot(trained, place), slot(whole, member))


def test_a_short_block_is_filled_with_copies_that_nobody_sees(adam):
    task, _, train, _ = adam
    (block,) = blocks_of(task, GOOD, [1, 4])
    trained = train(block)
    for leaf in jax.tree.leaves((trained.params, trained.state)):
        assert len(leaf) == WIDTH
        for copy in leaf[2:]:
            np.testing.assert_array_equal(copy, leaf[1])
    columns = (trained.status, trained.stopped_at, trained.steps, trained.kept_epoch)
    assert [len(column) for column in columns] == [2] * 4
    assert {curve.shape for curve in trained.metrics.values()} == {(2, 2)}


def test_a_block_trains_on_from_its_carry_to_the_same_bits(adam):
    _, block, train, whole = adam
    assert whole.carry is None
    first = train(block._replace(until=1), last=False)
    second = train(block._replace(first=1), first.carry)
    assert first.steps.tolist() == [4] * WIDTH and second.steps.tolist() == [8] * WIDTH
    for i in range(WIDTH):
        weights, metrics = slot(whole, i)
        assert first.kept_epoch[i] == 0 and second.kept_epoch[i] == 1
        chex.assert_trees_all_equal(slot(second, i)[0], weights)
        parts = slot(first, i)[1], slot(second, i)[1]
        joined = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        chex.assert_trees_all_equal(joined, metrics)


def test_each_epoch_is_reported_without_the_padding(adam):
    task, _, train, whole = adam
    (block,) = blocks_of(task, GOOD, [5, 6])
    seen = []
    train(block, report=lambda epoch, status, metrics: seen.append(
        (epoch, status.tolist(), metrics["dev_error"].tolist())))  # fmt: skip
    errors = whole.metrics["dev_error"][:, 5:7].tolist()
    assert seen == [(epoch, [0, 0], errors[epoch]) for epoch in (0, 1)]


def test_a_block_without_arrays_still_says_how_it_ended(adam):
    *_, whole = adam
    bare = whole.without_arrays()
    assert bare.params is bare.state is bare.carry is None
    assert bare.status is whole.status and bare.metrics is whole.metrics
