"""Every schedule against every contract, the course's values and optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim

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
        / (1 + decay_rate * t / transition_steps),
    ),
    "exponential_decay": (
        optim.exponential_decay,
        ({"init_value": 0.2, "transition_steps": 5, "decay_rate": 0.95},
         {"init_value": 3.0, "transition_steps": 1, "decay_rate": 1.0}),
        lambda t, init_value, transition_steps, decay_rate: init_value
        * decay_rate ** (t / transition_steps),
    ),
}  # fmt: skip
schedules = pytest.mark.parametrize("name", SCHEDULES)
STEPS = np.arange(30)


@schedules
@pytest.mark.parametrize("which", [0, 1])
def test_values_against_numpy(name, which):
    schedule, settings, equation = SCHEDULES[name]
    with jax.enable_x64(True):
        ours = [schedule(**settings[which])(jnp.asarray(t)) for t in STEPS]
    np.testing.assert_allclose(ours, equation(STEPS, **settings[which]), rtol=1e-12)


@schedules
def test_every_parameter_is_traceable_once_and_vmap_is_a_loop(name):
    schedule, settings, _ = SCHEDULES[name]
    traces = []

    @jax.jit
    def values(parameters):
        traces.append(1)
        return jax.vmap(schedule(**parameters))(jnp.arange(30)) + jnp.zeros(30)

    stacked = {k: jnp.array([s[k] for s in settings], float) for k in settings[0]}
    alone = [values(jax.tree.map(lambda x, i=i: x[i], stacked)) for i in (0, 1)]
    assert len(traces) == 1
    np.testing.assert_allclose(jax.vmap(values)(stacked), alone, rtol=1e-6)


def test_the_courses_decay_table():
    """α₀ = 0.2, k = 1: epochs 1 to 4 give 0.1, 0.0667, 0.05, 0.04."""
    steps_per_epoch = 7
    schedule = optim.inverse_time_decay(0.2, steps_per_epoch, 1.0)
    values = [schedule(epoch * steps_per_epoch) for epoch in (1, 2, 3, 4)]
    np.testing.assert_allclose(values, [0.1, 0.0667, 0.05, 0.04], atol=5e-5)


@pytest.mark.parametrize("staircase", [False, True])
def test_exponential_decay_against_optax(staircase):
    ours = optim.exponential_decay(0.2, 7, 0.9, staircase=staircase)
    theirs = optax.exponential_decay(0.2, 7, 0.9, staircase=staircase)
    for step in range(30):
        np.testing.assert_allclose(ours(step), theirs(step), rtol=1e-6)


def test_a_staircase_changes_once_a_unit():
    schedule = optim.inverse_time_decay(0.2, 10, 1.0, staircase=True)
    values = [float(schedule(step)) for step in (0, 9, 10, 19, 20)]
    np.testing.assert_allclose(values, [0.2, 0.2, 0.1, 0.1, 0.2 / 3], rtol=1e-6)


def test_ewma_by_hand_and_corrected_on_reading_only():
    v = {"x": jnp.zeros(())}
    for value in (10.0, 20.0):
        v = optim.ewma(v, {"x": jnp.asarray(value)}, 0.9)
    np.testing.assert_allclose(v["x"], 0.9 * 1.0 + 0.1 * 20.0, rtol=1e-6)
    # The weights 0.9 * 0.1 and 0.1, over their sum 1 - 0.9².
    expected = (0.09 * 10 + 0.1 * 20) / 0.19
    read = optim.bias_corrected(v, 0.9, 2)
    np.testing.assert_allclose(read["x"], expected, rtol=1e-6)
    np.testing.assert_allclose(v["x"], 2.9, rtol=1e-6)


def test_a_constant_series_has_itself_as_corrected_average():
    v = jnp.zeros(())
    for count in range(1, 20):
        v = optim.ewma(v, jnp.asarray(3.0), 0.98)
        np.testing.assert_allclose(optim.bias_corrected(v, 0.98, count), 3, rtol=1e-5)
