"""The sweep: exact whoever the neighbours are, isolated, and equal to single runs."""

import os
import sys
import threading
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import DataError
from jaxdl.engine.blocks import (
    Shared,
    _jitted,
    compile_all,
    lower,
    make_blocks,
    train_block,
)
from jaxdl.engine.engine import _reporter
from jaxdl.engine.layout import Group, groups
from jaxdl.engine.plan import MAX_PROGRAMS
from jaxdl.engine.workers import place, worker_devices
from jaxdl.spaces import SpaceError
from jaxdl.train.epoch_state import Status

KEY = jax.random.key(0)
MEMBERS = 256
MODULE = sys.modules["jaxdl.sweeps.sweep"]  # behind the function of the same name


def sweep(recipe, space, data, **changes):
    arguments = {"key": KEY, "members": 24, "epochs": 3, "progress": False} | changes
    return dl.sweep(recipe, space, data, **arguments)


def same_bits(a, b):
    """Compares members by parameters, layer state and metrics, to the bit."""
    left, right = ((m.params, m.state, m.metrics) for m in (a, b))
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.fixture(scope="module")
def full(recipe, space, digits):
    """256 members after 20 epochs, on two devices."""
    devices = worker_devices()
    assert len(set(devices)) == len(devices) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "worker_devices", lambda: devices)
        return sweep(recipe, space, digits, members=MEMBERS, epochs=20)


@pytest.fixture
def on_devices(monkeypatch):
    """Returns a function that sets where the workers of the next sweep are."""

    def use(devices):
        monkeypatch.setattr(MODULE, "worker_devices", lambda: devices)

    return use


# exactness


def test_the_sweep_finds_a_good_model_and_looks_at_test_once(full, digits):
    assert full.status.tolist() == ["finished"] * MEMBERS
    assert full.metrics["dev_error"].shape == (MEMBERS, 20)
    best = full.best()
    assert best.metrics["dev_error"][-1] == np.min(full.metrics["dev_error"][:, -1])
    assert best.evaluate(digits.test)["error"] < 0.04


def test_a_member_is_the_same_in_a_sweep_of_7(full, recipe, space, digits):
    few = sweep(recipe, space, digits, members=7, epochs=20)
    for i in range(7):
        same_bits(few.member(i), full.member(i))


@pytest.mark.parametrize("devices", [[0], [1], [0, 0], [1, 0]])
def test_a_member_is_the_same_on_one_device_or_thread(
    devices, on_devices, full, recipe, space, digits
):
    on_devices([jax.devices()[i] for i in devices])
    again = sweep(recipe, space, digits, members=40, epochs=20)
    for i in range(40):
        same_bits(again.member(i), full.member(i))


def train_in_this_order(ids, recipe, space, hparams, data, width, epochs):
    """Returns blocks of the members `ids`, slot by slot in this order."""
    ids, zeros = np.array(ids), np.zeros(len(ids), int)
    hparams = jax.tree.map(lambda column: column[ids], hparams)
    (shuffled,) = groups(space, hparams, ids, zeros, zeros + epochs)
    shared = Shared(train.on_device(data.train), train.on_device(data.dev), KEY, None)
    blocks = make_blocks([shuffled], width)
    (programs,) = compile_all([lower(recipe, blocks[0], width, shared)])
    return [
        train_block(programs, block, width, shared, None, lambda *_: None, last=True)
        for block in blocks
    ]


def test_a_member_is_the_same_in_another_slot_among_other_neighbours(
    full, recipe, space, digits
):
    ids = np.random.default_rng(0).permutation(MEMBERS)[:20].tolist()
    width = full.plan.block_width
    blocks = train_in_this_order(ids, recipe, space, full.hparams, digits, width, 20)
    assert [len(b.block.members) for b in blocks] == [16, 4]
    moved = [i % width != slot % width for slot, i in enumerate(ids)]
    assert sum(moved) > 15
    for block in blocks:
        for slot, i in enumerate(block.block.members):
            expected = full.member(int(i))
            ours = jax.tree.map(lambda x, s=slot: x[s], (block.params, block.state))
            jax.tree.map(
                np.testing.assert_array_equal, ours, (expected.params, expected.state)
            )
            for name, curve in expected.metrics.items():
                np.testing.assert_array_equal(block.metrics[name][:, slot], curve)


