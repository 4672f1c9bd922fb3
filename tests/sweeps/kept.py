"""Small sweeps: trained, interrupted, damaged, and compared to the bit."""

import contextlib
from unittest import mock

import chex
import jax
import numpy as np

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine import crew
from jaxdl.engine.deadline import Deadline
from jaxdl.engine.population import Population
from jaxdl.searches import Rung

KEY = jax.random.key(0)
SPACE = {"rate": dl.LogUniform(1e-3, 1e-1)}


def small(hp):
    """A recipe that compiles quickly."""
    model = nn.dense(10)
    return dl.Recipe(model, optim.momentum(hp["rate"]), nn.softmax_cross_entropy)


SIZED = SPACE | {"units": dl.AsSize(dl.IntUniform(4, 6))}  # one bound, 6


def sized(hp):
    """A recipe with a size."""
    model = nn.serial(nn.dense(hp["units"]), nn.relu, nn.dense(10))
    return small(hp)._replace(model=model)


def noisy(hp):
    """A recipe with a None among the parameters, and a key in the layer's state."""

    def init(key, in_shape):
        params, _, out_shape = dense.init(key, in_shape)
        return {"dense": params, "bias": None}, {"key": jax.random.key(3)}, out_shape

    def apply(params, state, x, *, key=None, train=False):
        own, after = jax.random.split(state["key"])
        if train:
            x = x + 0.1 * jax.random.normal(own, x.shape)
        y, _ = dense.apply(params["dense"], (), x)
        return y, {"key": after} if train else state

    dense = nn.dense(10)
    return small(hp)._replace(model=nn.Layer(init, apply))


class Parts(Deadline):
    """A deadline that comes after so many epochs of blocks."""

    def left(self):
        return 1e9

    def epochs(self, most, epoch):
        count[0] -= 1
        return int(count[0] >= 0)


count = [0]


def parts(number):
    count[0] = number
    return Parts()


class Cut(Exception):
    """Stands for the end of a process."""


def sweep(recipe, space, data, **settings):
    """Trains a few members in blocks of 2; this width compiles once in a process."""
    defaults = {"key": KEY, "members": 6, "epochs": 4, "plan": dl.Plan(2)}
    return dl.sweep(recipe, space, data, **defaults | {"progress": False} | settings)


def in_rungs(key, space, members, epochs):
    """A search that trains all members one epoch a rung."""
    hparams, ids = dl.sample(key, space, members), np.arange(members)
    for until in range(1, epochs + 1):
        yield Rung(ids, hparams, np.full(members, until))


def assert_same_member(a, b):
    """Checks that two members are equal to the bit: weights, layer state, metrics."""
    left, right = ((m.params, m.state, m.metrics, m.kept_epoch) for m in (a, b))
    chex.assert_trees_all_equal(left, right, strict=True)


def assert_same_result(a, b):
    """Checks that two results are equal to the bit."""
    names = ("metrics", "status", "stopped_at", "kept_epoch")
    left, right = ({n: getattr(r, n) for n in names} for r in (a, b))
    chex.assert_trees_all_equal(left, right, strict=True)
    # As leaves, since chex has no word for the path of an option.
    assert jax.tree.structure(a.hparams) == jax.tree.structure(b.hparams)
    columns = (jax.tree.leaves(r.hparams) for r in (a, b))
    chex.assert_trees_all_equal(*columns, strict=True)
    np.testing.assert_array_equal(a.trained(), b.trained())
    for i in np.flatnonzero(a.trained()):
        assert_same_member(a.member(i), b.member(i))


@contextlib.contextmanager
def cut_after(records):
    """Ends the sweep within after it has put so many more records on disk.

    A sweep that makes fewer ends by itself.
    """
    left, commit = [records], Population.commit

    def limited(self, trained, stop):
        committed = commit(self, trained, stop)
        left[0] -= 1
        if left[0] <= 0:
            raise Cut
        return committed

    with mock.patch.object(Population, "commit", limited), contextlib.suppress(Cut):
        yield


@contextlib.contextmanager
def trained_blocks():
    """Yields a list that every block trained within is added to."""
    blocks, train_block = [], crew.train_block

    def noted(programs, block, *rest, **settings):
        blocks.append(block)
        return train_block(programs, block, *rest, **settings)

    with mock.patch.object(crew, "train_block", noted):
        yield blocks


def damage(path):
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
