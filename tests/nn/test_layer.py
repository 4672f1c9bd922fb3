"""How layers combine, against hand calculation."""

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
