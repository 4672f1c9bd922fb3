"""A repeated layer: parameters of its own for each, and how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from tests.nn.conftest import init


def test_repeated_layers_have_parameters_of_their_own():
    layer = nn.repeat(nn.dense(4, use_bias=False), 3)
    params, state, _ = init(layer, (4,))
    a, b, c = (np.asarray(p["kernel"], np.float64) for p in params)
    assert (a != b).any() and (b != c).any()
    x = np.ones((2, 4))
    y, _ = layer.apply(params, state, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, x @ a @ b @ c, rtol=1e-5)
    with pytest.raises(ValueError, match="times=-1"):
        nn.repeat(nn.relu, -1)
    with pytest.raises(TypeError, match="Static"):
        jax.jit(lambda n: init(nn.repeat(nn.relu, n), (4,))[0])(3)
