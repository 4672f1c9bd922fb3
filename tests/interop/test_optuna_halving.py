"""Halvings whose members Optuna proposes, played without training and once with it."""

import sys

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.interop import optuna_halving
from jaxdl.interop.optuna_halving import places
from jaxdl.spaces import SpaceError
from jaxdl.spaces.first import with_first

optuna = pytest.importorskip("optuna")

KEY = jax.random.key(0)
SPACE = {"rate": dl.LogUniform(1e-4, 1.0), "keep": dl.Uniform(0.5, 1.0), "n": 3}


def bowl(hparams, until):
    """Lowest at a rate of 0.01; lower with each epoch."""
    return (np.log10(hparams["rate"]) + 2) ** 2 + 0.1 * hparams["keep"] + 1 / until


def play(search, members, epochs=9, error=bowl, key=KEY, space=SPACE):
    """Returns the rungs of a search whose members have the errors of a function."""
    asking = search(key, space, members, epochs)
    rungs = [next(asking)]
    while True:
        score = np.asarray(error(rungs[-1].hparams, rungs[-1].until), float)
        try:
            rungs.append(asking.send({"dev_error": score, "dev_loss": score}))
        except StopIteration:
            return rungs


def test_each_bracket_is_a_halving_of_its_own_members():
    rungs = play(optuna_halving(3, brackets=2), 18)
    shape = [(len(rung.members), set(rung.until)) for rung in rungs]
    assert shape == [(9, {1}), (3, {3}), (1, {9})] * 2
    assert rungs[0].members.tolist() == list(range(9))
    assert rungs[3].members.tolist() == list(range(9, 18))
    for first, *later in (rungs[:3], rungs[3:]):
        start = first.members[0]
        best = np.argsort(bowl(first.hparams, first.until), kind="stable")
        for rung in later:
            kept = np.sort(best[: len(rung.members)])
            np.testing.assert_array_equal(rung.members, start + kept)
            own = first.hparams["rate"][kept]
            np.testing.assert_array_equal(rung.hparams["rate"], own)


def test_who_came_further_comes_first_and_the_diverged_are_left_out():
    until = np.array([1, 9, 3, 1, 3, 1, 9])
    score = np.array([0.2, 0.5, 0.4, 0.1, np.nan, np.inf, 0.3])
    assert places(until, score) == [6, 1, 2, 3, 0]


@pytest.mark.parametrize("sampler", [None, "RandomSampler"])
def test_only_a_sampler_that_learns_draws_nearer_to_the_best(sampler):
    """The mean over seeds of the distance of later members from the best rate."""
    before, after = [], []
    for seed in range(4):
        search = optuna_halving(3, brackets=4, sampler=sampler)
        rungs = play(search, 108, key=jax.random.key(seed))
        firsts = [rung for rung in rungs if set(rung.until) == {1}]
        away = [np.abs(np.log10(rung.hparams["rate"]) + 2).mean() for rung in firsts]
        before.append(away[0])
        after.append(away[-1])
    learned = np.mean(after) < 0.75 * np.mean(before)
    assert learned == (sampler is None)


def test_the_sampler_is_told_all_rungs_of_the_brackets_before():
    told = []

    class Noted(optuna.samplers.RandomSampler):
        def sample_independent(self, study, *rest):
            values = sorted(
                t.value for t in study.get_trials() if t.state.is_finished()
            )
            told.append(values)
            return super().sample_independent(study, *rest)

    def error(hparams, until):
        return np.where(hparams["rate"] > 0.05, np.nan, bowl(hparams, until))

    rungs = play(optuna_halving(3, brackets=2, sampler=Noted), 60, error=error)
    diverged = int((rungs[0].hparams["rate"] > 0.05).sum())
    assert diverged and len(told) == 2 * 30  # two parameters of 30 members
    assert all(values == list(range(30 - diverged)) for values in told)


def test_the_same_key_proposes_the_same_members():
    one, two, other = (
        np.concatenate([r.hparams["rate"] for r in play(optuna_halving(), 24, key=key)])
        for key in (KEY, KEY, jax.random.key(1))
    )
    np.testing.assert_array_equal(one, two)
    assert not np.isin(other, one).any()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optuna_halving(1), SpaceError, "eta=1"),
        (lambda: optuna_halving(brackets=1), SpaceError, "brackets=1"),
        (lambda: play(optuna_halving(3), 11), SpaceError, "members=11; .* 12"),
        (lambda: play(optuna_halving(), 24, space={"x": np.ones(24)}), SpaceError,
         "space with an array"),
        (lambda: optuna_halving(sampler="GridSampler"), ValueError, "TPESampler"),
        (lambda: optuna_halving(sampler=optuna.samplers.RandomSampler()), TypeError,
         "RandomSampler itself"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_missing_optuna_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxdl-sweep\[optuna\]'"):
        optuna_halving()


def test_the_first_of_several_objectives_decides_who_trains_on():
    """Of four members the worst error has the best loss, on the first front."""
    asking = optuna_halving(2, brackets=2)(KEY, SPACE, 8, 4)
    next(asking)
    error = np.array([0.1, 0.2, 0.3, 0.4])
    both = np.stack([error, [0.3, 0.4, 0.5, 0.1]], axis=1)
    told = {"dev_error": error, "dev_loss": error, "objectives": both}
    assert asking.send(told).members.tolist() == [0, 1]


def test_members_that_are_given_come_first_in_whatever_bracket_they_are():
    rates = np.float32([0.2, 0.3, 0.02, 0.03, 0.01]).tolist()
    given = with_first(SPACE, [{"rate": rate} for rate in rates])
    search = optuna_halving(2, brackets=2)
    rungs, plain = (play(search, 8, 4, space=space) for space in (given, SPACE))
    begins = [rung for rung in rungs if set(rung.until) == {1}]
    drawn = np.concatenate([rung.hparams["rate"] for rung in begins])
    np.testing.assert_array_equal(drawn[:5], np.float32(rates))
    assert not np.isin(plain[0].hparams["rate"], drawn).any()
    assert ((0.5 <= rungs[0].hparams["keep"]) & (rungs[0].hparams["keep"] <= 1)).all()
