"""Exponentially weighted averages by hand."""

import jax.numpy as jnp
import numpy as np

from jaxdl import optim


def test_ewma_by_hand_and_corrected_on_reading_only():
    v = {"x": jnp.zeros(())}
    for value in (10.0, 20.0):
        v = optim.ewma(v, {"x": jnp.asarray(value)}, 0.9)
    np.testing.assert_allclose(v["x"], 0.9 * 1.0 + 0.1 * 20.0, rtol=1e-6)
    # The weights 0.9 * 0.1 and 0.1, over their sum 1 - 0.9².
    expected = (0.09 * 10 + 0.1 * 20) / 0.19
    read = optim.bias_corrected(v, 0.9, 2)
    np.testing.assert_allclose(read["x"], expected, rtol=1e-6)
    np.testing.assert_allclose(v["x"], 2.9, rtol=1e-6)


def test_a_constant_series_has_itself_as_corrected_average():
    v = jnp.zeros(())
    for count in range(1, 20):
        v = optim.ewma(v, jnp.asarray(3.0), 0.98)
        np.testing.assert_allclose(optim.bias_corrected(v, 0.98, count), 3, rtol=1e-5)
