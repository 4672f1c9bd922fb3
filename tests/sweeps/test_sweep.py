"""The sweep: it finds good models, agrees with `fit`, and refuses in time."""

import gc
import inspect
import os
import weakref
from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import DataError
from jaxdl.searches import Rung
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.sweeps.kept import KEY, SIZED, SPACE, in_rungs, sized, small, sweep


@pytest.mark.heavy
def test_the_sweep_finds_a_good_model_and_looks_at_test_once(recipe, space, digits):
    settings = {"members": 96, "epochs": 20, "plan": dl.Plan(8)}
    result = sweep(recipe, space, digits, **settings)
    assert (result.status == Status.FINISHED).all()
    errors = result.metrics["dev_error"]
    assert errors.shape == (96, 20)
    best = result.best()
    assert best.metrics["dev_error"][-1] == np.min(errors[:, -1])
    assert best.evaluate(digits.test)["error"] < 0.04


@pytest.mark.heavy
def test_a_space_without_hyperparameters_trains_members_that_differ_by_key(digits):
    def fixed(hp):
        return small({"rate": 0.01})

    result = sweep(fixed, (), digits, members=3, epochs=1, plan=None)
    assert result.task.plan == dl.Plan(16, "shared")  # the widest on a CPU
    assert len(set(result.metrics["dev_loss"][:, 0].tolist())) == 3
    assert result.table(3).splitlines()[0].split()[-1] == "status"


def test_sizes_can_be_given_and_laid_on_a_grid(digits, with_sizes):
    grid = dl.grid(SIZED | {"rate": 0.01}, 2)
    assert grid["units"].values.tolist() == [4, 6]
    result = sweep(sized, grid, digits, members=2, epochs=1)
    assert result.hparams["units"].tolist() == [4, 6]
    errors = with_sizes.final()["dev_error"]
    narrow = dl.refine(SIZED, with_sizes.hparams, errors, 3)
    assert isinstance(narrow["units"], dl.AsSize)
    assert 4 <= narrow["units"].values.low <= narrow["units"].values.high <= 6


# equal to one model by itself


@pytest.mark.heavy
def test_a_member_starts_as_fit_does_and_its_first_gradients_agree(digits):
    """At rate 1 and one step an epoch, plain descent shows minus the gradient."""

    def one_step(hp):
        return dl.Recipe(
            nn.serial(nn.dropout(0.8), nn.dense(10)),
            optim.gradient_descent(hp["rate"]),
            nn.softmax_cross_entropy,
            batch_size=len(digits.train.inputs),
        )

    def both_ways(rate):
        given = {"rate": rate}
        member = sweep(one_step, given, digits, members=1, epochs=1).member(0)
        alone = dl.fit(
            one_step, member.hparams, digits, key=KEY, epochs=1, progress=False
        )
        return member.params, alone.params

    start, start_alone = both_ways(1e-30)
    chex.assert_trees_all_equal(start, start_alone)
    gradients = [jax.tree.map(np.subtract, moved, start) for moved in both_ways(1.0)]
    for ours, theirs in zip(*map(jax.tree.leaves, gradients), strict=True):
        # Relative to the leaf: single entries may cancel to almost nothing.
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)
        assert np.linalg.norm(theirs) > 0


def test_a_member_agrees_with_fit_after_20_steps_in_float64(digits):
    """So it sees the same batches and the same dropout masks."""

    def recipe(hp):
        layers = nn.dropout(0.8), nn.batch_norm(), nn.dense(10)
        return small(hp)._replace(model=nn.serial(*layers), batch_size=50)

    data = digits._replace(train=digits.train[:1000])
    with jax.enable_x64(True):
        member = sweep(recipe, SPACE, data, members=2, epochs=1).member(0)
        alone = dl.fit(recipe, member.hparams, data, key=KEY, epochs=1, progress=False)
    assert member.params[2]["kernel"].dtype == np.float64
    chex.assert_trees_all_close(
        (member.params, member.state, member.metrics),
        (alone.params, alone.state, alone.metrics),
        rtol=1e-9, atol=1e-9,
    )  # fmt: skip


@pytest.mark.heavy
def test_fit_trains_the_configuration_of_a_member_with_its_sizes(digits, with_sizes):
    best = with_sizes.best()
    alone = dl.fit(sized, best.hparams, digits, key=KEY, epochs=4, progress=False)
    assert alone.structure == best.structure
    chex.assert_trees_all_equal_shapes_and_dtypes(alone.params, best.params)
    assert isinstance(best.hparams["units"], nn.Size)
    assert alone.hparams["units"].live == best.hparams["units"].live
    assert alone.hparams["rate"] == best.hparams["rate"]
    assert alone.evaluate(digits.dev)["error"] < 0.5


# refusals