def test_static_choices_change_neither_bits_nor_order(recipe, space, digits):
    """Members of a group are those of a sweep in which all have its static value."""

    def chooses(hp):
        built = recipe(hp["rest"])
        return built._replace(penalty=nn.none) if hp["plain"] == "yes" else built

    both = {"plain": dl.Static(["yes", "no"]), "rest": space}
    mixed = sweep(chooses, both, digits)
    plain = mixed.hparams["plain"] == "yes"
    assert 0 < plain.sum() < 24
    only = sweep(chooses, both | {"plain": "yes"}, digits)
    for i in np.flatnonzero(plain):
        same_bits(mixed.member(int(i)), only.member(int(i)))
    hp = mixed.member(int(np.flatnonzero(plain)[0])).hparams
    assert hp["plain"] == "yes" and hp["rest"].l2.dtype == np.float32


def test_a_space_without_hyperparameters_trains_members_that_differ_by_seed(digits):
    def fixed(hp):
        return dl.Recipe(nn.dense(10), optim.adam(0.01), nn.softmax_cross_entropy)

    result = sweep(fixed, (), digits, members=3, epochs=1)
    assert len(set(result.metrics["dev_loss"][:, 0].tolist())) == 3
    assert result.table(3).splitlines()[0].split()[-1] == "status"


def test_another_key_is_another_sweep(full, recipe, space, digits):
    other = sweep(recipe, space, digits, key=jax.random.key(1), members=2, epochs=1)
    assert other.metrics["dev_loss"][0, 0] != full.metrics["dev_loss"][0, 0]


# equal to one model by itself


def test_a_member_starts_as_fit_does_and_its_first_gradients_agree(
    make_recipe, space, digits
):
    """At rate 1 and one step an epoch, plain descent shows minus the gradient."""
    one_step = make_recipe(len(digits.train.inputs), optim.gradient_descent)

    def both_ways(rate):
        given = space._replace(learning_rate=rate)
        member = sweep(one_step, given, digits, members=1, epochs=1).member(0)
        alone = dl.fit(
            one_step, member.hparams, digits, key=KEY, epochs=1, progress=False
        )
        return member.params, alone.params

    start, start_alone = both_ways(0.0)
    jax.tree.map(np.testing.assert_array_equal, start, start_alone)
    gradients = [jax.tree.map(np.subtract, moved, start) for moved in both_ways(1.0)]
    for ours, theirs in zip(*map(jax.tree.leaves, gradients), strict=True):
        # Relative to the leaf: single entries may cancel to almost nothing.
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)
        assert np.linalg.norm(theirs) > 0


def test_a_member_agrees_with_fit_after_20_steps_in_float64(make_recipe, space, digits):
    """So it sees the same batches and the same dropout masks."""
    recipe = make_recipe(50)
    first = jax.tree.map(lambda x: x[:1000], digits.train)
    data = digits._replace(train=first)
    with jax.enable_x64(True):
        member = sweep(recipe, space, data, members=5, epochs=1).member(0)
        alone = dl.fit(recipe, member.hparams, data, key=KEY, epochs=1, progress=False)
    assert member.params[0]["kernel"].dtype == np.float64
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9),
        (member.params, member.state, member.metrics),
        (alone.params, alone.state, alone.metrics),
    )


# isolation


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e38])
def test_a_member_that_diverges_is_labelled_and_no_neighbour_notices(
    bad, full, recipe, space, digits
):
    rates = np.array(full.hparams.learning_rate[:20])
    rates[[3, 17]] = bad
    hparams = jax.tree.map(lambda x: x[:20], full.hparams)
    given = hparams._replace(learning_rate=rates)
    result = sweep(recipe, given, digits, members=20, epochs=20)
    diverged = np.flatnonzero(result.status == Status.DIVERGED).tolist()
    assert diverged == [3, 17]
    assert result.stopped_at.tolist() == [1 if i in diverged else -1 for i in range(20)]
    for i in set(range(20)) - set(diverged):
        same_bits(result.member(i), full.member(i))
    # The last finite state is the initial one, which a rate of 0 keeps as well.
    still = given._replace(learning_rate=np.zeros(20))
    at_rest = sweep(recipe, still, digits, members=20, epochs=1).member(3)
    jax.tree.map(np.testing.assert_array_equal, result.member(3).params, at_rest.params)
    assert all(np.isnan(c).all() for c in result.member(3).metrics.values())
    assert set(result.ranking()[-2:].tolist()) == {3, 17}
    assert "diverged at step 1" in result.table(20)


