"""Penalties: `penalty(params, num_examples) -> scalar`, added to the mean loss.

By default they act on weights only, not on biases or on the gamma and beta of a batch
norm: on the leaves named `kernel`, as in `nn.dense`. `where(name, leaf)` chooses other
leaves, such as the `weight` of another library. A filter that chooses no leaf is an
error.

`num_examples` is the m of the course's cost `J = (1/m) sum L + penalty`: the number of
examples in the batch.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.leaves import Where, chosen, is_kernel
from jaxdl.within import check_within

Penalty = Callable[[Any, int], ArrayLike]


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
        where: `where(name, leaf)`, whether a leaf counts, given its path such as
            `0.kernel` and the leaf itself.

    Raises:
        ValueError: `strength` is a plain number below 0; or, when called, `where`
            chooses no leaf.
    """

    check_within("l2", "strength", strength, least=0)

    def penalty(params, num_examples):
        squares = (jnp.sum(w**2) for w in _weights("l2", params, where))
        return strength / (2 * num_examples) * sum(squares)

    return penalty


def l1(strength: ArrayLike, *, where: Where = is_kernel) -> Penalty:
    """Returns the penalty `(strength / m) sum |w|`, with derivative 0 where w is 0.

    Args:
        strength: λ, at least 0; 0 switches the penalty off; may be traced.
        where: `where(name, leaf)`, whether a leaf counts, given its path such as
            `0.kernel` and the leaf itself.

    Raises:
        ValueError: `strength` is a plain number below 0; or, when called, `where`
            chooses no leaf.
    """

    check_within("l1", "strength", strength, least=0)

    def penalty(params, num_examples):
        # Not abs: its derivative at 0 is 1 in JAX, which would move weights that are 0.
        sizes = (
            jnp.sum(jnp.sign(jax.lax.stop_gradient(w)) * w)
            for w in _weights("l1", params, where)
        )
        return strength / num_examples * sum(sizes)

    return penalty


def _weights(what: str, params: Any, where: Where) -> list[jax.Array]:
    choice = jax.tree.leaves(chosen(what, params, where))
    return [w for w, yes in zip(jax.tree.leaves(params), choice, strict=True) if yes]
