"""Importances against functions whose shares of the variance are known."""

import sys

import jax
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import KFold

import jaxdl as dl
from jaxdl.diagnose import expected_rank, importance

SPACE = {
    "rate": dl.LogUniform(1e-4, 1.0),
    "beta": dl.OneMinusLogUniform(0.9, 0.999),
    "keep": dl.Uniform(0.0, 1.0),
    "act": dl.Static(["relu", "tanh", None, 3]),
    "units": dl.IntUniform(1, 40),
    "constant": 0.5,
}


@pytest.fixture(scope="module")
def drawn():
    return dl.sample(jax.random.key(0), SPACE, 512)


def parts(drawn):
    """Returns terms of variance 1/12 each, about."""
    return {
        "rate": np.log10(drawn["rate"]) / 4,
        "beta": np.log10(1 - drawn["beta"]) / 2,
        "keep": drawn["keep"],
        "act": np.where(drawn["act"] == "tanh", 2 / 3, 0),  # 4/9 · 1/4 · 3/4
        "units": drawn["units"] / 40,
    }


def score(drawn, weights):
    terms = parts(drawn)
    return sum(weight * terms[name] for name, weight in weights.items())


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"beta": 1, "act": 1}, {"beta": 0.5, "act": 0.5}),
        ({"units": 2, "rate": 2, "keep": 1}, {"units": 4 / 9, "rate": 4 / 9,
                                              "keep": 1 / 9}),
        pytest.param({"rate": 3, "keep": -1}, {"rate": 0.9, "keep": 0.1},
                     marks=pytest.mark.heavy),
        pytest.param({"act": -1}, {"act": 1}, marks=pytest.mark.heavy),
    ],
)  # fmt: skip
def test_shares_equal_those_of_the_variance(drawn, weights, expected):
    found = importance(drawn, score(drawn, weights))
    assert set(found.shares) == set(SPACE) - {"constant"}
    assert list(found.shares.values()) == sorted(found.shares.values(), reverse=True)
    assert sum(found.shares.values()) == pytest.approx(1)
    for name, share in found.shares.items():
        assert share == pytest.approx(expected.get(name, 0), abs=0.05)
    assert 0.9 < found.explained <= 1


def test_shares_are_those_of_scikit_learns_own_shuffles(drawn, monkeypatch):
    """It shuffles column by column; so many times that chance is small in both."""
    monkeypatch.setattr(sys.modules[importance.__module__], "SHUFFLES", 100)
    few = {name: drawn[name][:60] for name in ("keep", "rate", "units")}
    scores = np.log10(few["rate"]) / 2 + few["keep"] * (1 + few["units"] / 40)
    table = np.stack([np.argsort(np.argsort(c)) for c in few.values()], axis=1)
    increases = np.zeros(3)
    for seen, rest in KFold(5, shuffle=True, random_state=0).split(table):
        trees = ExtraTreesRegressor(50, random_state=0).fit(table[seen], scores[seen])
        given = trees, table[rest], scores[rest]
        kind = {"scoring": "neg_mean_squared_error", "n_repeats": 100}
        found = permutation_importance(*given, **kind, random_state=1)
        increases += len(rest) / 60 * found.importances_mean
    expected = np.maximum(increases, 0) / np.maximum(increases, 0).sum()
    shares = importance(few, scores).shares
    for name, share in zip(few, expected, strict=True):
        assert shares[name] == pytest.approx(share, abs=0.01)


def test_a_joint_effect_counts_for_each_hyperparameter(drawn):
    terms = parts(drawn)
    found = importance(drawn, (terms["keep"] - 0.5) * (terms["rate"] + 0.5))
    assert found.shares["keep"] == pytest.approx(0.5, abs=0.1)
    assert found.shares["rate"] == pytest.approx(0.5, abs=0.1)