def test_when_all_diverge_there_is_no_best(recipe, space, digits):
    result = sweep(recipe, space._replace(learning_rate=np.inf), digits, members=3)
    assert result.status.tolist() == ["diverged"] * 3
    with pytest.raises(ValueError, match="all 3 members diverged"):
        result.best()


# one trace, one program


def test_rounds_and_repeats_trace_and_compile_nothing(make_recipe, space, digits):
    inner, traces = make_recipe(), []

    def recipe(hp):
        traces.append(hp)
        return inner(hp)

    sweep(recipe, space, digits)
    first = len(traces)
    sweep(recipe, space, digits, members=40, key=jax.random.key(5))
    assert len(traces) == first > 0


def test_as_many_programs_are_remembered_as_a_space_may_have():
    remembered = _jitted.cache_parameters()["maxsize"]
    assert remembered >= MAX_PROGRAMS


# the result


def test_the_result_has_the_shape_of_the_space(full):
    assert full.hparams.l2.shape == (MEMBERS,)
    member = full.member(5)
    assert member.hparams.l2 == full.hparams.l2[5]
    assert member.metrics["train_loss"].shape == (20,)
    assert full.plan.block_width == 16
    with pytest.raises(IndexError, match=r"got member 256; expected 0\.\.255"):
        full.member(256)


def test_the_ranking_is_by_dev_error_then_loss(full):
    last = [
        (full.metrics["dev_error"][i, -1], full.metrics["dev_loss"][i, -1])
        for i in full.ranking()
    ]
    assert last == sorted(last)
    lines = full.table(10).splitlines()
    assert "dev_error" in lines[0] and "learning_rate" in lines[0]
    assert lines[2].split()[0] == str(full.ranking()[0])
    assert len(lines) == 12


def test_members_evaluate_as_the_sweep_did(full, digits):
    best = full.best()
    on_dev = best.evaluate(digits.dev)
    assert on_dev["error"] == pytest.approx(best.metrics["dev_error"][-1], abs=1e-6)
    assert on_dev["loss"] == pytest.approx(best.metrics["dev_loss"][-1], rel=1e-4)
    outputs = best.predict(digits.dev.inputs)
    assert outputs.shape == (360, 10)
    error = np.mean(outputs.argmax(1) != digits.dev.labels)
    assert error == pytest.approx(on_dev["error"], abs=1e-6)


def test_members_of_a_sweep_share_the_programs_that_evaluate_them(full, digits):
    compiled = []

    def listen(name, *_, **__):
        if name == "/jax/core/compile/backend_compile_duration":
            compiled.append(name)

    full.member(0).evaluate(digits.test)
    full.member(0).predict(digits.test.inputs)
    jax.monitoring.register_event_duration_secs_listener(listen)
    for i in (1, 2):
        full.member(i).evaluate(digits.test)
        full.member(i).predict(digits.test.inputs)
    sweep(full.recipe, full.hparams, digits, members=MEMBERS, epochs=1)
    assert compiled == []


def test_a_member_whose_dev_loss_overflows_comes_last(recipe, space, digits):
    result = sweep(recipe, space, digits, members=3, epochs=1)
    winner = int(result.ranking()[0])
    result.metrics["dev_loss"][winner, -1] = np.inf
    assert int(result.ranking()[-1]) == winner


