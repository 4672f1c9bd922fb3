"""The score that ranks models, and the names that a metric may have."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.train import RecipeError
from jaxdl.train.recipe import build
from jaxdl.train.score import curve_of, curves, objectives, score, words


def built(**changes):
    def recipe(hp):
        adam = optim.adam(hp)
        return dl.Recipe(nn.dense(2), adam, nn.softmax_cross_entropy, **changes)

    return build(recipe, 0.1)


@pytest.mark.parametrize(
    ("rank_by", "expected"),
    [("error", 0.1), ("loss", 0.4), ("-auc", -0.9), ("auc", 0.9), ("-error", -0.1)],
)
def test_a_lower_score_is_better(rank_by, expected):
    metrics = {"dev_error": 0.1, "dev_loss": 0.4, "dev_auc": 0.9, "train_loss": 7}
    assert score(metrics, rank_by) == expected


def test_a_score_that_is_not_a_number_stays_so():
    assert np.isnan(score({"dev_auc": np.nan}, "-auc"))


def test_curves_are_sorted_and_named_after_the_dev_set():
    assert curves(()) == ("dev_error", "dev_loss", "train_error", "train_loss")
    assert curves(("f1", "auc")) == (
        "dev_auc", "dev_error", "dev_f1", "dev_loss", "train_error", "train_loss"
    )  # fmt: skip
    assert words(curve_of("-macro_f1")) == "dev macro f1"


def test_a_recipe_has_no_metrics_and_ranks_by_the_error():
    assert (dict(built().metrics), built().rank_by) == ({}, "error")
    own = built(metrics={"r2": train.r2, "auc": train.auc}, rank_by="-r2")
    assert ([*own.metrics], own.rank_by) == (["auc", "r2"], "-r2")


@pytest.mark.parametrize(
    "name",
    ["loss", "error", "parameters", "status", "member", "train_f1", "dev_f1", "AUC",
     "a-b", "-auc", "", "1st", "f" * 61, "fläche", 3],
)  # fmt: skip
def test_a_name_that_cannot_be_a_column_is_refused(name):
    with pytest.raises(RecipeError, match="a metric named .*expected 1 to 60 small"):
        built(metrics={name: train.auc})


@pytest.mark.parametrize("metrics", [None, [train.auc], {"auc": 0.9}])
def test_what_is_no_metric_is_refused(metrics):
    with pytest.raises(RecipeError, match="expected functions by name"):
        built(metrics=metrics)


@pytest.mark.parametrize("rank_by", ["f1", "--auc", "dev_auc", "", None])
def test_what_cannot_rank_is_refused_with_the_names(rank_by):
    with pytest.raises(RecipeError, match="rank_by=.*one of error, loss, auc, r2, par"):
        built(metrics={"auc": train.auc, "r2": train.r2}, rank_by=rank_by)


def test_several_objectives_are_a_tuple_and_one_is_a_text():
    assert built(rank_by=["error", "parameters"]).rank_by == ("error", "parameters")
    assert built(rank_by=("loss",)).rank_by == "loss"
    assert curve_of(("-auc", "parameters")) == "dev_auc"
    found = objectives(
        {"dev_auc": np.array([0.5, 0.9]), "parameters": np.array([7, 8])},
        ("-auc", "parameters"),
    )
    np.testing.assert_array_equal(found["objectives"], [[-0.5, 7], [-0.9, 8]])
    assert objectives({"dev_error": np.zeros(2)}, "error") == {}


@pytest.mark.parametrize(
    "rank_by",
    ["parameters", ("parameters", "error"), ("error", "-error"), ("loss", "loss")],
)
def test_objectives_that_make_no_sense_are_refused(rank_by):
    with pytest.raises(RecipeError, match="different objectives, of which the first"):
        built(rank_by=rank_by)


@pytest.mark.parametrize("rank_by", [(), ("error", "speed"), ("error", 3)])
def test_unknown_objectives_are_refused_with_the_names(rank_by):
    with pytest.raises(RecipeError, match=r"one of error, loss, parameters, .*several"):
        built(rank_by=rank_by)
