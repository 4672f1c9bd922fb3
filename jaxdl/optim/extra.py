"""What an optimizer's update may take beside gradients, state and parameters.

Line searches and Polyak's step size need the cost of a batch. Optimizers of optax take
it by name: `value`, its gradient `grad`, and `value_fn(params)`, which computes it.
"""

import inspect
from collections.abc import Mapping
from typing import Any

NAMES = ("value", "grad", "value_fn")


def names_taken(optimizer: Any) -> tuple[str, ...]:
    """Returns the names of `NAMES` that an optimizer's update takes."""
    try:
        parameters = inspect.signature(optimizer.update).parameters
    except (TypeError, ValueError):  # a function without a signature
        return ()
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return NAMES
    return tuple(name for name in NAMES if name in parameters)


def update_with(
    optimizer: Any, grads: Any, opt_state: Any, params: Any, extra: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Returns `optimizer.update(grads, opt_state, params)`: updates and new state.

    Args:
        optimizer: an `optax.GradientTransformation`.
        grads: like the parameters.
        opt_state: of the optimizer.
        params: the parameters.
        extra: by name; those that the update takes are passed.
    """
    taken = {name: extra[name] for name in names_taken(optimizer) if name in extra}
    return optimizer.update(grads, opt_state, params, **taken)
