"""Wrappers of optimizers by hand; the table of optimizers has rows of them too."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import optim


def test_a_split_batch_under_accumulation_moves_like_the_whole_batch():
    rng = np.random.default_rng(0)
    batches = jnp.asarray(rng.normal(size=(2, 12, 4)), jnp.float32)

    def gradient_of(batch):
        return {"kernel": jnp.mean(batch, axis=0)}

    params = {"kernel": jnp.zeros(4)}
    # Not Adam: its first step is the same for a gradient of any length.
    split, whole = optim.accumulate(optim.momentum(0.1), 3), optim.momentum(0.1)
    split_state, whole_state = split.init(params), whole.init(params)
    for batch in batches:
        for part in jnp.split(batch, 3):
            updates, split_state = split.update(gradient_of(part), split_state, params)
        expected, whole_state = whole.update(gradient_of(batch), whole_state, params)
        np.testing.assert_allclose(updates["kernel"], expected["kernel"], rtol=1e-5)


def test_clipping_leaves_the_direction_and_a_zero_gradient():
    grads = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([[4.0]])}
    zeros = jax.tree.map(jnp.zeros_like, grads)
    # The norm is 5; a bound of 0 clips nothing.
    for gradient, max_norm, scale in (
        (grads, 2.0, 0.4), (grads, 0.0, 1), (zeros, 2.0, 1), (zeros, 0.0, 1)
    ):  # fmt: skip
        optimizer = optim.clip_by_norm(optim.gradient_descent(1.0), max_norm)
        updates, _ = optimizer.update(gradient, optimizer.init(grads))
        for name in grads:
            expected = -scale * np.asarray(gradient[name])
            np.testing.assert_allclose(updates[name], expected, rtol=1e-6)
