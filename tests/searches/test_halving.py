"""Successive halving and Hyperband, by hand and in a sweep."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import crew
from jaxdl.searches.halving import side_by_side
from jaxdl.searches.rungs import Rung
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.searches.conftest import KEY, SPACE, play, same_bits, spans, sweep


def work(rungs):
    """Returns the epochs that all members train together."""
    trained = {}
    for rung in rungs:
        trained |= dict(zip(rung.members.tolist(), rung.until.tolist(), strict=True))
    return sum(trained.values())


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
    ],
)
def test_rungs(search, members, epochs, expected):
    assert spans(play(search, members, epochs, np.arange(members))) == expected


def test_a_member_that_diverged_does_not_continue():
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.halving(1), "eta=1; expected an int of at least 2"),
        (lambda: dl.halving(3, first=0), "first=0"),
        (lambda: dl.halving(3, survivors=1.5), "survivors=1.5"),
        (lambda: dl.hyperband(1), "eta=1"),
        (lambda: play(dl.halving(3, first=9), 9, 8, []), "first=9 and epochs=8"),
        (lambda: play(dl.hyperband(3), 2, 27, []), "members=2; expected at least 4"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


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
    assert all(block.carry is None for block in pruned.blocks if block)
    for i in survivors:
        same_bits(pruned.member(i), whole.member(i))
        assert pruned.status[i] == Status.FINISHED
    cut = pruned.status == Status.CUT_SHORT
    epochs = trained[cut].sum(axis=1)
    steps = digits.steps_per_epoch(64)
    np.testing.assert_array_equal(pruned.stopped_at[cut], steps * epochs)
    np.testing.assert_array_equal(pruned.kept_epoch[cut], epochs - 1)


def test_the_first_rung_is_the_only_one_that_compiles(
    recipe, space, digits, monkeypatch, compilations
):
    monkeypatch.setattr(crew, "hand_devices", jax.devices)
    result = sweep(recipe, space, digits, search=dl.halving(2))
    assert len(result.rungs) == 3
    assert compilations == [1] and len(jax.devices()) == 2


def test_searches_side_by_side_hear_of_their_own_members():
    told = []

    def noting(ids):
        hparams = {"rate": np.ones(len(ids))}
        told.append((yield Rung(ids, hparams, np.ones(len(ids), int))))

    asked = side_by_side([noting(np.array([0, 1])), noting(np.array([2]))])
    next(asked)
    error = np.array([0.1, 0.2, 0.3])
    with pytest.raises(StopIteration):
        asked.send({"dev_error": error})
    first, second = told
    assert first.keys() == second.keys() == {"dev_error"}
    assert first["dev_error"].tolist() == [0.1, 0.2]
    assert second["dev_error"].tolist() == [0.3]
