"""What this project needs of JAX itself, checked with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.mark.parametrize("rows", [32768, 32769, 65536])
def test_a_vmapped_matrix_vector_product_then_reduction_is_right(rows):
    """jaxlib 0.10.2 gives 1065369600 for 32,769 rows on CPU (jax-ml/jax#39103)."""
    matrix = jnp.ones((rows, 2), jnp.float32)

    def total(vector):
        return jnp.sum(matrix @ vector)

    vectors = jnp.full((4, 2), 16384.0, jnp.float32)
    expected = np.full(4, rows * 2 * 16384.0)
    np.testing.assert_allclose(jax.jit(jax.vmap(total))(vectors), expected, rtol=1e-6)


def test_a_draw_does_not_depend_on_how_many_are_drawn():
    key = jax.random.key(3)
    few, many = jax.random.normal(key, (5,)), jax.random.normal(key, (50,))
    np.testing.assert_array_equal(few, many[:5])
