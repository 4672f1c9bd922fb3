"""How much a traced function computes, by hand."""

import jax
import jax.numpy as jnp
import pytest

from jaxdl.train.work import length, work

X, W = jnp.ones((3, 4)), jnp.ones((4, 5))
IMAGES, KERNEL = jnp.ones((2, 6, 6, 3)), jnp.ones((3, 3, 3, 7))


def convolved(x, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=dimensions
    )


def looped(x):
    return jax.lax.scan(lambda c, _: (c * 2.0 + 1.0, None), x, length=7)[0]


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (lambda x: x + 1.0, (X,), 12),
        (jnp.matmul, (X, W), 2 * 3 * 4 * 5),
        (lambda x, w: jnp.sin(x @ w), (X, W), 2 * 3 * 4 * 5 + 3 * 5),
        # 4 x 4 places of 2 images and 7 channels, each a sum of 3 x 3 x 3 products
        (convolved, (IMAGES, KERNEL), 2 * 4 * 4 * 2 * 7 * 27),
        (looped, (X,), 7 * 2 * 12),
        (jax.vmap(jnp.matmul, (0, None)), (jnp.ones((8, 3, 4)), W), 8 * 2 * 60),
    ],
)
def test_work_by_hand(function, arguments, expected):
    trace = jax.make_jaxpr(jax.jit(function))(*arguments)
    assert work(trace) == pytest.approx(expected)


def test_a_loop_is_written_once():
    trace = jax.make_jaxpr(looped)(X)
    assert length(trace) == 1 + 2  # the loop, and what it repeats


def test_of_a_choice_by_platform_the_branch_of_a_cpu_counts():
    def chosen(x):
        return jax.lax.platform_dependent(x, tpu=jnp.sin, default=lambda x: x + x * x)

    trace = jax.make_jaxpr(chosen)(X)
    assert work(trace) == 1 + 2 * 12 and length(trace) == 2 + 2  # index and choice
