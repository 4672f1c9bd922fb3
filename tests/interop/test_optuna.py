"""Optuna's samplers as a search, played without training and once with it."""

import functools
import logging
import sys

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.interop import optuna_search
from jaxdl.searches import random
from jaxdl.spaces import SpaceError
from jaxdl.train import Status

optuna = pytest.importorskip("optuna")

KEY = jax.random.key(0)
SPACE = {
    "rate": dl.LogUniform(1e-4, 1.0),
    "inner": {"beta": dl.OneMinusLogUniform(0.9, 0.999)},
    "keep": dl.Uniform(0.5, 1.0),
    "l2": dl.Choice([0.0, 0.1]),
    "act": dl.Static(["relu", None, 3]),
    "depth": dl.IntUniform(1, 5),
    "units": dl.AsSize(dl.IntUniform(16, 128)),
    "width": dl.AsSize(dl.Choice([8, 64])),
    "neurons": dl.IntLogUniform(1, 1000),
    "filters": dl.AsSize(dl.IntLogUniform(8, 512)),
    "constant": 0.5,
    "name": "adam",
}


def bowl(hparams):
    """Lowest at a rate of 0.01 and 100 units."""
    rate, units = np.log10(hparams["rate"]), hparams["units"]
    return (rate + 2) ** 2 + ((units - 100) / 50) ** 2 + 0.1 * hparams["keep"]


def play(search, members, error=bowl, key=KEY, space=SPACE):
    """Returns the rungs of a search whose members have the errors of a function."""
    asking = search(key, space, members, 3)
    rungs, errors = [next(asking)], []
    while True:
        errors.append(np.asarray(error(rungs[-1].hparams), float))
        try:
            told = {"dev_error": errors[-1], "dev_loss": errors[-1]}
            rungs.append(asking.send(told))
        except StopIteration:
            return rungs, np.concatenate(errors)


def together(rungs, name):
    return np.concatenate([rung.hparams[name] for rung in rungs])


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_batches_keep_the_type_of_options_that_are_floats_and_ints():
    space = {"x": dl.Choice([1, 2, 0.5])}
    rungs, _ = play(optuna_search(batch=1), 8, lambda hp: hp["x"], space=space)
    assert {rung.hparams["x"].dtype for rung in rungs} == {np.dtype(np.float32)}


def test_members_come_in_batches_and_train_to_the_end():
    rungs, _ = play(optuna_search(batch=8), 20)
    ids = [rung.members.tolist() for rung in rungs]
    assert ids == [list(range(8)), list(range(8, 16)), list(range(16, 20))]
    assert all((rung.until == 3).all() and rung.parents is None for rung in rungs)


def test_every_distribution_has_its_values_and_types():
    (rung,), _ = play(optuna_search(), 64)
    drawn = dl.sample(KEY, SPACE, 64)
    for ours, plain in zip(
        jax.tree.leaves(rung.hparams), jax.tree.leaves(drawn), strict=True
    ):
        assert ours.dtype == plain.dtype
    beta = np.log10(1 - np.float64(rung.hparams["inner"]["beta"]))
    assert -3.001 <= beta.min() < -2.5 < -1.5 < beta.max() <= -0.999
    assert abs(np.mean(beta) + 2) < 0.3  # half of them above 0.99
    assert set(rung.hparams["act"]) == {"relu", None, 3}
    assert set(rung.hparams["l2"]) == {np.float32(0), np.float32(0.1)}
    assert set(rung.hparams["width"]) == {8, 64}
    assert set(rung.hparams["depth"]) == {1, 2, 3, 4, 5}
    assert 16 <= rung.hparams["units"].min() and rung.hparams["units"].max() <= 128
    for name, middle in (("neurons", 31), ("filters", 64)):
        column = rung.hparams[name]
        low, high = SPACE[name].low, SPACE[name].high
        assert low <= column.min() < middle < column.max() <= high
        # Half of them lie below the middle of the log scale.
        assert abs(np.mean(column < middle) - 0.5) < 0.2
    assert set(rung.hparams["constant"]) == {0.5}
    assert set(rung.hparams["name"]) == {"adam"}


