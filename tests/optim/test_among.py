"""Optimizers to choose among: what is not chosen changes nothing."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import nn, optim
from jaxdl.one_of import OneOf

NAMES = ("adam", "momentum", "NaN")


def optimizers(rate=0.1):
    broken = optax.scale(np.nan)
    return {
        "adam": optim.adam(rate), "momentum": optim.momentum(rate),
        "NaN": optax.chain(optax.trace(0.9), broken),
    }  # fmt: skip


def path(optimizer, steps=8):
    """Returns the parameters after each step, and the last state."""
    params = {"w": jnp.array([1.5, -2.0, 0.3])}
    opt_state, found = optimizer.init(params), []
    for _ in range(steps):
        grads = {"w": jnp.array([1.0, 10.0, 0.1]) * params["w"]}
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        found.append(params["w"])
    return jnp.stack(found), opt_state


@pytest.mark.parametrize("place", [0, 1])
def test_it_takes_the_steps_of_the_chosen_one_alone(place):
    with jax.enable_x64(True):
        choice = optim.among(OneOf(jnp.asarray(place), NAMES), optimizers())
        ours, state = path(choice)
        theirs, own = path(optimizers()[NAMES[place]])
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        chex.assert_trees_all_close(state[NAMES[place]], own, rtol=0, atol=1e-12)
        start = choice.init({"w": jnp.zeros(3)})
    for name in {*NAMES} - {NAMES[place]}:
        chex.assert_trees_all_equal(state[name], start[name])


def test_it_chooses_by_name_and_leaves_out_what_cannot_be_chosen():
    known = optimizers()
    assert optim.among("adam", known) is known["adam"]
    some = optim.among(OneOf(jnp.asarray(0), ("momentum", "adam")), known)
    assert {*some.init({"w": jnp.zeros(3)})} == {"momentum", "adam"}


def test_optimizers_and_schedules_do_not_mix():
    mixed = {"adam": optim.adam(0.1), "constant": 0.1}
    with pytest.raises(TypeError, match="expected optimizers alone, or schedules"):
        optim.among(OneOf(0, ("adam", "constant")), mixed)


@pytest.mark.parametrize("place", [0, 1])
def test_a_schedule_inside_an_optimizer_is_the_chosen_one(place):
    rates = {"constant": 0.1, "cosine": optim.cosine(0.2, 6)}
    schedule = optim.among(OneOf(jnp.asarray(place), (*rates,)), rates)
    ours, _ = path(optim.adam(schedule))
    theirs, _ = path(optim.adam([*rates.values()][place]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_layers_among_layers_have_no_decay_where_they_are_not_chosen():
    """The decay of AdamW acts on all kernels that it gets."""
    which = OneOf(jnp.asarray(0), ("a", "b"))
    model = nn.among(which, {"a": nn.dense(2), "b": nn.dense(2)})
    params, _, _ = model.init(jax.random.key(0), (3,))
    optimizer = optim.adamw(0.1, weight_decay=0.5)
    grads = jax.tree.map(jnp.zeros_like, params)
    counted = model.counted(params)
    updates, _ = optimizer.update(grads, optimizer.init(params), counted)
    assert float(jnp.abs(updates["a"]["kernel"]).sum()) > 0
    assert float(jnp.abs(updates["b"]["kernel"]).sum()) == 0
