"""Optimizers in the course's definitions, each an `optax.GradientTransformation`.

`init(params) -> opt_state` and `update(grads, opt_state, params=None) -> (updates,
opt_state)`; the new parameters are `params + updates`. A learning rate is a number or a
schedule `step -> number`, where `step` counts updates from 0. Every number may be
traced, and 0 switches its part off, except for a learning rate. A plain number outside
its range is a ValueError. In the equations g is the gradient, w a parameter and α the
learning rate.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.leaves import Where, chosen, is_kernel
from jaxdl.optim.averages import bias_corrected, ewma
from jaxdl.within import check_within

Schedule = Callable[[jax.Array], ArrayLike]


class GradientDescentState(NamedTuple):
    """State of gradient descent."""

    step: jax.Array  # [] int32, updates so far


class MomentumState(NamedTuple):
    """State of momentum."""

    step: jax.Array  # [] int32, updates so far
    v: Any  # average of the gradients, like the parameters


class RmspropState(NamedTuple):
    """State of RMSprop."""

    step: jax.Array  # [] int32, updates so far
    s: Any  # average of the squared gradients, like the parameters


class AdamState(NamedTuple):
    """State of Adam; both averages are uncorrected."""

    step: jax.Array  # [] int32, updates so far
    v: Any  # average of the gradients, like the parameters
    s: Any  # average of the squared gradients, like the parameters


def gradient_descent(
    learning_rate: ArrayLike | Schedule,
) -> optax.GradientTransformation:
    """Returns gradient descent: `w ← w - α g`.

    Args:
        learning_rate: α, above 0, or a schedule.
    """

    _check_rate("gradient_descent", learning_rate)

    def init(params):
        del params
        return GradientDescentState(_zero_steps())

    def update(grads, opt_state, params=None):
        del params
        rate = rate_at(learning_rate, opt_state.step)
        updates = jax.tree.map(lambda g: -(rate * g), grads)
        return updates, GradientDescentState(opt_state.step + 1)

    return transformation(init, update)


def momentum(
    learning_rate: ArrayLike | Schedule, *, beta: ArrayLike = 0.9
) -> optax.GradientTransformation:
    """Returns momentum: `v ← β v + (1 - β) g`, `w ← w - α v`.

    The factor `1 - β` is part of the definition. `optax.sgd` and PyTorch's `SGD` leave
    it out: the same steps need the learning rate `α (1 - β)` there.

        >>> optimizer = optim.momentum(0.5, beta=0.9)
        >>> opt_state = optimizer.init({"w": jnp.zeros(())})
        >>> updates, opt_state = optimizer.update({"w": jnp.array(2.0)}, opt_state)
        >>> round(float(updates["w"]), 4)  # -0.5 (0.1 · 2)
        -0.1

    Args:
        learning_rate: α, above 0, or a schedule.
        beta: β, the weight of the old average, in [0, 1); 0 is gradient descent.

    Source: Polyak, Some methods of speeding up the convergence of iteration methods,
    1964, as an exponentially weighted average.
    """

    _check_rate("momentum", learning_rate)
    check_within("momentum", "beta", beta, least=0, below=1)

    def init(params):
        return MomentumState(_zero_steps(), _zeros(params))

    def update(grads, opt_state, params=None):
        del params
        v = ewma(opt_state.v, grads, beta)
        rate = rate_at(learning_rate, opt_state.step)
        updates = jax.tree.map(lambda v: -(rate * v), v)
        return updates, MomentumState(opt_state.step + 1, v)

    return transformation(init, update)


def rmsprop(
    learning_rate: ArrayLike | Schedule,
    *,
    beta2: ArrayLike = 0.9,
    eps: ArrayLike = 1e-8,
) -> optax.GradientTransformation:
    """Returns RMSprop: `s ← β₂ s + (1 - β₂) g²`, `w ← w - α g / (√s + ε)`.

    Args:
        learning_rate: α, above 0, or a schedule.
        beta2: β₂, the weight of the old average, in [0, 1). The default is the
            source's. The usual 0.999 is for Adam, which corrects the bias of s: without
            that the first step is 1/√(1 - 0.999) = 32 times α.
        eps: ε, above 0.

    Source: Tieleman and Hinton, Lecture 6.5, rmsprop, 2012.
    """

    _check_rate("rmsprop", learning_rate)
    check_within("rmsprop", "beta2", beta2, least=0, below=1)
    check_within("rmsprop", "eps", eps, above=0)

    def init(params):
        return RmspropState(_zero_steps(), _zeros(params))

    def update(grads, opt_state, params=None):
        del params
        s = ewma(opt_state.s, _squares(grads), beta2)
        rate = rate_at(learning_rate, opt_state.step)
        updates = jax.tree.map(lambda g, s: -(rate * g) / (jnp.sqrt(s) + eps), grads, s)
        return updates, RmspropState(opt_state.step + 1, s)

    return transformation(init, update)


def adam(
    learning_rate: ArrayLike | Schedule,
    *,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """Returns Adam: `w ← w - α v̂ / (√(ŝ + ε_root) + ε)`.

    The averages are `v ← β₁ v + (1 - β₁) g` and `s ← β₂ s + (1 - β₂) g²`. Bias
    correction gives `v̂ = v / (1 - β₁^t)` and `ŝ = s / (1 - β₂^t)`, where t counts
    updates from 1.

        >>> optimizer = optim.adam(0.1)
        >>> params = {"w": jnp.array([1.0, -2.0])}
        >>> opt_state = optimizer.init(params)
        >>> grads = {"w": jnp.array([3.0, -0.1])}
        >>> updates, opt_state = optimizer.update(grads, opt_state)
        >>> [round(w, 4) for w in updates["w"].tolist()]  # the first step is α long
        [-0.1, 0.1]

    Args:
        learning_rate: α, above 0, or a schedule.
        beta1: β₁, the weight of the old average of gradients, in [0, 1).
        beta2: β₂, the weight of the old average of squared gradients, in [0, 1).
        eps: ε outside the root, at least 0.
        eps_root: ε inside the root, at least 0.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015.
    """

    _check_rate("adam", learning_rate)
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        check_within("adam", name, beta, least=0, below=1)
    for name, value in (("eps", eps), ("eps_root", eps_root)):
        check_within("adam", name, value, least=0)

    def init(params):
        return AdamState(_zero_steps(), _zeros(params), _zeros(params))

    def update(grads, opt_state, params=None):
        del params
        t = opt_state.step + 1
        v = ewma(opt_state.v, grads, beta1)
        s = ewma(opt_state.s, _squares(grads), beta2)
        rate = rate_at(learning_rate, opt_state.step)

        def direction(v_hat, s_hat):
            return -(rate * v_hat) / (jnp.sqrt(s_hat + eps_root) + eps)

        corrected = bias_corrected(v, beta1, t), bias_corrected(s, beta2, t)
        return jax.tree.map(direction, *corrected), AdamState(t, v, s)

    return transformation(init, update)


def adamw(
    learning_rate: ArrayLike | Schedule,
    *,
    weight_decay: ArrayLike,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    where: Where = is_kernel,
) -> optax.GradientTransformation:
    """Returns Adam with decoupled decay: `w ← w - α (v̂ / (√ŝ + ε) + λ w)`.

    This differs from an L2 penalty under Adam. The penalty's gradient λ w is divided by
    √ŝ, so weights with large gradients decay less. Here each weight decays by the same
    factor `1 - α λ`, as in gradient descent with an L2 penalty.

    Args:
        learning_rate: α, above 0, or a schedule.
        weight_decay: λ, at least 0; 0 switches the decay off; not divided by m.
        beta1: see `adam`.
        beta2: see `adam`.
        eps: see `adam`.
        where: `where(name, leaf)`, whether a leaf decays, given its path such as
            `0.kernel` and the leaf itself; by default the leaves named `kernel`.

    Raises:
        ValueError: `update` is called without the parameters, or `where` chooses no
            leaf of them.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """
    check_within("adamw", "weight_decay", weight_decay, least=0)
    inner = adam(learning_rate, beta1=beta1, beta2=beta2, eps=eps)

    def update(grads, opt_state, params=None):
        if params is None:
            raise ValueError(
                "adamw got no parameters; expected update(g, state, params)"
            )
        decays = chosen("adamw", params, where)
        decay = rate_at(learning_rate, opt_state.step) * weight_decay
        updates, opt_state = inner.update(grads, opt_state)

        def decayed(update, w, decays):
            return update - decay * w if decays else update

        return jax.tree.map(decayed, updates, params, decays), opt_state

    return transformation(inner.init, update)


def transformation(
    init: Callable[..., Any], update: Callable[..., Any]
) -> optax.GradientTransformation:
    """Returns the pair. Optax calls by position, so the argument names may differ."""
    return optax.GradientTransformation(init, update)


def _check_rate(optimizer: str, learning_rate: ArrayLike | Schedule) -> None:
    check_within(optimizer, "learning_rate", learning_rate, above=0)


def rate_at(learning_rate: ArrayLike | Schedule, step: jax.Array) -> ArrayLike:
    """Returns a learning rate at a step; a number is the same at all."""
    return learning_rate(step) if callable(learning_rate) else learning_rate


def _zero_steps() -> jax.Array:
    return jnp.zeros((), jnp.int32)


def _zeros(params: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, params)


def _squares(grads: Any) -> Any:
    return jax.tree.map(jnp.square, grads)