def test_the_storage_has_what_was_trained(url):
    def error(hparams):
        return np.where(hparams["rate"] > 0.3, np.nan, bowl(hparams))

    search = optuna_search(batch=32, storage=url, study_name="digits")
    rungs, errors = play(search, 48, error)
    study = optuna.load_study(storage=url, study_name="digits")
    trials = study.get_trials()
    assert [trial.number for trial in trials] == list(range(48))
    columns = {
        "rate": together(rungs, "rate"),
        "inner.one_minus_beta": 1 - np.concatenate(
            [rung.hparams["inner"]["beta"].astype(float) for rung in rungs]
        ),
        **{name: together(rungs, name)
           for name in SPACE if name not in ("inner", "rate", "constant", "name")},
    }  # fmt: skip
    states = {True: optuna.trial.TrialState.COMPLETE,
              False: optuna.trial.TrialState.FAIL}  # fmt: skip
    for i, trial in enumerate(trials):
        assert set(trial.params) == set(columns)
        assert trial.state == states[bool(np.isfinite(errors[i]))]
        assert trial.value is None or trial.value == errors[i]
        for name, column in columns.items():
            if name == "act":
                assert trial.params[name] == column[i]
            else:
                assert trial.params[name] == pytest.approx(column[i], rel=1e-4)
    assert np.isnan(errors).any() and study.best_value == np.nanmin(errors)
    distributions = optuna.distributions
    scales = trials[0].distributions
    log = scales["inner.one_minus_beta"]
    assert log.log and (log.low, log.high) == pytest.approx((0.001, 0.1))
    assert scales["rate"] == distributions.FloatDistribution(1e-4, 1.0, log=True)
    assert scales["keep"] == distributions.FloatDistribution(0.5, 1.0)
    assert scales["units"] == distributions.IntDistribution(16, 128)
    assert scales["filters"] == distributions.IntDistribution(8, 512, log=True)
    assert scales["act"].choices == ("relu", None, 3)


@pytest.mark.heavy
def test_tpe_finds_lower_errors_than_chance():
    """The mean over 3 seeds of the lowest of 64."""
    keys = [jax.random.key(seed) for seed in range(3)]
    tpe, chance = (
        np.mean([play(search, 64, key=key)[1].min() for key in keys])
        for search in (optuna_search(batch=16), random())
    )
    assert tpe < chance


def test_the_same_key_proposes_the_same_members():
    sampler = functools.partial(optuna.samplers.TPESampler, n_startup_trials=5)
    one, two, other = (
        together(play(optuna_search(sampler, batch=10), 20, key=key)[0], "rate")
        for key in (KEY, KEY, jax.random.key(1))
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).all()


@pytest.mark.parametrize(
    "sampler", [optuna.samplers.RandomSampler, optuna.samplers.NSGAIISampler]
)
def test_other_samplers_propose_as_well(sampler):
    rungs, _ = play(optuna_search(sampler, batch=16), 32)
    assert len(rungs) == 2 and len(set(together(rungs, "rate"))) == 32


def test_a_search_logs_nothing_and_leaves_the_verbosity_alone(url, monkeypatch):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    said, handler = [], logging.Handler()
    monkeypatch.setattr(handler, "emit", said.append)
    monkeypatch.setattr(logging.getLogger("optuna"), "handlers", [handler])
    play(optuna_search(storage=url), 4)
    assert not said
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"x": np.ones(4)}, "space with an array"),
        ({"x": 0.5}, "without a distribution"),
    ],
)
def test_spaces_that_leave_nothing_to_propose_are_refused(space, message):
    with pytest.raises(SpaceError, match=message):
        play(optuna_search(), 4, space=space)


@pytest.mark.parametrize("name", ["BaseSampler", "GridSampler", "PartialFixedSampler"])
def test_samplers_that_ask_for_more_than_a_seed_are_no_names(name):
    with pytest.raises(ValueError, match="expected one of .*TPESampler") as refused:
        optuna_search(name)
    assert name not in str(refused.value).partition("expected")[2]


