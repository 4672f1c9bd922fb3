"""Learning-rate schedules: `schedule(step) -> learning rate`.

`step` counts updates from 0. It may be traced, as may every parameter. For a decay per
epoch, `transition_steps` is the number of steps in an epoch,
`facts.steps_per_epoch(batch_size)`; for a decay per step it is 1. Optax takes these
schedules too. A plain number outside its range is a ValueError.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.optim.optimizers import Schedule
from jaxdl.within import check_within


def constant(value: ArrayLike) -> Schedule:
    """Returns the schedule with the same `value` at every step.

    Args:
        value: α, at least 0; may be traced.
    """
    check_within("constant", "value", value, least=0)
    return lambda step: value


def inverse_time_decay(
    init_value: ArrayLike, transition_steps: ArrayLike, decay_rate: ArrayLike
) -> Schedule:
    """Returns the schedule `α₀ / (1 + k t)`, `t = ⌊step / transition_steps⌋`.

    Within an epoch of `transition_steps` the rate is constant, as in the course;
    `hyperbolic_decay` falls with each step.

    Args:
        init_value: α₀.
        transition_steps: steps in one unit of t, above 0.
        decay_rate: k, at least 0; with 0 the rate stays α₀.
    """

    _check_start("inverse_time_decay", init_value, transition_steps)
    check_within("inverse_time_decay", "decay_rate", decay_rate, least=0)

    def schedule(step):
        return init_value / (1 + decay_rate * (step // transition_steps))

    return schedule


def hyperbolic_decay(
    init_value: ArrayLike, transition_steps: ArrayLike, decay_rate: ArrayLike
) -> Schedule:
    """Returns the schedule `α₀ / (1 + k t)`, `t = step / transition_steps`.

    Args:
        init_value: α₀.
        transition_steps: steps in one unit of t, above 0.
        decay_rate: k, at least 0; with 0 the rate stays α₀.
    """

    _check_start("hyperbolic_decay", init_value, transition_steps)
    check_within("hyperbolic_decay", "decay_rate", decay_rate, least=0)

    def schedule(step):
        return init_value / (1 + decay_rate * (step / transition_steps))

    return schedule


def exponential_decay(
    init_value: ArrayLike, transition_steps: ArrayLike, decay_rate: ArrayLike
) -> Schedule:
    """Returns the schedule `α₀ r^t`, `t = step / transition_steps`.

    Args:
        init_value: α₀.
        transition_steps: steps in one unit of t, above 0.
        decay_rate: r, above 0; with 1 the rate stays α₀.
    """

    _check_start("exponential_decay", init_value, transition_steps)
    check_within("exponential_decay", "decay_rate", decay_rate, above=0)

    def schedule(step):
        return init_value * decay_rate ** (step / transition_steps)

    return schedule


def inverse_sqrt_decay(
    init_value: ArrayLike, transition_steps: ArrayLike = 1
) -> Schedule:
    """Returns the schedule `k / √t`, `t = 1 + step / transition_steps`.

    The course counts t from 1, in epochs or in steps; the first value is k.

    Args:
        init_value: k.
        transition_steps: steps in one unit of t, above 0.
    """

    _check_start("inverse_sqrt_decay", init_value, transition_steps)

    def schedule(step):
        return init_value / jnp.sqrt(1 + step / transition_steps)

    return schedule


def cosine(
    init_value: ArrayLike, decay_steps: ArrayLike, final_fraction: ArrayLike = 0.0
) -> Schedule:
    """Returns half a cosine from `α₀` down to `α₀ f`, and then the constant `α₀ f`.

    `α₀ (f + (1 - f) (1 + cos(π t)) / 2)` with `t = min(1, step / decay_steps)`.

        >>> schedule = optim.cosine(0.2, decay_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 99)]
        [0.2, 0.1, 0.0, 0.0]

    Args:
        init_value: α₀.
        decay_steps: steps until the lowest value, above 0.
        final_fraction: f, in [0, 1]; with 1 the rate stays α₀.

    Source: Loshchilov and Hutter, SGDR, 2017.
    """

    check_within("cosine", "init_value", init_value, least=0)
    check_within("cosine", "decay_steps", decay_steps, above=0)
    check_within("cosine", "final_fraction", final_fraction, least=0, most=1)

    def schedule(step):
        wave = (1 + jnp.cos(jnp.pi * jnp.minimum(1, step / decay_steps))) / 2
        return init_value * (final_fraction + (1 - final_fraction) * wave)

    return schedule


def piecewise(values: Sequence[ArrayLike], boundaries: Sequence[ArrayLike]) -> Schedule:
    """Returns the schedule with `values[i]` from step `boundaries[i - 1]` on.

    This is the course's manual decay: `values[0]` before the first boundary, and the
    last value from the last boundary on.

        >>> schedule = optim.piecewise([0.2, 0.03], [10])
        >>> [round(float(schedule(step)), 4) for step in (0, 9, 10)]
        [0.2, 0.2, 0.03]

    Args:
        values: n + 1 rates.
        boundaries: n steps in ascending order.

    Raises:
        ValueError: there is not exactly one value more than boundaries.
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"piecewise got {len(values)} values and {len(boundaries)} boundaries; "
            "expected one value more than boundaries"
        )

    for value in values:
        check_within("piecewise", "a value", value, least=0)

    def schedule(step):
        value = values[0]
        for boundary, later in zip(boundaries, values[1:], strict=True):
            value = jnp.where(step >= boundary, later, value)
        return value

    return schedule


def staircase(schedule: Schedule, transition_steps: ArrayLike) -> Schedule:
    """Returns the schedule that changes only every `transition_steps` steps.

    It has the value of the given schedule at the last multiple of `transition_steps`.

    Args:
        schedule: any schedule.
        transition_steps: the number of steps with one value, above 0.
    """
    check_within("staircase", "transition_steps", transition_steps, above=0)
    return lambda step: schedule(step // transition_steps * transition_steps)


def warmup(schedule: Schedule, warmup_steps: ArrayLike) -> Schedule:
    """Returns the schedule multiplied by `min(1, (step + 1) / warmup_steps)`.

    Args:
        schedule: any schedule.
        warmup_steps: steps until its full value, at least 0; with 0 there is no
            warm-up.

    Source: Goyal et al., Accurate, Large Minibatch SGD, 2017.
    """

    check_within("warmup", "warmup_steps", warmup_steps, least=0)

    def warmed(step):
        # At least 1, to avoid 1 / 0; 1 step or 0 steps mean no warm-up.
        risen = jnp.minimum(1, (step + 1) / jnp.maximum(1, warmup_steps))
        return risen * schedule(step)

    return warmed


def _check_start(name: str, init_value: ArrayLike, transition_steps: ArrayLike) -> None:
    check_within(name, "init_value", init_value, least=0)
    check_within(name, "transition_steps", transition_steps, above=0)
