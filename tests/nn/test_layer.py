"""How layers combine, against hand calculation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from tests.nn.conftest import init


def test_flatten_puts_channels_first():
    x = jnp.arange(2 * 2 * 3 * 4).reshape(2, 2, 3, 4)
    expected = np.asarray(x).transpose(0, 3, 1, 2).reshape(2, 24)
    np.testing.assert_array_equal(nn.flatten(x), expected)


def test_residual_adds_its_input_and_refuses_another_shape():
    x = jnp.array([[1.0, -2.0]])
    y, _ = nn.residual(nn.relu, lambda x: 3 * x).apply(((), ()), ((), ()), x)
    np.testing.assert_array_equal(y, [[4.0, -2.0]])
    with pytest.raises(ValueError, match=r"from shape \(2,\) to \(3,\)"):
        init(nn.residual(nn.dense(3)), (2,))


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