def test_noise_is_not_explained(drawn):
    noise = np.random.default_rng(0).normal(size=512) / np.sqrt(12)
    assert importance(drawn, noise).explained < 0.1
    half = importance(drawn, score(drawn, {"rate": 1}) + noise)
    assert 0.3 < half.explained < 0.6
    assert half.shares["rate"] > 0.9


@pytest.mark.heavy
def test_the_standard_error_is_about_the_spread_of_shares_of_other_members(drawn):
    noise = np.random.default_rng(1).normal(size=512) / np.sqrt(12)
    scores = score(drawn, {"rate": 1, "keep": 1}) + noise
    parts = [
        importance({n: c[rows] for n, c in drawn.items()}, scores[rows])
        for rows in np.array_split(np.arange(512), 6)
    ]
    apart = np.std([part.shares["rate"] for part in parts], ddof=1)
    expected = np.mean([part.errors["rate"] for part in parts])
    assert apart / 3 < expected < 3 * apart
    assert [*parts[0].errors] == [*parts[0].shares]
    alone = importance(drawn, score(drawn, {"rate": 1}))
    assert 0 <= alone.errors["rate"] < expected / 3


def test_a_diverged_member_counts_as_the_worst(drawn):
    scores = np.where(drawn["rate"] > 0.1, 1, 0.1 * drawn["keep"])
    diverged = np.where(drawn["rate"] > 0.1, np.nan, scores)
    diverged[np.flatnonzero(np.isnan(diverged))[0]] = 1
    assert importance(drawn, diverged) == importance(drawn, scores)
    assert importance(drawn, scores).shares["rate"] > 0.9


@pytest.mark.heavy
def test_the_scale_of_a_range_does_not_matter(drawn):
    scores = score(drawn, {"rate": 1, "keep": 1})
    moved = drawn | {"rate": np.log10(drawn["rate"])}
    assert importance(moved, scores) == importance(drawn, scores)


def test_a_hyperparameter_that_does_not_always_apply_counts_where_it_does(drawn):
    relu = drawn["act"] == "relu"
    inner = np.where(relu, drawn["keep"], np.nan)
    found = importance(drawn | {"keep": inner}, np.where(relu, drawn["keep"], 0.5))
    assert found.shares["keep"] > 0.8
    size = drawn["units"].astype(object)
    size[~relu] = np.nan
    whole = importance({"units": size, "keep": drawn["keep"]}, drawn["keep"])
    assert whole.shares["keep"] > 0.95


def test_an_option_that_nobody_chose_has_no_share(drawn):
    never = np.full(512, np.nan)
    found = importance({"keep": drawn["keep"], "never": never}, drawn["keep"])
    assert found.shares == {"keep": 1}


@pytest.mark.parametrize(
    ("hparams", "scores", "message"),
    [
        ({"x": np.arange(29.0)}, np.arange(29.0), "29 finite scores; expected at lea"),
        ({"x": np.arange(40.0)}, np.append(np.ones(29), [np.nan] * 11), "29 finite"),
        ({"x": np.arange(40.0)}, np.arange(41.0), "41 scores for hyperparameters of"),
        ({"x": np.ones(40)}, np.arange(40.0), "hyperparameters that are all the same"),
        ({"x": np.arange(40.0)}, np.ones(40), "scores that are all the same"),
    ],
)
def test_too_few_or_equal_scores_are_refused(hparams, scores, message):
    with pytest.raises(ValueError, match=message):
        importance(hparams, scores)


def test_an_error_names_the_missing_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxdl-sweep\[sklearn\]'"):
        importance({"x": np.arange(40.0)}, np.arange(40.0))


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("learning_rate", 1), ("optimizer.adam.learning_rate", 1), ("momentum", 2),
        ("units", 2), ("batch_size", 2), ("layers", 3), ("decay_rate", 3),
        ("beta1", 4), ("eps", 4), ("keep_prob", None), ("l2", None),
    ],
)  # fmt: skip
def test_the_courses_order(name, rank):
    assert expected_rank(name) == rank
