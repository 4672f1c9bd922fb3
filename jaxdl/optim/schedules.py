"""Learning-rate schedules: `schedule(step) -> learning rate`.

`step` counts updates from 0 and may be traced, and so may every parameter. Give
`transition_steps` the number of steps in an epoch
(`data.steps_per_epoch(batch_size)`) for a decay that counts in epochs.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.optim.optimizers import Schedule


def constant(value: ArrayLike) -> Schedule:
    """Returns the schedule that is `value` at every step."""
    return lambda step: value


def inverse_time_decay(
    init_value: ArrayLike,
    transition_steps: ArrayLike,
    decay_rate: ArrayLike,
    *,
    staircase: bool = False,
) -> Schedule:
    """Returns the schedule `α₀ / (1 + k t)`, `t = step / transition_steps`.

    Args:
        init_value: α₀.
        transition_steps: steps in one unit of t, above 0.
        decay_rate: k, at least 0; 0 keeps α₀.
        staircase: round t down, so that α changes once a unit.
    """

    def schedule(step):
        return init_value / (1 + decay_rate * _units(step, transition_steps, staircase))

    return schedule


def exponential_decay(
    init_value: ArrayLike,
    transition_steps: ArrayLike,
    decay_rate: ArrayLike,
    *,
    staircase: bool = False,
) -> Schedule:
    """Returns the schedule `α₀ r^t`, `t = step / transition_steps`.

    Args:
        init_value: α₀.
        transition_steps: steps in one unit of t, above 0.
        decay_rate: r, above 0; 1 keeps α₀.
        staircase: round t down, so that α changes once a unit.
    """

    def schedule(step):
        return init_value * decay_rate ** _units(step, transition_steps, staircase)

    return schedule


def _units(step: ArrayLike, transition_steps: ArrayLike, staircase: bool) -> jax.Array:
    units = jnp.asarray(step) / transition_steps
    return jnp.floor(units) if staircase else units