def test_a_plan_can_be_set(recipe, space, digits):
    result = sweep(recipe, space, digits, members=5, epochs=1, plan=dl.Plan(4))
    assert result.plan.block_width == 4
    with pytest.raises(ValueError, match="block_width of at least 1"):
        sweep(recipe, space, digits, plan=dl.Plan(0))
    with pytest.raises(ValueError, match="got plan=16; expected jaxdl.Plan"):
        sweep(recipe, space, digits, plan=16)


# failures


@pytest.mark.parametrize("bad", [0, 1])
def test_a_worker_that_fails_stops_the_others(bad):
    begun = []

    def work(block, device, stop):
        begun.append(block)
        if block == bad:
            raise MemoryError("no more")
        assert stop.wait(20)
        return block

    with pytest.raises(MemoryError):
        place(work, list(range(50)), jax.devices())
    # Two workers, and one that may have taken its next block before the failure.
    assert len(begun) <= 3


def test_a_block_reports_each_of_its_epochs_once():
    shown = []
    block = Group(None, np.arange(2), {}, 0, 10)
    watch = SimpleNamespace(report=lambda *a, last: shown.append((*a, last)))
    report = _reporter(block, 17, watch)
    stop = threading.Event()
    dead = {"dev_error": np.array([np.nan, np.nan])}
    first = {"dev_error": np.array([0.3, 0.2])}
    report(stop, 0, np.array([Status.RUNNING, Status.RUNNING]), first)
    report(stop, 0, np.array([Status.RUNNING, Status.RUNNING]), first)  # the block began again
    report(
        stop, 1, np.array([Status.DIVERGED, Status.RUNNING]), {"dev_error": np.array([np.nan, 0.1])}
    )
    report(stop, 2, np.array([Status.DIVERGED, Status.STOPPED]), dead)
    members, epochs, fates, errors, steps, last = zip(*shown, strict=True)
    np.testing.assert_array_equal(members, [[0, 1]] * 3)
    assert epochs == (1, 2, 3) and steps == (2 * 17,) * 3
    assert last == (False, False, True)  # nobody runs after the third
    np.testing.assert_array_equal(fates[2], [Status.DIVERGED, Status.STOPPED])
    np.testing.assert_array_equal(errors[1], [np.nan, 0.1])


def test_a_disk_that_fails_at_the_end_loses_no_result(
    recipe, space, digits, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MODULE, "write_results", full)
    with pytest.warns(UserWarning, match="could not be written.*No space left"):
        result = sweep(recipe, space, digits, members=3, epochs=1, run_dir=tmp_path)
    assert result.best().status == Status.FINISHED


@pytest.fixture
def nothing_compiles(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled before the error")

    monkeypatch.setattr(sys.modules["jaxdl.engine.engine"], "compile_all", refuse)


@pytest.mark.usefixtures("nothing_compiles")
def test_refusals_come_before_compilation(recipe, space, digits, make_recipe):
    inputs = np.array(digits.train.inputs)
    inputs[5, 6] = np.inf
    bad = digits._replace(train=digits.train._replace(inputs=inputs))
    with pytest.raises(DataError, match=r"train set, row 5, column \[6\]"):
        sweep(recipe, space, bad)
    with pytest.raises(DataError, match="batch_size=2000"):
        sweep(make_recipe(2000), space, digits)
    with pytest.raises(SpaceError, match="got members=0"):
        sweep(recipe, space, digits, members=0)
    with pytest.raises(ValueError, match="got epochs=0"):
        sweep(recipe, space, digits, epochs=0)
    with pytest.raises(TypeError, match="threefry"):
        sweep(recipe, space, digits, key=jax.random.key(0, impl="rbg"))

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
def test_a_static_value_with_a_bad_recipe_is_found_though_no_member_drew_it(
    recipe, space, digits
):
    def sizes(hp):
        return recipe(hp["rest"])._replace(batch_size=hp["batch"])

    both = {"batch": dl.Static([64, 5000]), "rest": space}
    with pytest.raises(DataError, match="batch_size=5000"):
        sweep(sizes, both, digits, members=1)


def test_jax_keeps_its_settings():
    """Importing and sweeping changes no global setting, apart from the test's own."""
    assert jnp.result_type(float) == jnp.float32
    folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
    assert jax.config.jax_compilation_cache_dir == folder
