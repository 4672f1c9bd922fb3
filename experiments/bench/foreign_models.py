"""One network in Linen, NNX and Equinox: dense, batch norm, relu, dropout, dense."""

import equinox as eqx
import flax.linen
import jax
from flax import nnx

from jaxdl import nn


class Linen(flax.linen.Module):
    keep_prob: float
    units: int = 8

    @flax.linen.compact
    def __call__(self, x, train):
        x = flax.linen.Dense(self.units, use_bias=False)(x)
        x = flax.linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        x = flax.linen.relu(x)
        x = nn.drop(x, self.keep_prob, self.make_rng("dropout")) if train else x
        return flax.linen.Dense(10)(x)


class Drop(nnx.Module):
    def __init__(self, keep_prob, rngs):
        self.keep_prob, self.rngs, self.deterministic = keep_prob, rngs, False

    def __call__(self, x):
        if self.deterministic:
            return x
        return nn.drop(x, self.keep_prob, self.rngs.dropout())


class Nnx(nnx.Module):
    def __init__(self, in_shape, keep_prob, rngs, units=8):
        self.first = nnx.Linear(*in_shape, units, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(units, momentum=0.9, rngs=rngs)
        self.drop = Drop(keep_prob, rngs)
        self.last = nnx.Linear(units, 10, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))


class Equinox(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    last: eqx.nn.Linear

    def __init__(self, in_shape, keep_prob, key, units=8):
        one, two = jax.random.split(key)
        self.first = eqx.nn.Linear(in_shape[0], units, use_bias=False, key=one)
        self.norm = eqx.nn.BatchNorm(units, "batch", momentum=0.9, mode="batch")
        self.drop = eqx.nn.Dropout(1 - keep_prob)
        self.last = eqx.nn.Linear(units, 10, key=two)

    def __call__(self, x, state, *, key=None):
        x, state = self.norm(self.first(x), state)
        return self.last(self.drop(jax.nn.relu(x), key=key)), state
