"""Penalties: `penalty(params, num_examples) -> scalar`, added to the mean loss.

They act on weights only, never on biases or on a batch norm's gamma and beta: on leaves
whose path ends in `kernel`, unless `where` says otherwise. `num_examples` is the m of
the course's cost `J = (1/m) sum L + penalty`, the number of examples in the batch.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Penalty = Callable[[Any, int], ArrayLike]
Where = Callable[[tuple[Any, ...]], bool]


def is_kernel(path: tuple[Any, ...]) -> bool:
    """Returns whether a leaf's path, as JAX gives it, ends in the name `kernel`."""
    return jax.tree_util.keystr(path[-1:], simple=True) == "kernel"


def none(params: Any, num_examples: int) -> float:
    """Returns 0: no penalty."""
    del params, num_examples
    return 0.0


def l2(strength: ArrayLike, *, where: Where = is_kernel) -> Penalty:
    """Returns the penalty `(strength / 2m) sum_l ||W[l]||²`.

    Under plain gradient descent it is weight decay, `W ← (1 - α strength / m) W - α
    dW`; under Adam it is not, since the gradient is rescaled.

    Args:
        strength: λ, at least 0, which switches it off; may be traced.
        where: which leaves, from their path.
    """

    def penalty(params, num_examples):
        squares = (jnp.sum(w**2) for w in _weights(params, where))
        return strength / (2 * num_examples) * sum(squares)

    return penalty


def l1(strength: ArrayLike, *, where: Where = is_kernel) -> Penalty:
    """Returns the penalty `(strength / m) sum |w|`, with derivative 0 where w is 0.

    Args:
        strength: λ, at least 0, which switches it off; may be traced.
        where: which leaves, from their path.
    """

    def penalty(params, num_examples):
        # JAX's derivative of abs at 0 is 1, which would bring dead weights to life.
        sizes = (
            jnp.sum(jnp.sign(jax.lax.stop_gradient(w)) * w)
            for w in _weights(params, where)
        )
        return strength / num_examples * sum(sizes)

    return penalty


def _weights(params: Any, where: Where) -> list[jax.Array]:
    return [w for path, w in jax.tree.leaves_with_path(params) if where(path)]
