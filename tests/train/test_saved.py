"""What a traced function puts out on each platform, by hand."""

import jax
import jax.numpy as jnp
import pytest

from jaxdl.train.saved import saved_bytes

X = jnp.ones((3, 4))


def chosen(x):
    """Keeps 24 numbers for the backward pass on a CPU, and 12 elsewhere."""
    return jax.lax.platform_dependent(x, cpu=doubled, default=jnp.sin)


def doubled(x):
    return jnp.sin(jnp.concatenate([x, 2 * x]))[:3]


def kept(function, x):
    _, pull_back = jax.vjp(function, x)
    return pull_back


@pytest.mark.parametrize("function", [chosen, jax.jit(chosen)], ids=["plain", "jitted"])
def test_only_the_branch_that_runs_counts(function):
    trace = jax.make_jaxpr(lambda x: kept(function, x))(X)
    index = 4  # the number of the branch
    assert saved_bytes(trace, "cpu") == pytest.approx(24 * 4, abs=index)
    assert saved_bytes(trace, "tpu") == pytest.approx(12 * 4, abs=index)


def test_what_is_no_choice_counts_as_it_is():
    trace = jax.make_jaxpr(lambda x: (x, x[0].astype(jnp.bfloat16), jnp.zeros(5)))(X)
    for platform in ("cpu", "tpu"):
        assert saved_bytes(trace, platform) == 12 * 4 + 4 * 2 + 5 * 4


def test_every_turn_of_a_loop_keeps_its_own():
    def looped(x):
        return jax.lax.scan(lambda c, _: (chosen(c), None), x, length=7)[0]

    trace = jax.make_jaxpr(lambda x: kept(looped, x))(X)
    indices = 7 * 4
    assert saved_bytes(trace, "cpu") == pytest.approx(7 * 24 * 4, abs=indices)
    assert saved_bytes(trace, "tpu") == pytest.approx(7 * 12 * 4, abs=indices)
