"""Searches: their rungs by hand, and that a rung changes no bit of whom it keeps."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.searches import random, ranking
from jaxdl.searches.rungs import Rung, check_rung
from jaxdl.spaces import SpaceError
from jaxdl.train import Status

KEY = jax.random.key(0)
SPACE = {"rate": dl.LogUniform(1e-3, 1.0), "kind": dl.Static(["a", "b"]), "l2": 0.5}
ARRAY = {"x": dl.Uniform(0, 1), "l2": np.ones(24)}


def play(search, members, epochs, errors, space=SPACE):
    """Returns the rungs of a search in which member i has the error `errors[i]`."""
    asking = search(KEY, space, members, epochs)
    rungs = [next(asking)]
    while True:
        error = np.asarray(errors, float)[rungs[-1].members]
        try:
            rungs.append(asking.send({"dev_error": error, "dev_loss": error}))
        except StopIteration:
            return rungs


def spans(rungs):
    """Returns how many members each rung has until which epochs."""
    return [
        [(int(np.sum(r.until == u)), int(u)) for u in np.unique(r.until)] for r in rungs
    ]


def work(rungs):
    """Returns the epochs that all members train together."""
    trained = {}
    for rung in rungs:
        trained |= dict(zip(rung.members.tolist(), rung.until.tolist(), strict=True))
    return sum(trained.values())


# what they ask for


def test_halving_keeps_a_third_of_the_members_each_time():
    errors = np.random.default_rng(0).permutation(729)
    rungs = play(dl.halving(3), 729, 27, errors)
    assert spans(rungs) == [[(729, 1)], [(243, 3)], [(81, 9)], [(27, 27)]]
    for rung in rungs:
        assert sorted(errors[rung.members]) == list(range(len(rung.members)))
        every = dl.sample(KEY, SPACE, 729)
        for name, column in rung.hparams.items():
            np.testing.assert_array_equal(column, every[name][rung.members])
    assert work(rungs) == 486 * 1 + 162 * 3 + 54 * 9 + 27 * 27


@pytest.mark.parametrize(
    ("search", "members", "epochs", "expected"),
    [
        (dl.halving(2), 8, 8, [[(8, 1)], [(4, 2)], [(2, 4)], [(1, 8)]]),
        (dl.halving(2), 8, 7, [[(8, 1)], [(4, 2)], [(2, 4)], [(1, 7)]]),
        (dl.halving(2), 8, 100, [[(8, 1)], [(4, 2)], [(2, 4)], [(1, 100)]]),
        (dl.halving(4, first=2), 9, 8, [[(9, 2)], [(2, 8)]]),
        (dl.halving(3, survivors=5), 9, 9, [[(9, 1)], [(5, 9)]]),
        (dl.halving(3, survivors=9), 9, 9, [[(9, 9)]]),
        (dl.halving(3), 9, 1, [[(9, 1)]]),
        (random(), 4, 5, [[(4, 5)]]),
        (dl.sobol(), 4, 5, [[(4, 5)]]),
        (dl.grid_search(3), 6, 5, [[(6, 5)]]),
        (dl.refinement(3, keep=2), 8, 5, [[(3, 5)], [(3, 5)], [(2, 5)]]),
        (dl.pbt(2), 4, 5, [[(4, 2)], [(4, 4)], [(4, 5)]]),
    ],
)
def test_rungs(search, members, epochs, expected):
    assert spans(play(search, members, epochs, np.arange(members))) == expected


def test_who_diverged_goes_no_further():
    errors = [np.nan, 0.5, np.nan, np.nan, np.nan, np.nan, np.nan, 0.1]
    rungs = play(dl.halving(2), 8, 8, errors)
    assert [r.members.tolist() for r in rungs] == [list(range(8)), [1, 7], [7]]
    assert len(play(dl.halving(2), 8, 8, [np.nan] * 8)) == 1


def test_the_brackets_of_hyperband_cost_the_same_and_climb_together():
    rungs = play(dl.hyperband(3), 147, 27, np.random.default_rng(0).permutation(147))
    # shares of 27/4, 9/3, 3/2 and 1/1
    first = {until: n for n, until in spans(rungs)[0]}
    assert sum(first.values()) == 147
    assert abs(first[1] - 81) <= 2 and abs(first[27] - 12) <= 2
    assert len(rungs) == 4
    assert spans(rungs)[3] == [(first[1] // 27, 27)]
    # bracket s trains n members for 27/3^s epochs, n/3 of them on to three times that
    costs = [
        sum((first[r] // 3**k - first[r] // 3 ** (k + 1)) * r * 3**k for k in range(s))
        + first[r] // 3**s * 27
        for s, r in enumerate((27, 9, 3, 1))
    ]
    assert sum(costs) == work(rungs)
    assert max(costs) < 1.7 * min(costs)  # whole members


@pytest.mark.parametrize(
    ("epochs", "firsts"), [(81, [1, 3, 9, 27, 81]), (28, [2, 4, 10, 28]), (2, [2])]
)
def test_hyperband_has_no_more_brackets_than_the_epochs_have_powers(epochs, firsts):
    """With s from 0 to floor(log_3(epochs)), by hand: log_3(28) is 3.03."""
    first = next(dl.hyperband(3)(KEY, SPACE, 200, epochs))
    assert np.unique(first.until).tolist() == firsts


def test_pbt_replaces_the_worst_by_changed_copies_of_the_best():
    space = SPACE | {"n": dl.IntUniform(1, 100), "c": dl.Choice([1.0, 2.0])}
    errors = np.array([0.7, 0.1, 0.2, 0.3, np.nan, 0.4, 0.5, 0.9])
    first, second = play(dl.pbt(1), 8, 2, errors, space)
    assert first.parents is None
    replaced, best = [4, 7], [1, 2]
    stays = [i for i in range(8) if i not in replaced]
    assert second.parents[stays].tolist() == stays
    assert set(second.parents[replaced]) <= set(best)
    for name, column in second.hparams.items():
        np.testing.assert_array_equal(column[stays], first.hparams[name][stays])
    for child in replaced:
        parent = second.parents[child]
        old = {name: column[parent] for name, column in first.hparams.items()}
        new = {name: column[child] for name, column in second.hparams.items()}
        assert new["kind"] == old["kind"] and new["l2"] == old["l2"] == 0.5
        decades = abs(np.log10(new["rate"] / old["rate"]))
        assert decades == pytest.approx(0.3) or new["rate"] in (1e-3, 1.0)
        assert abs(new["n"] - old["n"]) == 10 or new["n"] in (1, 100)
        assert new["c"] in (1.0, 2.0)


def test_later_rounds_lie_where_the_best_before_them_were():
    space = {"x": dl.Uniform(0, 1)}

    def errors_of(rung):
        return np.abs(rung.hparams["x"] - 0.3)

    asking = dl.refinement(3, keep=4)(KEY, space, 60, 1)
    rung, spread = next(asking), []
    with pytest.raises(StopIteration):
        while True:
            spread.append(np.ptp(rung.hparams["x"]))
            error = errors_of(rung)
            rung = asking.send({"dev_error": error, "dev_loss": error})
    assert spread[0] > 0.8 > 0.6 > spread[1] > spread[2]
    assert abs(np.mean(rung.hparams["x"]) - 0.3) < 0.05


def test_rounds_keep_the_type_of_options_that_are_floats_and_ints():
    space = {"x": dl.Choice([1, 2, 0.001])}

    asking = dl.refinement(2, keep=2)(KEY, space, 30, 1)
    first = next(asking).hparams["x"]
    error = np.where(first < 1, 1.0, 0.0)
    second = asking.send({"dev_error": error, "dev_loss": error}).hparams["x"]
    assert set(second) <= {1.0, 2.0}
    assert second.dtype == first.dtype == np.float32


def test_sobol_fills_every_cell_and_ids_keep_their_points():
    space = {"x": dl.Uniform(0, 1), "l2": 0.5, "y": dl.Uniform(0, 1)}
    (rung,) = play(dl.sobol(), 64, 1, np.zeros(64), space)
    (few,) = play(dl.sobol(), 5, 1, np.zeros(5), space)
    x, y = rung.hparams["x"], rung.hparams["y"]
    # A Sobol sequence has one of 2^6 points in every box of that volume.
    cells = set(zip(np.floor(8 * x), np.floor(8 * y), strict=True))
    assert len(cells) == len(set(np.floor(64 * x))) == 64
    np.testing.assert_array_equal(few.hparams["x"], x[:5])
    other = next(dl.sobol()(jax.random.key(1), space, 64, 1)).hparams["x"]
    assert (other != x).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.halving(1), "eta=1; expected an int of at least 2"),
        (lambda: dl.halving(3, first=0), "first=0"),
        (lambda: dl.halving(3, survivors=1.5), "survivors=1.5"),
        (lambda: dl.hyperband(1), "eta=1"),
        (lambda: dl.pbt(0), "every=0"),
        (lambda: dl.pbt(1, share=0.6), "share=0.6"),
        (lambda: dl.pbt(1, step=0), "step=0"),
        (lambda: dl.refinement(1), "rounds=1"),
        (lambda: dl.grid_search(1), "points=1"),
        (lambda: play(dl.halving(3, first=9), 9, 8, []), "first=9 and epochs=8"),
        (lambda: play(dl.hyperband(3), 2, 27, []), "members=2; expected at least 4"),
        (lambda: play(dl.pbt(5), 8, 5, []), "every=5 and epochs=5"),
        (lambda: play(dl.pbt(1), 3, 5, []), "members=3 .* at least 4 members"),
        (lambda: play(dl.refinement(3), 20, 5, []), "members=20; .* 24"),
        (lambda: play(dl.refinement(2), 24, 5, [], ARRAY), "with an array"),
        (lambda: play(dl.grid_search(3), 5, 5, []), "members=5 .* combinations, 6"),
        (lambda: play(dl.sobol(), 0, 5, []), "members=0"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


# what becomes of them in a sweep


def sweep(recipe, space, data, **changes):
    settings = {"key": KEY, "members": 40, "epochs": 4, "progress": False} | changes
    return dl.sweep(recipe, space, data, **settings)


def same_bits(a, b):
    jax.tree.map(
        np.testing.assert_array_equal, (a.params, a.state), (b.params, b.state)
    )


@pytest.fixture(scope="module")
def whole(recipe, space, digits):
    return sweep(recipe, space, digits)


@pytest.mark.parametrize("search", [dl.halving(2), dl.hyperband(2)])
def test_survivors_have_the_bits_of_a_sweep_without_rungs(
    search, whole, recipe, space, digits
):
    pruned = sweep(recipe, space, digits, search=search)
    trained = np.isfinite(pruned.metrics["dev_loss"])
    survivors = np.flatnonzero(trained.all(axis=1))
    assert 0 < len(survivors) < 40
    for name, curve in pruned.metrics.items():
        np.testing.assert_array_equal(curve[trained], whole.metrics[name][trained])
    full = search(KEY, space, 40, 4)
    if next(full).until.min() == 4:
        return
    assert all(block.carried is None for block in pruned.blocks if block)
    for i in survivors:
        same_bits(pruned.member(i), whole.member(i))
        assert pruned.status[i] == Status.FINISHED
    cut = pruned.status == Status.STOPPED
    epochs = trained[cut].sum(axis=1)
    steps = digits.steps_per_epoch(64)
    np.testing.assert_array_equal(pruned.stopped_at[cut], steps * epochs)
    np.testing.assert_array_equal(pruned.kept_epoch[cut], epochs - 1)


def test_the_first_rung_is_the_only_one_that_compiles(
    recipe, space, digits, monkeypatch
):
    engine, compiled = sys.modules["jaxdl.engine.engine"], []
    compile_all = engine.compile_all
    monkeypatch.setattr(
        engine, "compile_all", lambda x: compiled.append(len(x)) or compile_all(x)
    )
    module = sys.modules["jaxdl.sweeps.sweep"]
    monkeypatch.setattr(module, "worker_devices", jax.devices)
    result = sweep(recipe, space, digits, search=dl.halving(2))
    assert len(result.rungs) == 3
    assert compiled == [len(set(jax.devices()))] == [2]


def test_a_member_with_a_parent_goes_on_from_its_weights(recipe, space, digits, whole):
    """Two rungs by hand: member 0 goes on as itself, member 1 from member 0."""

    def search(key, space, members, epochs):
        hparams = dl.sample(key, space, members)
        ids = np.arange(members)
        yield Rung(ids, hparams, np.full(members, 2))
        same = jax.tree.map(lambda x: np.repeat(x[:1], members), hparams)
        parents = np.zeros(members, int)
        yield Rung(ids, same, np.full(members, 2), parents)  # nothing is left to train
        yield Rung(ids[:1], jax.tree.map(lambda x: x[:1], same), np.full(1, 4))

    result = sweep(recipe, space, digits, members=3, search=search)
    same_bits(result.member(0), whole.member(0))
    same_bits(result.member(1), result.member(2))
    assert result.status.tolist() == ["finished", "stopped", "stopped"]
    expected = result.metrics["dev_error"][0, :2]
    np.testing.assert_array_equal(result.metrics["dev_error"][1, :2], expected)
    rates = jax.tree.leaves(result.hparams)[0]
    assert (rates == rates[0]).all()


def test_pbt_ends_with_members_that_learned(recipe, space, digits):
    result = sweep(recipe, space, digits, members=16, search=dl.pbt(1), epochs=5)
    assert len(result.rungs) == 5
    assert (result.status == Status.FINISHED).all()
    assert result.best().evaluate(digits.dev)["error"] < 0.1
    assert np.isfinite(result.metrics["dev_error"]).all()


def test_a_member_that_a_search_leaves_out_is_told(recipe, space, digits):
    def lazy(key, space, members, epochs):
        yield Rung(np.arange(2), dl.sample(key, space, 2), np.full(2, 1))

    result = sweep(recipe, space, digits, members=3, epochs=1, search=lazy)
    assert result.status.tolist() == ["finished", "finished", "stopped"]
    assert int(result.ranking()[-1]) == 2
    with pytest.raises(ValueError, match="member 2 never trained"):
        result.member(2)


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        (
            Rung([0, 3], {}, np.full(2, 2)),
            "member 3; expected ids from 0 to 2, each on",
        ),
        (Rung([0, -1], {}, np.full(2, 2)), "member -1; expected ids from 0 to 2"),
        (Rung([1, 1], {}, np.full(2, 2)), "member 1; expected ids .* each once"),
        (Rung([0, 1], {}, np.array([1, 5])), "5 epochs; expected at most 4"),
        (
            Rung([0, 2], {}, np.full(2, 2), np.array([0, -1])),
            "member -1; expected ids from 0 to 2",
        ),
    ],
)
def test_rungs_that_cannot_be_are_refused_before_they_train(rung, message):
    rung = rung._replace(members=np.array(rung.members))
    with pytest.raises(SpaceError, match=message):
        check_rung(rung, 3, 4)


def test_a_sweep_refuses_a_search_that_asks_for_too_much(recipe, space, digits):
    def greedy(key, space, members, epochs):
        hparams = dl.sample(key, space, members)
        yield Rung(np.arange(members), hparams, np.full(members, epochs + 1))

    with pytest.raises(SpaceError, match="5 epochs; expected at most 4"):
        sweep(recipe, space, digits, members=2, search=greedy)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": "8", "search": dl.hyperband(2)}, "got members='8'; expected an"),
        ({"members": 48.0, "search": dl.refinement()}, "got members=48.0; expec"),
        ({"search": "halving"}, "got search='halving'; expected a function of key"),
        ({"search": dl.halving}, "expected a function of key, space, members and epo"),
    ],
)
def test_a_sweep_that_makes_no_sense(settings, message, recipe, space, digits):
    with pytest.raises(SpaceError, match=message):
        sweep(recipe, space, digits, **settings)


def test_ranking_puts_what_is_not_finite_last():
    loss = np.array([0.3, np.nan, 0.2, np.inf, 0.1])
    error = np.array([0.1, 0.0, 0.1, 0.0, 0.2])
    assert ranking({"dev_loss": loss, "dev_error": error})[:3].tolist() == [2, 0, 4]


def test_stopped_members_are_packed_away_and_change_no_bit(recipe, space, digits):
    patient = sweep(recipe, space, digits, patience=1, epochs=8, members=24)
    alone = sweep(recipe, space, digits, patience=1, epochs=8, members=3)
    assert (patient.status == Status.STOPPED).any()
    for i in range(3):
        same_bits(patient.member(i), alone.member(i))
    ended = jnp.isfinite(patient.metrics["dev_loss"]).sum(axis=1)
    assert ended.min() < 8
