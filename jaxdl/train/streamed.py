"""An epoch of one model whose examples come in pieces, as programs of their own.

Together they do what `make_epoch` does, with the same bits: the steps of a piece, the
values of a piece of the dev set, and the end of the epoch.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch import conclude
from jaxdl.train.part import size, take
from jaxdl.train.recipe import build
from jaxdl.train.step import make_step, make_values, means


def make_steps(bound: BoundRecipe) -> Callable[..., Any]:
    """Returns the pure function of the steps of a piece of the train set::

        steps(traced, train_state, piece, scaling, counts) -> (train_state, metrics)

    The metrics are those of each step, `[S]`. What is above `piece.steps` is 0.
    """

    def steps(traced, train_state, piece, scaling, counts):
        recipe, hp = bound(traced, counts)
        step, train = make_step(recipe), replace(piece.dataset, scaling=scaling)

        def one(i, train_state):
            return step(hp, train_state, take(train, piece.order[i]))

        return _each_step(one, train_state, piece)

    return steps


def make_dev_values(bound: BoundRecipe) -> Callable[..., Any]:
    """Returns the pure function of the values of a piece of the dev set::

        values(traced, train_state, piece, scaling, counts) -> values [S, B, ...]

    They are those of `make_values`. What is above `piece.steps` is 0.
    """

    def values(traced, train_state, piece, scaling, counts):
        recipe, hp = bound(traced, counts)
        of_batch = make_values(recipe, build(recipe, hp), hp, train_state)
        dev = replace(piece.dataset, scaling=scaling)

        def one(i, nothing):
            return nothing, of_batch(take(dev, piece.order[i]))

        return _each_step(one, (), piece)[1]

    return values


def make_end(bound: BoundRecipe) -> Callable[..., Any]:
    """Returns the pure function of the end of an epoch::

        end(traced, trained, taken, found, train_state, epoch_state, order, train, dev,
            patience, counts) -> (train_state, epoch_state, metrics)

    `trained` is the train state after all steps, `taken` their metrics `[steps]`, and
    `found` the values of the dev set, `[batches, B, ...]`. The inputs of both sets are
    not read.
    """

    def end(
        traced, trained, taken, found, train_state, epoch_state, order, train, dev,
        patience, counts,
    ):  # fmt: skip
        recipe, hp = bound(traced, counts)
        built, m = build(recipe, hp), size(dev)
        values = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:m], found)
        ends = trained, taken, means(built, values, dev)
        return conclude(built, ends, train_state, epoch_state, order, train, patience)

    return end


def _each_step(one: Callable[..., Any], carry: Any, piece: Any) -> Any:
    """Returns the carry after the steps of a piece, and what each gave, `[S, ...]`.

    The number of steps is not known when the program is compiled, so that the last
    piece of an epoch, which has fewer, needs no program of its own.

    Args:
        one: `(i, carry) -> (carry, values)`.
        carry: before the first step.
        piece: with the steps.
    """
    room = piece.order.shape[0]
    _, shapes = jax.eval_shape(one, 0, carry)
    nothing = jax.tree.map(lambda x: jnp.zeros((room, *x.shape), x.dtype), shapes)

    def body(i, state):
        carry, found = state
        carry, values = one(i, carry)
        return carry, jax.tree.map(lambda all_, x: all_.at[i].set(x), found, values)

    return jax.lax.fori_loop(0, piece.steps, body, (carry, nothing))
