"""The dense layer against hand calculation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from tests.nn.conftest import init

KEY = jax.random.key(0)


def test_dense_is_x_times_w_plus_b():
    params = {
        "kernel": jnp.array([[1.0, 2.0], [3.0, 4.0]]),
        "bias": jnp.array([10, 20]),
    }
    z, _ = nn.dense(2).apply(params, (), jnp.array([[1.0, 1.0], [0.0, 2.0]]))
    np.testing.assert_array_equal(z, [[14, 26], [16, 28]])


def test_a_units_weights_do_not_depend_on_how_many_units_or_inputs_there_are():
    small, large = (
        nn.dense(units, init=nn.normal(1.0)).init(KEY, (fan_in,))[0]["kernel"]
        for units, fan_in in ((3, 5), (30, 50))
    )
    np.testing.assert_array_equal(small, large[:5, :3])


@pytest.mark.parametrize("units", [0, -1])
def test_dense_refuses_fewer_than_one_unit(units):
    with pytest.raises(ValueError, match="expected at least 1"):
        nn.dense(units)


def test_dense_refuses_traced_units_and_names_the_way_out():
    with pytest.raises(TypeError, match="Static"):
        jax.jit(lambda units: init(nn.dense(units), (3,))[0])(3)


def test_dense_refuses_images_and_names_flatten():
    with pytest.raises(ValueError, match=r"shape \(8, 8, 1\).*nn.flatten"):
        init(nn.dense(3), (8, 8, 1))
