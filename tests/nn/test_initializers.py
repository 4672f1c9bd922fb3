"""Standard deviations of initial weights, and the draws that they scale."""

import jax
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.nn.initializers import normal_per_unit
from tests.nn.conftest import init


def test_initial_weights_have_the_variance_of_their_initializer():
    variances = {nn.he: 2 / 400, nn.xavier: 1 / 400, nn.glorot: 2 / 500}
    variances |= {nn.normal(3.0): 9}
    layers = [nn.dense(100, init=initializer) for initializer in variances]
    drawn = jax.jit(lambda key: [layer.init(key, (400,))[0] for layer in layers])
    kernels = [params["kernel"] for params in drawn(jax.random.key(0))]
    for kernel, variance in zip(kernels, variances.values(), strict=True):
        # 40,000 draws: the sample variance has a relative standard error of 0.7 %.
        assert np.var(kernel) == pytest.approx(variance, rel=0.03)
        assert np.mean(kernel) == pytest.approx(0, abs=4 * np.sqrt(variance / 40_000))


def test_zeros_gives_weights_of_zero():
    assert not np.any(init(nn.dense(3, init=nn.zeros), (4,))[0]["kernel"])


@pytest.mark.parametrize("initializer", [nn.he, nn.xavier, nn.glorot])
def test_a_traced_fan_and_a_plain_one_give_the_same(initializer):
    traced = jax.jit(initializer)(50, 30)
    assert float(traced) == pytest.approx(initializer(50, 30), rel=1e-6)


def test_a_units_weights_are_jaxs_normal_draws_from_its_own_key():
    key = jax.random.key(2)
    draws = [jax.random.normal(jax.random.fold_in(key, j), (50,)) for j in range(7)]
    drawn = normal_per_unit(key, 50, 7)
    np.testing.assert_allclose(drawn, np.stack(draws, axis=1), rtol=1e-6)
