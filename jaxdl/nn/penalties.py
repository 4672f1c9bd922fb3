"""Penalties: `penalty(params, num_examples) -> scalar`, added to the mean loss.

By default they act on weights only, not on biases or on the gamma and beta of a batch
norm: on the leaves whose path ends in `kernel`. `where` chooses other leaves.
`num_examples` is the m of the course's cost `J = (1/m) sum L + penalty`: the number of
examples in the batch.
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

    Under plain gradient descent this is weight decay, `W ← (1 - α strength / m) W - α
    dW`. Under Adam it is not, because Adam rescales the gradient.

        >>> penalty = nn.l2(0.5)
        >>> float(penalty({"kernel": jnp.array([3.0, 4.0])}, 10))  # 0.5 / 20 * 25
        0.625

    Args:
        strength: λ, at least 0; 0 switches the penalty off; may be traced.
        where: whether a leaf counts, given its path.
    """

    def penalty(params, num_examples):
        squares = (jnp.sum(w**2) for w in _weights(params, where))
        return strength / (2 * num_examples) * sum(squares)

    return penalty


def l1(strength: ArrayLike, *, where: Where = is_kernel) -> Penalty:
    """Returns the penalty `(strength / m) sum |w|`, with derivative 0 where w is 0.

    Args:
        strength: λ, at least 0; 0 switches the penalty off; may be traced.
        where: whether a leaf counts, given its path.
    """

    def penalty(params, num_examples):
        # Not abs: its derivative at 0 is 1 in JAX, which would move weights that are 0.
        sizes = (
            jnp.sum(jnp.sign(jax.lax.stop_gradient(w)) * w)
            for w in _weights(params, where)
        )
        return strength / num_examples * sum(sizes)

    return penalty


def _weights(params: Any, where: Where) -> list[jax.Array]:
    return [w for path, w in jax.tree.leaves_with_path(params) if where(path)]