def test_bad_settings_are_refused_before_anything_trains(url):
    with pytest.raises(SpaceError, match="batch=0"):
        optuna_search(batch=0)
    with pytest.raises(TypeError, match="RandomSampler itself"):
        optuna_search(optuna.samplers.RandomSampler())
    search = optuna_search(storage=url, study_name="digits")
    play(search, 4)
    with pytest.raises(SpaceError, match="has a study 'digits' already"):
        next(search(KEY, SPACE, 4, 3))


def test_a_storage_that_fails_at_the_end_costs_no_result(url):
    storage = optuna.storages.RDBStorage(url)
    asking = optuna_search(storage=storage)(KEY, SPACE, 4, 3)
    next(asking)
    storage.create_new_study = None
    told = {"dev_error": np.ones(4), "dev_loss": np.ones(4)}
    with pytest.warns(UserWarning, match="could not be written to Optuna's storage"):
        with pytest.raises(StopIteration):
            asking.send(told)


@pytest.mark.parametrize(("name", "library"), [("GPSampler", "torch"),
                                               ("CmaEsSampler", "cmaes")])  # fmt: skip
def test_a_library_that_a_named_sampler_lacks_is_told_before_the_training(
    name, library, monkeypatch
):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"{name}.* needs {library}; .*pip install"):
        optuna_search(name)


@pytest.mark.parametrize("name", ["BruteForceSampler", "QMCSampler", "NSGAIISampler"])
def test_a_named_sampler_is_a_search(name):
    rungs, _ = play(optuna_search(name, batch=2), 4, lambda hp: np.ones(2), space={
        "x": dl.IntUniform(1, 20)})  # fmt: skip
    assert len(rungs) == 2


def test_a_missing_optuna_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxdl-sweep\[optuna\]'"):
        optuna_search()


def test_a_sweep_on_digits(recipe, space, digits, url):
    search = optuna_search(batch=8, storage=url, study_name="digits")
    settings = {"key": KEY, "members": 16, "epochs": 2, "plan": dl.Plan(8)}
    settings |= {"search": search, "progress": False}
    result = dl.sweep(recipe, space, digits, **settings)
    assert [len(rung.members) for rung in result.rungs] == [8, 8]
    assert (result.status == Status.FINISHED).all()
    study = optuna.load_study(storage=url, study_name="digits")
    errors = [trial.value for trial in study.get_trials()]
    np.testing.assert_array_equal(errors, result.final()["dev_error"])
    assert study.best_trial.number == int(np.argmin(errors))
    assert study.best_params["one_minus_beta1"] == pytest.approx(
        1 - result.hparams.beta1[study.best_trial.number], rel=1e-4
    )


def test_only_the_chosen_option_is_proposed(url):
    either = dl.Either({"adam": {"rate": dl.LogUniform(1e-3, 1)}, "sgd": {}})

    def error(hparams):
        chosen = hparams["e"].name == "adam"
        return np.where(chosen, hparams["e"].options["adam"]["rate"], 0.5)

    search = optuna_search(batch=8, storage=url, study_name="either")
    rungs, errors = play(search, 24, error, space={"e": either})
    names = np.concatenate([rung.hparams["e"].name for rung in rungs])
    trials = optuna.load_study(storage=url, study_name="either").get_trials()
    for trial, name, value in zip(trials, names, errors, strict=True):
        assert trial.params["e.name"] == name
        assert ("e.adam.rate" in trial.params) == (name == "adam")
        assert trial.value == value


@pytest.mark.parametrize("url", ["sqlite:////nonexistent/o.db", "foo://bar", "://"])
def test_a_storage_that_cannot_be_opened_is_refused_before_the_training(url):
    search = optuna_search("RandomSampler", storage=url, study_name="a")
    with pytest.raises(
        SpaceError, match="which Optuna cannot open .*expected"
    ) as found:
        next(search(KEY, SPACE, 4, 3))
    assert len(str(found.value).splitlines()) == 1
