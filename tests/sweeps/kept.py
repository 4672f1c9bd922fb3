"""Small sweeps that are kept, cut short, damaged, and compared to the bit."""

import contextlib
from typing import NamedTuple
from unittest import mock

import jax
import numpy as np

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine import engine
from jaxdl.engine.population import Population

KEY = jax.random.key(0)


class Small(NamedTuple):
    rate: object


SPACE = Small(dl.LogUniform(1e-3, 1e-1))


def small(hp):
    """A recipe that compiles quickly."""
    model = nn.dense(10)
    return dl.Recipe(model, optim.momentum(hp.rate), nn.softmax_cross_entropy)


class Cut(Exception):
    """Stands for the end of a process."""


def sweep(recipe, space, data, **settings):
    defaults = {"key": KEY, "members": 6, "epochs": 4, "plan": dl.Plan(2)}
    return dl.sweep(recipe, space, data, progress=False, **defaults | settings)


def same(a, b):
    """Checks that two results are equal to the bit."""
    for name, curve in a.metrics.items():
        np.testing.assert_array_equal(curve, b.metrics[name], strict=True)
    for what in ("status", "stopped_at", "kept_epoch"):
        np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
    for i in range(len(a.status)):
        for x, y in zip(*(jax.tree.leaves((r.member(i).params, r.member(i).state))
                          for r in (a, b)), strict=True):  # fmt: skip
            np.testing.assert_array_equal(x, y, strict=True)


@contextlib.contextmanager
def cut_after(records):
    """Ends the sweep within after it has put so many more records on disk.

    A sweep that makes fewer ends by itself.
    """
    left, commit = [records], Population.commit

    def limited(self, trained):
        committed = commit(self, trained)
        left[0] -= 1
        if left[0] <= 0:
            raise Cut
        return committed

    with mock.patch.object(Population, "commit", limited), contextlib.suppress(Cut):
        yield


@contextlib.contextmanager
def trained_blocks():
    """Yields a list that every block trained within is added to."""
    blocks, train_block = [], engine.train_block

    def noted(programs, block, *rest, **settings):
        blocks.append(block)
        return train_block(programs, block, *rest, **settings)

    with mock.patch.object(engine, "train_block", noted):
        yield blocks


def damage(path):
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
