"""Optimizers and schedules that are hyperparameters: all options in one program."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import optax

from jaxdl.one_of import Named, OneOf, check_options, if_chosen, select
from jaxdl.optim.extra import update_with
from jaxdl.optim.optimizers import Schedule, rate_at


def among(which: OneOf | Named, options: Mapping[Any, Any]) -> Any:
    """Returns the chosen one of several optimizers, or of several schedules.

    The program computes all options and selects one, so that members with different
    choices share it. An optimizer that is not chosen changes nothing, and its state
    stays as it starts.

        >>> rates = {"constant": 0.1, "cosine": optim.cosine(0.2, decay_steps=10)}
        >>> schedule = optim.among(nn.OneOf(1, ("constant", "cosine")), rates)
        >>> round(float(schedule(5)), 4)
        0.1

    Args:
        which: the hyperparameter of an `Among`, or the name of an option.
        options: optimizers by name; or schedules, of which a number is a constant one.
            Those that `which` cannot choose are left out.

    Raises:
        TypeError: `which` is no choice, or some options are optimizers and others not.
        ValueError: an option that can be chosen is missing.
    """
    names = check_options("among", which, options)
    found = [options[name] for name in names]
    kinds = {isinstance(option, optax.GradientTransformation) for option in found}
    if len(kinds) > 1:
        raise TypeError(
            f"among got the options {dict(zip(names, found, strict=True))!r:.200}"
            "; expected optimizers alone, or schedules and numbers alone"
        )
    if not isinstance(which, OneOf):
        return found[0]
    return _optimizer(which, found) if kinds.pop() else _schedule(which, found)


def _optimizer(
    which: OneOf, optimizers: list[optax.GradientTransformation]
) -> optax.GradientTransformation:
    """Returns the optimizer among optimizers; its state is by option."""
    by_name = {str(n): o for n, o in zip(which.options, optimizers, strict=True)}

    def init(params):
        return {name: own.init(params) for name, own in by_name.items()}

    def update(updates, state, params=None, **extra):
        steps, states = [], {}
        for place, (name, own) in enumerate(by_name.items()):
            step, new = update_with(own, updates, state[name], params, extra)
            steps.append(step)
            states[name] = if_chosen(which, place, new, state[name])
        return select("among", which, steps), states

    return optax.GradientTransformationExtraArgs(init, update)


def _schedule(which: OneOf, schedules: list[Any]) -> Schedule:
    def schedule(step):
        rates = [jnp.asarray(rate_at(own, step)) for own in schedules]
        return select("among", which, jnp.broadcast_arrays(*rates))

    return schedule
