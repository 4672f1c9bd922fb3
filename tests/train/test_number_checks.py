"""Traced numbers without a meaning are refused before anything is traced."""

import re

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.experiment import check
from jaxdl.sweeps import more_data
from jaxdl.train import RecipeError, facts_of
from jaxdl.train.number_checks import check_numbers
from jaxdl.train.structure import partition

SOUND = {"rate": 0.01, "beta": 0.9, "keep": 0.8}
WRONG = [
    ({"keep": 1.5}, "dropout got keep_prob=1.5; expected a probability to keep"),
    ({"keep": 0.0}, "dropout got keep_prob=0.0"),
    ({"beta": 2.0}, "momentum got beta=2.0"),
    ({"rate": -1.0}, "momentum got learning_rate=-1.0"),
]


def recipe(hp):
    model = nn.serial(nn.dropout(hp["keep"]), nn.dense(10))
    tx = optim.momentum(hp["rate"], beta=hp["beta"])
    return dl.Recipe(model, tx, nn.softmax_cross_entropy)


@pytest.fixture(autouse=True)
def nothing_is_traced(monkeypatch):
    def refuse(*_):
        raise AssertionError("traced before the error")

    for who in ("train.outline", "engine.bounds"):
        monkeypatch.setattr(f"jaxdl.{who}.trace", refuse)


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_a_training_of_one_refuses_them(digits, wrong, words, tmp_path):
    for place in ({}, {"run_dir": tmp_path / "run"}):
        with pytest.raises(RecipeError, match=re.escape(words)) as error:
            dl.fit(recipe, SOUND | wrong, digits, key=0, epochs=1, **place)
        assert f"{__file__}, line " in str(error.value)
        ((name, number),) = wrong.items()
        assert "The hyperparameters are beta=" in str(error.value)
        assert f"{name}={number:g}" in str(error.value)


def test_more_data_and_check_refuse_them(digits):
    hp = SOUND | {"keep": 1.5}
    with pytest.raises(RecipeError, match="dropout got keep_prob=1.5"):
        more_data(recipe, hp, digits, key=0, epochs=1)
    found = [f.text for f in check(recipe, hp, digits, key=0) if not f.healthy]
    assert len(found) == 1 and "dropout got keep_prob=1.5" in found[0]


@pytest.mark.parametrize(
    "leaf",
    [-1.0, np.array([0.1, 0.2, -1.0, 0.1]), dl.Choice([-1.0]), dl.Choice([0.1, -1.0])],
)
def test_a_sweep_refuses_the_least_and_the_greatest_that_it_draws(digits, leaf):
    space = SOUND | {"keep": dl.Uniform(0.5, 1), "rate": leaf}
    settings = {"key": 0, "members": 4, "epochs": 1, "progress": False}
    with pytest.raises(RecipeError, match=r"learning_rate=-1\.0; expected"):
        dl.sweep(recipe, space, digits, **settings)
    space["rate"], space["keep"] = 0.1, np.array([1, 0.5, 1.5, 1])
    with pytest.raises(RecipeError, match=r"keep_prob=1\.5; expected"):
        dl.sweep(recipe, space, digits, **settings)


def test_what_is_not_finite_and_other_errors_are_left_to_the_trace(digits):
    def fails(hp):
        raise ValueError("of another kind")

    facts = facts_of(digits, 1)
    check_numbers(recipe, *partition(SOUND | {"rate": np.nan}), facts)
    check_numbers(fails, *partition(SOUND), facts)
    check_numbers("no function", *partition(SOUND), facts)


def test_a_recipe_may_compute_with_its_numbers_and_its_facts(digits):
    """Nothing is compiled, and what the facts were read for is not noted."""

    def computes(hp, facts):
        weights = 1 / facts.class_counts
        keep = 1 - 10.0 ** -hp["digits"]
        return recipe(hp | {"keep": keep, "rate": 0.1 * facts.epochs * weights.max()})

    facts = facts_of(digits, 1)
    check_numbers(computes, *partition(SOUND | {"digits": 1.0}), facts)
    assert not facts.read
    with pytest.raises(RecipeError, match="dropout got keep_prob=-9.0"):
        check_numbers(computes, *partition(SOUND | {"digits": -1.0}), facts)
