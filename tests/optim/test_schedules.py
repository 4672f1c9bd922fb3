"""Every schedule against every contract, the course's values and optax."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim
from jaxdl.one_of import OneOf

# name: (schedule, two sets of parameters, the equation in NumPy)
SCHEDULES = {
    "constant": (
        optim.constant, ({"value": 0.1}, {"value": 0.0}), lambda t, value: value + 0 * t
    ),
    "inverse_time_decay": (
        optim.inverse_time_decay,
        ({"init_value": 0.2, "transition_steps": 5, "decay_rate": 1.0},
         {"init_value": 3.0, "transition_steps": 1, "decay_rate": 0.0}),
        lambda t, init_value, transition_steps, decay_rate: init_value
        / (1 + decay_rate * np.floor(t / transition_steps)),
    ),
    "hyperbolic_decay": (
        optim.hyperbolic_decay,
        ({"init_value": 0.2, "transition_steps": 5, "decay_rate": 1.0},
         {"init_value": 3.0, "transition_steps": 1, "decay_rate": 0.0}),
        lambda t, init_value, transition_steps, decay_rate: init_value
        / (1 + decay_rate * t / transition_steps),
    ),
    "exponential_decay": (
        optim.exponential_decay,
        ({"init_value": 0.2, "transition_steps": 5, "decay_rate": 0.95},
         {"init_value": 3.0, "transition_steps": 1, "decay_rate": 1.0}),
        lambda t, init_value, transition_steps, decay_rate: init_value
        * decay_rate ** (t / transition_steps),
    ),
    "inverse_sqrt_decay": (
        optim.inverse_sqrt_decay,
        ({"init_value": 0.2, "transition_steps": 5},
         {"init_value": 3.0, "transition_steps": 1}),
        lambda t, init_value, transition_steps: init_value
        / np.sqrt(1 + t / transition_steps),
    ),
    "cosine": (
        optim.cosine,
        ({"init_value": 0.2, "decay_steps": 20, "final_fraction": 0.1},
         {"init_value": 3.0, "decay_steps": 7, "final_fraction": 1.0}),
        lambda t, init_value, decay_steps, final_fraction: np.where(
            t < decay_steps,
            init_value * (1 + final_fraction) / 2
            + init_value * (1 - final_fraction) / 2 * np.cos(np.pi * t / decay_steps),
            init_value * final_fraction,
        ),
    ),
    "piecewise": (
        lambda a, b, c, first, second: optim.piecewise([a, b, c], [first, second]),
        ({"a": 0.3, "b": 0.1, "c": 0.02, "first": 5, "second": 11},
         {"a": 1.0, "b": 2.0, "c": 3.0, "first": 1, "second": 2}),
        lambda t, a, b, c, first, second: np.select(
            [t < first, t < second], [a, b], c
        ),
    ),
    "staircase": (
        lambda init_value, stair: optim.staircase(
            optim.hyperbolic_decay(init_value, 10, 1.0), stair
        ),
        ({"init_value": 0.2, "stair": 10}, {"init_value": 0.2, "stair": 3}),
        lambda t, init_value, stair: init_value
        / (1 + np.floor(t / stair) * stair / 10),
    ),
    "warmup": (
        lambda value, warmup_steps: optim.warmup(optim.constant(value), warmup_steps),
        ({"value": 0.2, "warmup_steps": 10}, {"value": 0.3, "warmup_steps": 0}),
        lambda t, value, warmup_steps: value
        * np.where(t + 1 < warmup_steps, (t + 1) / max(warmup_steps, 1), 1),
    ),
    "among": (
        lambda value, which: optim.among(
            OneOf(jnp.asarray(which, jnp.int32), ("constant", "cosine")),
            {"constant": value, "cosine": optim.cosine(2 * value, 20)},
        ),
        ({"value": 0.2, "which": 0}, {"value": 0.3, "which": 1}),
        lambda t, value, which: [
            value + 0 * t, value + value * np.cos(np.pi * np.minimum(1, t / 20))
        ][which],
    ),
}  # fmt: skip
schedules = pytest.mark.parametrize("name", SCHEDULES)
STEPS = np.arange(30)


@schedules
@pytest.mark.parametrize("which", [0, 1])
def test_values_against_numpy(name, which):
    schedule, settings, equation = SCHEDULES[name]
    with jax.enable_x64(True):
        ours = jnp.broadcast_to(
            schedule(**settings[which])(jnp.asarray(STEPS)), STEPS.shape
        )
    np.testing.assert_allclose(ours, equation(STEPS, **settings[which]), rtol=1e-12)


@schedules
def test_every_parameter_is_traceable_once_and_vmap_is_a_loop(name):
    schedule, settings, _ = SCHEDULES[name]

    @chex.assert_max_traces(n=1)
    def traced(parameters):
        return jax.vmap(schedule(**parameters))(jnp.arange(30)) + jnp.zeros(30)

    stacked = {k: jnp.array([s[k] for s in settings], float) for k in settings[0]}
    values = jax.jit(traced)
    alone = [values(jax.tree.map(lambda x, i=i: x[i], stacked)) for i in (0, 1)]
    chex.assert_trees_all_close(jax.vmap(values)(stacked), jnp.stack(alone), rtol=1e-6)


def test_the_courses_decay_table():
    """α₀ = 0.2, k = 1: epochs 1 to 4 give 0.1, 0.0667, 0.05, 0.04."""
    steps_per_epoch = 7
    schedule = optim.inverse_time_decay(0.2, steps_per_epoch, 1.0)
    values = [schedule(epoch * steps_per_epoch) for epoch in (1, 2, 3, 4)]
    np.testing.assert_allclose(values, [0.1, 0.0667, 0.05, 0.04], atol=5e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optim.exponential_decay(0.2, 7, 0.9), optax.exponential_decay(0.2, 7, 0.9)),
        (
            optim.staircase(optim.exponential_decay(0.2, 7, 0.9), 7),
            optax.exponential_decay(0.2, 7, 0.9, staircase=True),
        ),
        (optim.cosine(0.2, 15, 0.1), optax.cosine_decay_schedule(0.2, 15, 0.1)),
        (
            optim.piecewise([0.2, 0.1, 0.05], [5, 9]),
            optax.piecewise_constant_schedule(0.2, {5: 0.5, 9: 0.5}),
        ),
    ],
)
def test_schedules_against_optax(ours, theirs):
    for step in range(30):
        np.testing.assert_allclose(ours(step), theirs(step), rtol=1e-5, atol=1e-8)


@schedules
def test_a_schedule_serves_where_optax_takes_one(name):
    schedule, (parameters, _), equation = SCHEDULES[name]
    optimizer, params = optax.sgd(schedule(**parameters)), jnp.ones(())
    opt_state = optimizer.init(params)
    for t in STEPS[:5]:
        updates, opt_state = optimizer.update(jnp.ones(()), opt_state)
        np.testing.assert_allclose(-updates, equation(t, **parameters), rtol=1e-6)


def test_piecewise_refuses_a_wrong_number_of_boundaries():
    with pytest.raises(ValueError, match="got 2 values and 2 boundaries"):
        optim.piecewise([0.1, 0.01], [5, 10])


def test_roots_count_from_one():
    """k / √t for epochs 1, 4 and 9 of 5 steps, and for steps 1, 4 and 9."""
    by_epoch, by_step = optim.inverse_sqrt_decay(0.6, 5), optim.inverse_sqrt_decay(0.6)
    for steps, schedule in ((5, by_epoch), (1, by_step)):
        values = [schedule((t - 1) * steps) for t in (1, 4, 9)]
        np.testing.assert_allclose(values, [0.6, 0.3, 0.2], rtol=1e-6)


@pytest.mark.parametrize("warmup_steps", [0, 1])
def test_a_warmup_of_0_or_1_steps_changes_nothing(warmup_steps):
    schedule = optim.warmup(optim.constant(0.5), warmup_steps)
    assert [schedule(step) for step in range(3)] == [0.5, 0.5, 0.5]
