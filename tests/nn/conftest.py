"""What the tests of layers share."""

import chex
import jax
import pytest


@pytest.fixture(autouse=True)
def traces_are_counted_from_zero():
    """Counts traces by test: chex knows a function by where it is defined."""
    chex.clear_trace_counter()


def init(layer, in_shape, seed=0):
    """Returns what `layer.init` gives, from one program."""
    out_shapes = []

    @jax.jit
    def drawn(key):
        params, state, out_shape = layer.init(key, in_shape)
        out_shapes.append(out_shape)
        return params, state

    params, state = drawn(jax.random.key(seed))
    return params, state, out_shapes[0]
