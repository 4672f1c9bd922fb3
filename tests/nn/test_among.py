"""Layers and losses to choose among: a member trains as the plain model of its choice.

The other options stay as they start, and not even their NaN has an influence.
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.nn import OneOf, Size
from jaxdl.train import Recipe
from jaxdl.train.recipe import error_of
from jaxdl.train.structure import RecipeError

KEY = jax.random.key(0)
EXACT = functools.partial(chex.assert_trees_all_close, rtol=0, atol=1e-9)


@pytest.fixture
def wide():
    with jax.enable_x64(True):
        yield


def steep(x):
    """Has the value 0 and an infinite slope."""
    return jnp.sqrt(0 * x)


def normed():
    return nn.serial(nn.dense(4), nn.batch_norm(), nn.tanh, nn.dropout(0.8))


# name: options that can stand between two layers of four units
OPTIONS = {
    "activations": {"relu": nn.relu, "tanh": nn.tanh, "gelu": nn.gelu},
    "layers": {"plain": nn.dense(4), "normed": normed(), "deep": nn.residual(normed())},
    "a layer or none": {True: nn.batch_norm(), False: lambda x: x},
    "NaN and steep": {"tanh": nn.tanh, "NaN": lambda x: x / 0 * 0, "steep": steep},
    "a layer of NaN": {
        "dense": nn.dense(4),
        "NaN": nn.serial(nn.dense(4), nn.batch_norm(), lambda x: x / 0 * 0),
    },
}
ORDINARY = ("layers", "normed"), ("a layer of NaN", "dense")
CHOICES = [
    pytest.param(
        name, place, marks=() if (name, option) in ORDINARY else pytest.mark.heavy
    )
    for name, options in OPTIONS.items()
    for place, option in enumerate(options)
    if option not in ("NaN", "steep")
]


def network(option, optimizer=None):
    model = nn.serial(nn.dense(4), option, nn.dense(3))
    return dl.Recipe(
        model,
        optimizer or optim.adamw(0.02, weight_decay=0.3),
        nn.softmax_cross_entropy,
        penalty=nn.l2(0.5),
        batch_size=8,
    )


def trained(make, hp, shape=(5,), steps=12):
    """Returns the states before and after some steps, and the losses, `[steps]`."""
    draws = np.random.default_rng(0)
    inputs = jnp.asarray(draws.normal(size=(steps, 8, *shape)))
    batches = Dataset(inputs, jnp.asarray(draws.integers(0, 3, (steps, 8))))

    @jax.jit
    def run(hp, batches):
        first = train.init(make, hp, KEY, shape)
        step = functools.partial(train.make_step(make), hp)
        last, metrics = jax.lax.scan(lambda s, batch: step(s, batch), first, batches)
        return first, last, metrics["loss"]

    return run(hp, batches)


def chosen_one(tree, name):
    first, between, last = tree
    return first, between[str(name)], last


def others(tree, name):
    return {key: value for key, value in tree[1].items() if key != str(name)}


@pytest.mark.parametrize(("name", "place"), CHOICES)
def test_a_member_trains_as_the_plain_model_of_its_choice(name, place, wide):
    options = OPTIONS[name]
    option = [*options][place]

    def choosing(index):
        return network(nn.among(OneOf(index, tuple(options)), options))

    first, last, losses = trained(choosing, jnp.asarray(place))
    plain_first, plain, plain_losses = trained(lambda _: network(options[option]), 0)
    EXACT(losses, plain_losses)
    chex.assert_trees_all_equal(chosen_one(first.params, option), plain_first.params)
    EXACT(chosen_one(last.params, option), plain.params)
    EXACT(chosen_one(last.state, option), plain.state)
    for part in ("params", "state"):
        before, after = (others(getattr(s, part), option) for s in (first, last))
        chex.assert_trees_all_equal(before, after)
    averages = last.opt_state.v, last.opt_state.s
    still = [others(average, option) for average in averages]
    chex.assert_trees_all_equal(still, jax.tree.map(jnp.zeros_like, still))


def test_what_is_not_chosen_stays_where_its_update_would_be_nan(wide):
    """Adam without ε divides its zero averages."""
    options = {"a": nn.dense(4), "b": nn.dense(4, use_bias=False)}
    adam = optim.adam(0.01, eps=0.0)

    def choosing(index):
        return network(nn.among(OneOf(index, ("a", "b")), options), adam)

    first, last, losses = trained(choosing, jnp.asarray(1), steps=2)
    assert np.isfinite(losses).all()
    chex.assert_trees_all_equal(first.params[1]["a"], last.params[1]["a"])


def test_members_with_every_choice_share_a_program(wide):
    options = {name: OPTIONS["layers"][name] for name in ("plain", "normed")}

    def choosing(index):
        return network(nn.among(OneOf(index, tuple(options)), options))

    together = jax.vmap(lambda index: trained(choosing, index)[2])(jnp.arange(2))
    for row, option in zip(together, options.values(), strict=True):
        EXACT(row, trained(lambda _, own=option: network(own), 0)[2])


@pytest.mark.parametrize("on", [True, False])
def test_a_layer_or_none_takes_every_kind_of_switch(on):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 5)), jnp.float32)
    switches = [
        lambda i: OneOf(i, (False, True)), lambda i: OneOf(1 - i, (True, False)),
        lambda i: OneOf(i, (0, 1)), lambda i: i, lambda i: i > 0,
        lambda i: on, lambda i: int(on),
    ]  # fmt: skip

    def output(switch):
        layer = nn.maybe(switch, nn.batch_norm())
        params, state, _ = layer.init(KEY, (5,))
        return layer.apply(params, state, x, train=True)[0]

    outputs = jax.jit(lambda i: [output(switch(i)) for switch in switches])

    of_numpy = np.asarray(x)
    normed = (of_numpy - of_numpy.mean(0)) / np.sqrt(of_numpy.var(0) + 1e-5)
    for found in outputs(jnp.asarray(int(on))):
        np.testing.assert_allclose(found, normed if on else x, atol=1e-5)


@pytest.mark.parametrize("on", ["yes", 2, 0.5, None, np.float32(0.5), jnp.ones(())])
def test_another_switch_is_refused(on):
    with pytest.raises((TypeError, ValueError), match="maybe got the .*; expected"):
        nn.maybe(on, nn.relu)


def test_a_name_chooses_plainly():
    options = {"relu": nn.relu, "norm": nn.batch_norm()}
    assert nn.among("norm", options) is options["norm"]
    assert nn.among("relu", options).apply((), (), jnp.array([-1.0, 2.0]))[0][0] == 0


def test_losses_and_layers_do_not_mix():
    both = {"loss": nn.softmax_cross_entropy, "layer": nn.dense(3)}
    with pytest.raises(TypeError, match=r"\['loss', 'layer'\], of which some are los"):
        nn.among(OneOf(jnp.asarray(0), [*both]), both)


def test_losses_that_differ_need_an_error_to_compare_models():
    losses = {"ce": nn.softmax_cross_entropy, "square": nn.squared_error}
    loss = nn.among(OneOf(jnp.asarray(0), [*losses]), losses)
    recipe = Recipe(nn.dense(3), optim.adam(0.1), loss)
    with pytest.raises(RecipeError, match="one of several, .* expected an error"):
        error_of(recipe)
    assert error_of(recipe._replace(error=nn.zero_one_error)) is nn.zero_one_error


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_loss_is_the_chosen_one_and_wraps_what_all_wrap(place, wide):
    z = jnp.asarray(np.random.default_rng(0).normal(size=(6, 3)))
    y = jax.nn.softmax(z[::-1])
    losses = {
        "plain": nn.softmax_cross_entropy,
        "smoothed": nn.label_smoothing(nn.softmax_cross_entropy, 0.2),
        "NaN": lambda outputs, labels: jnp.sqrt(-jnp.sum(outputs**2, -1) - 1),
    }
    names = [*losses]
    loss = nn.among(OneOf(jnp.asarray(place), names), losses)
    np.testing.assert_array_equal(loss(z, y), losses[names[place]](z, y))
    if place < 2:
        own = [
            jax.grad(lambda z, f=f: f(z, y).sum())(z)
            for f in (loss, losses[names[place]])
        ]
        EXACT(*own)
    alike = {name: losses[name] for name in names[:2]}
    both = nn.among(OneOf(jnp.asarray(1), ("plain", "smoothed")), alike)
    assert nn.plain_loss(both) is nn.softmax_cross_entropy and nn.has_classes(both)
    mixed = {"smoothed": losses["smoothed"], "squared": nn.squared_error}
    plain = nn.plain_loss(nn.among(OneOf(jnp.asarray(0), (*mixed,)), mixed))
    np.testing.assert_array_equal(plain(z, y), nn.softmax_cross_entropy(z, y))


@pytest.mark.heavy
@pytest.mark.parametrize("place", [0, 1])
def test_it_chooses_among_sizes_as_each_is_alone(place, wide):
    """Outputs of 2 and of 3 live units: the chosen size is what counts behind it."""
    lives = (2, 3)

    def sized(index):
        options = {
            "few": nn.dense(Size(jnp.asarray(lives[0]), 5)),
            "many": nn.serial(nn.dense(Size(jnp.asarray(lives[1]), 5)), nn.sigmoid),
        }
        return network(nn.among(OneOf(index, ("few", "many")), options))

    def alone(_):
        option = nn.dense(lives[place])
        return network(option if place == 0 else nn.serial(option, nn.sigmoid))

    EXACT(trained(sized, jnp.asarray(place))[2], trained(alone, 0)[2])


@pytest.mark.heavy
@pytest.mark.parametrize("times", [2, 3])
def test_a_choice_is_repeated_a_live_number_of_times(times, wide):
    options = {"plain": nn.dense(4), "normed": normed()}

    def choosing(index):
        layer = nn.among(OneOf(index, tuple(options)), options)
        return network(nn.repeat(layer, Size(jnp.asarray(times), 3)))

    def plain(_):
        return network(nn.repeat(options["normed"], times))

    first, last, losses = trained(choosing, jnp.asarray(1))
    EXACT(losses, trained(plain, 0)[2])
    still = first.params[1]["plain"], last.params[1]["plain"]
    chex.assert_trees_all_equal(*still)


@pytest.mark.parametrize("shape", [(5,), (Size(2, 5),)])
def test_options_of_several_shapes_are_refused(shape):
    options = {"a": nn.dense(4), "b": lambda x: x}
    message = r"among got options with outputs of shapes \{'a': .* Static"
    choice = nn.among(OneOf(jnp.asarray(0), ("a", "b")), options)
    with pytest.raises(ValueError, match=message):
        choice.init(KEY, shape)
    with pytest.raises(ValueError, match="maybe got options with outputs of shapes"):
        nn.maybe(jnp.asarray(True), nn.dense(3)).init(KEY, shape)


def test_an_option_that_needs_a_static_value_names_what_to_do():
    def make(units):
        return nn.among("a", {"a": nn.dense(units)}).init(KEY, (3,))[0]

    with pytest.raises(TypeError, match=r"Static\(\[\.\.\.\]\) or AsSize"):
        jax.eval_shape(make, 3)


def test_only_what_is_chosen_is_counted():
    options = {"a": nn.dense(2), "b": nn.dense(2, use_bias=False)}
    choice = nn.among(OneOf(jnp.asarray(1), ("a", "b")), options)
    model = nn.serial(nn.flatten, nn.residual(choice))
    params = jax.tree.map(jnp.ones_like, model.init(KEY, (2,))[0])
    sums = jax.tree.map(jnp.sum, model.counted(params))
    chosen = {"a": {"bias": 0, "kernel": 0}, "b": {"kernel": 4}}
    assert jax.tree.map(int, sums) == ((), (chosen,))
