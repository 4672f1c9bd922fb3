"""A sweep with traced choices: one program, and names wherever people look."""

import csv
import json

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.nn import OneOf
from jaxdl.plain import to_json
from jaxdl.sweeps.summary import importance_of, summarize
from tests.sweeps.kept import (
    assert_same_member,
    assert_same_result,
    cut_after,
    small,
    sweep,
)

ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh}
SPACE = {
    "act": dl.Among(ACTIVATIONS),
    "norm": dl.Among([True, False]),
    "optimizer": dl.Among(["plain", "momentum"]),
    "rate": dl.LogUniform(1e-3, 1e-1),
}


def recipe(hp):
    rate = hp["rate"]
    rates = {"plain": optim.gradient_descent(rate), "momentum": optim.momentum(rate)}
    return dl.Recipe(
        nn.serial(
            nn.maybe(hp["norm"], nn.batch_norm()), nn.dense(4),
            nn.among(hp["act"], ACTIVATIONS), nn.dense(10),
        ),
        optim.among(hp["optimizer"], rates),
        nn.softmax_cross_entropy,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(digits):
    return sweep(recipe, SPACE, digits, members=8)


def test_all_choices_share_one_program(whole, digits, compilations):
    sweep(recipe, SPACE, digits, members=8, epochs=1)
    assert compilations == [1]
    seen = {name: {*column} for name, column in whole.hparams.items() if name != "rate"}
    assert len(seen["act"]) > 1 and seen["norm"] == {True, False}


@pytest.mark.heavy
def test_a_member_is_trained_as_the_plain_model_of_its_choice(whole, digits):
    """`fit` trains member 0, from its own hyperparameters and from their names."""
    member = whole.member(0)
    assert {type(member.hparams[n]) for n in SPACE if n != "rate"} == {OneOf}
    named = {name: column[0] for name, column in whole.hparams.items()}
    assert named == member.hparams
    for hparams in (member.hparams, named):
        again = dl.fit(recipe, hparams, digits, key=0, epochs=4, progress=False)
        for name in ("train_loss", "dev_loss"):
            ours, theirs = again.metrics[name], member.metrics[name]
            np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_results_and_files_show_names(whole, digits, tmp_path):
    names, rows = whole.rows(3)
    best = dict(zip(names, rows[0], strict=True))
    assert best["act"] in ACTIVATIONS and type(best["norm"]) is bool
    summary = json.loads(json.dumps(to_json(summarize(whole, digits))))
    assert summary["table"][0]["hparams"]["act"] == best["act"]
    path = dl.interop.table(whole, tmp_path / "all.csv")
    cells = [*csv.DictReader(path.read_text().splitlines())]
    assert [c["hparams.act"] for c in cells] == whole.hparams["act"].tolist()
    assert {c["hparams.norm"] for c in cells} == {"True", "False"}


def test_importance_takes_it_for_a_category(digits):
    pytest.importorskip("sklearn")
    many = sweep(recipe, SPACE, digits, members=32, epochs=1)
    assert {*importance_of(many).shares} == {*SPACE}


def test_a_run_is_resumed_loaded_and_replayed_to_the_bit(whole, digits, tmp_path):
    with cut_after(2):
        sweep(recipe, SPACE, digits, members=8, run_dir=tmp_path)
    resumed = sweep(recipe, SPACE, digits, members=8, run_dir=tmp_path)
    assert_same_result(resumed, whole)
    assert_same_member(dl.load_member(tmp_path, recipe, 5), whole.member(5))
    loaded = dl.sweeps.read_result(tmp_path, recipe)
    assert loaded.task.space == SPACE
    assert loaded.member(5).hparams["act"] == whole.hparams["act"][5]
    assert_same_member(dl.replay(whole, recipe, digits, 5), whole.member(5))
    inputs = digits.test.inputs[:9]
    ours, theirs = (r.member(5).predict(inputs) for r in (loaded, whole))
    np.testing.assert_array_equal(ours, theirs)


def test_pbt_explores_it_and_a_member_trains_on_with_its_new_choice(digits):
    search = dl.pbt(1, share=0.5, step=0.9)
    result = sweep(recipe, SPACE, digits, members=8, search=search)
    first, *_, last = (rung.hparams["act"] for rung in result.rungs)
    assert (first != last).any() and {*last} <= {*ACTIVATIONS}
    assert {*map(type, last)} == {str}
    assert np.isfinite(result.final()["dev_loss"]).all()


@pytest.mark.heavy
def test_inside_either_it_is_traced_and_blank_elsewhere(digits):
    space = {
        "body": dl.Either({"one": {"act": SPACE["act"]}, "none": {}}),
        "rate": SPACE["rate"],
    }

    def either(hp):
        model = nn.dense(10)
        if hp["body"].name == "one":
            model = nn.among(hp["body"].values["act"], ACTIVATIONS)
            model = nn.serial(model, nn.dense(10))
        return small(hp)._replace(model=model)

    result = sweep(either, space, digits, members=8)
    body = result.hparams["body"]
    column = body.options["one"]["act"]
    absent = [isinstance(value, float) and np.isnan(value) for value in column]
    assert absent == (body.name == "none").tolist() and 0 < sum(absent) < 8
    one = int(np.flatnonzero(body.name == "one")[0])
    assert result.member(one).hparams["body"].values["act"] == column[one]


def test_a_grid_and_optuna_s_samplers_choose_it(digits):
    grid = sweep(recipe, SPACE, digits, members=16, epochs=1, search=dl.grid_search(2))
    rows = zip(*(grid.hparams[n] for n in ("act", "norm", "optimizer")), strict=True)
    assert len({*rows}) == 8
    pytest.importorskip("optuna")
    search = dl.interop.optuna_search("RandomSampler", batch=4)
    found = sweep(recipe, SPACE, digits, members=8, epochs=1, search=search)
    assert {*found.hparams["act"]} <= {*ACTIVATIONS}


@pytest.mark.heavy
def test_an_export_has_the_chosen_option_alone(digits, tmp_path):
    load = pytest.importorskip("safetensors.numpy").load_file
    layers = {"plain": nn.dense(4), "bent": nn.serial(nn.dense(4), nn.relu)}

    def choosing(hp):
        model = nn.serial(nn.among(hp["body"], layers), nn.dense(10))
        return small({"rate": 0.01})._replace(model=model)

    hparams = {"body": OneOf(0, ("plain", "bent"))}
    member = dl.fit(choosing, hparams, digits, key=0, epochs=1, progress=False)
    weights, described = dl.interop.export(member, tmp_path / "one")
    assert {n for n in load(weights) if n.startswith("params")} == {
        "params.0.plain.kernel", "params.0.plain.bias", "params.1.kernel",
        "params.1.bias",
    }  # fmt: skip
    known = json.loads(described.read_text())
    assert known["hyperparameters"] == {"body": "plain"}
    first = known["architecture"]["parts"][0]
    assert (first["layer"], first["which"]) == ("among", "plain")
    assert first["options"] == ["plain", "bent"]
    assert [part["layer"] for part in first["parts"]] == ["dense", "serial"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda hp: hp["act"] == "relu", r"recipe.*got a choice among .*nn\.among"),
        (lambda hp: ACTIVATIONS[hp["act"]], r"Static\(\[\.\.\.\]\)"),
        (
            lambda hp: nn.among(hp["act"], {"relu": nn.relu}),
            r"without \['tanh'",
        ),
    ],
)
def test_a_choice_that_is_misused_is_refused_before_anything_compiles(
    change, message, digits, compilations
):
    def wrong(hp):
        change(hp)
        return recipe(hp)

    with pytest.raises(dl.train.RecipeError, match=f"(?s){message}"):
        sweep(wrong, SPACE, digits)
    assert compilations == []


def test_bits_of_a_member_do_not_depend_on_its_neighbours(whole, digits):
    fewer = sweep(recipe, SPACE, digits, members=3, plan=dl.Plan(2))
    for i in range(3):
        assert_same_member(fewer.member(i), whole.member(i))
    for i in range(8):
        chex.assert_tree_all_finite(jax.tree.leaves(whole.member(i).params))
