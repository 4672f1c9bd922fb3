"""First weights, against what can be calculated."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from experiments.course import initialization

KEY = jax.random.key(0)


@pytest.mark.parametrize("scale", [0.5, 1.5])
@pytest.mark.parametrize("layers", [1, 50])
def test_a_chain_grows_as_the_power_of_its_scale(scale, layers):
    found = initialization.growth(scale, layers)
    assert found == pytest.approx(scale**layers, rel=1e-5)


@pytest.mark.heavy
def test_activations_scale_with_the_weights_of_every_layer_before():
    inputs = dl.data.load("digits").train.inputs[:32]
    signal = jax.jit(initialization.signal)
    small, he = (np.asarray(signal(KEY, s, inputs)[0]) for s in (0.1, 0.25))
    np.testing.assert_allclose(small / he, 0.4 ** np.arange(1, 13), rtol=1e-4)
