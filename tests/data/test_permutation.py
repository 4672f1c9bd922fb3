"""A permutation by NumPy, against that of JAX."""

import jax
import numpy as np
import pytest

from jaxdl.data.permutation import permutation


@pytest.mark.parametrize("m", [0, 1, 2, 7, 1625, 1626, 5000])
def test_it_is_that_of_jax(m):
    """From 1,626 rows on JAX sorts twice."""
    key = jax.random.key(3)
    ours = permutation(key, m)
    np.testing.assert_array_equal(ours, jax.random.permutation(key, m))
    assert ours.dtype == np.int32