@pytest.mark.usefixtures("nothing_compiles")
def test_refusals_come_before_compilation(recipe, space, digits, make_recipe):
    inputs = np.array(digits.train.inputs)
    inputs[5, 6] = np.inf
    bad = digits._replace(train=replace(digits.train, inputs=inputs))
    with pytest.raises(DataError, match=r"train set, row 5, column \[6\]"):
        sweep(recipe, space, bad)
    with pytest.raises(DataError, match="batch_size=2000"):
        sweep(make_recipe(2000), space, digits)
    with pytest.raises(SpaceError, match="got members=0"):
        sweep(recipe, space, digits, members=0)
    with pytest.raises(ValueError, match="got epochs=0"):
        sweep(recipe, space, digits, epochs=0)

    def branches(hp):
        return recipe(hp) if hp.keep_prob < 0.9 else recipe(hp)

    with pytest.raises(train.RecipeError, match=r"keep_prob as a plain.*Static"):
        sweep(branches, space, digits)

    def branches_in_a_layer(hp):
        layer = nn.as_layer(lambda x: x if hp.l2 > 0 else -x)
        return recipe(hp)._replace(model=nn.serial(layer, nn.dense(10)))

    with pytest.raises(train.RecipeError, match=r"hp.l2 > 0.*as a plain.*Static"):
        sweep(branches_in_a_layer, space, digits)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (-1, TypeError, "got key=-1; expected a seed from 0 to 2"),
        (2**32, ValueError, "got the seed 4294967296"),
        (1.0, TypeError, "got key=1.0"),
        (True, TypeError, "got key=True"),
        (jax.random.key(0, impl="rbg"), TypeError, "one threefry key"),
        (jax.random.split(KEY), TypeError, "one threefry key"),
        (jax.random.PRNGKey(0), TypeError, "one threefry key"),
    ],
    ids=["-1", "2^32", "float", "bool", "rbg", "two keys", "raw"],
)
def test_another_kind_of_key_is_refused(key, error, message, digits):
    with pytest.raises(error, match=message):
        sweep(small, SPACE, digits, key=key)


@pytest.mark.usefixtures("nothing_compiles")
def test_a_static_value_with_a_bad_recipe_is_found_though_no_member_drew_it(digits):
    def batches(hp):
        return small(hp)._replace(batch_size=hp["batch"])

    both = SPACE | {"batch": dl.Static([64, 5000])}
    with pytest.raises(DataError, match="batch_size=5000"):
        sweep(batches, both, digits, members=1)


@pytest.mark.usefixtures("nothing_compiles")
def test_outputs_of_a_size_are_refused(digits):
    def grows(hp):
        return sized(hp)._replace(model=nn.dense(hp["units"]))

    with pytest.raises(train.RecipeError, match="expected plain sizes"):
        sweep(grows, SIZED, digits, members=2, epochs=1)


@pytest.mark.usefixtures("nothing_compiles")
def test_a_jax_of_several_processes_is_refused(digits, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(RuntimeError, match="of 2 processes.*one process: .*--ray"):
        sweep(small, SPACE, digits)


def no_generator(key, space, members, epochs):
    return [Rung(np.arange(members), dl.sample(key, space, members), np.ones(members))]


def no_rung(key, space, members, epochs):
    yield np.arange(members)


def nothing(key, space, members, epochs):
    yield from ()


def greedy(key, space, members, epochs):
    hparams = dl.sample(key, space, members)
    yield Rung(np.arange(members), hparams, np.full(members, epochs + 1))


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("halving", "got search='halving'; expected a generator function of key, sp"),
        (dl.halving, "expected a generator function of key, space, members and epochs"),
        (lambda key: None, "expected a generator function"),
        (no_generator, "got search=<function no_generator.*expected a generator"),
        (no_rung, r"the search yielded array\(\[0, .*expected a jaxdl.searches.Rung"),
        (nothing, "asks for no member"),
        (greedy, "asked for 5 epochs; expected at most 4"),
    ],
)
def test_what_is_no_search_is_refused(search, message, digits):
    with pytest.raises(SpaceError, match=message):
        sweep(small, SPACE, digits, search=search)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "add run_dir="),
        ({"search": dl.halving(2), "run_dir": "a"}, "expected no search"),
    ],
)
def test_what_cannot_be_extended_is_refused(settings, message, digits):
    with pytest.raises(ValueError, match=message):
        sweep(small, SPACE, digits, extend=True, **settings)


def test_a_later_rung_that_makes_no_sense_is_refused(digits):
    def search(key, space, members, epochs):
        yield from in_rungs(key, space, members, 1)
        yield "more"

    with pytest.raises(SpaceError, match="the search yielded 'more'"):
        sweep(small, SPACE, digits, search=search)


def test_jax_keeps_its_settings():
    """Importing and sweeping changes no global setting, apart from the test's own."""
    assert jnp.result_type(float) == jnp.float32
    folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
    assert jax.config.jax_compilation_cache_dir == folder


@pytest.mark.parametrize(
    "progress",
    [
        pytest.param(False, marks=pytest.mark.heavy),
        True,
        pytest.param(lambda _: None, marks=pytest.mark.heavy),
    ],
    ids=["silent", "shown", "told"],
)
def test_a_recipe_is_freed_with_its_last_reference(progress, digits):
    class Own:
        """Stands for data that a recipe closes over."""

    def train_own():
        own = Own()

        def recipe(hp, own=own):
            return small(hp)

        sweep(recipe, SPACE, digits, members=2, epochs=1, progress=progress)
        return weakref.ref(own)

    gc.collect()
    gc.disable()  # which finds cycles later than needed
    try:
        assert train_own()() is None
    finally:
        gc.enable()


def test_every_setting_is_documented():
    doc = inspect.getdoc(dl.sweep)
    for name in inspect.signature(dl.sweep).parameters:
        assert f"    {name}: " in doc
