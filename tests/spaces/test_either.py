"""Options with hyperparameters of their own: drawn, grouped, searched and shown."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.spaces import SpaceError
from jaxdl.spaces.structures import structures
from jaxdl.train import Status
from jaxdl.train.structure import combine, flatten
from tests.engine.training import blocks_of, make_task

KEY = jax.random.key(0)


class Hparams(NamedTuple):
    optimizer: Any
    l2: float
    batch_size: int


OPTIMIZER = {
    "adam": {
        "rate": dl.LogUniform(1e-3, 1e-1),
        "beta1": dl.OneMinusLogUniform(0.8, 0.99),
        "kind": dl.Static(["plain", "decoupled"]),
    },
    "descent": {"rate": dl.LogUniform(1e-2, 1.0), "power": dl.IntUniform(1, 4)},
    "fixed": {},
}
SPACE = Hparams(dl.Either(OPTIMIZER), dl.LogUniform(1e-3, 1.0), 64)
NAMES = (
    "optimizer.name", "optimizer.adam.beta1", "optimizer.adam.kind",
    "optimizer.adam.rate", "optimizer.descent.power", "optimizer.descent.rate",
    "l2", "batch_size",
)  # fmt: skip


def make_optimizer(chosen):
    values = chosen.values
    if chosen.name == "adam":
        assert set(values) == {"rate", "beta1", "kind"}
        return optim.adam(values["rate"], beta1=values["beta1"])
    if chosen.name == "descent":
        assert set(values) == {"rate", "power"}
        return optim.gradient_descent(values["rate"] / values["power"])
    assert values == {}
    return optim.gradient_descent(0.1)


def recipe(hp):
    return dl.Recipe(
        model=nn.dense(10),
        optimizer=make_optimizer(hp.optimizer),
        loss=nn.softmax_cross_entropy,
        penalty=nn.l2(hp.l2),
        batch_size=hp.batch_size,
    )


def sweep(data, members=24, epochs=2, space=SPACE, **settings):
    settings |= {"key": KEY, "progress": False}
    return dl.sweep(recipe, space, data, members=members, epochs=epochs, **settings)


@pytest.fixture(scope="module")
def result(digits):
    return sweep(digits)


def test_leaves_are_named_by_option():
    assert flatten(SPACE)[0] == NAMES
    one = Hparams(dl.Chosen("adam", {"rate": 0.1, "beta1": 0.9}), 0.1, 64)
    assert flatten(one)[0] == (
        "optimizer.name", "optimizer.adam.beta1", "optimizer.adam.rate", "l2",
        "batch_size",
    )  # fmt: skip


def test_options_are_alike_and_draws_keep_their_own_keys():
    drawn = dl.sample(KEY, SPACE, 3000)
    names, counts = np.unique(drawn.optimizer.name.astype(str), return_counts=True)
    assert names.tolist() == ["adam", "descent", "fixed"]
    assert abs(counts - 1000).max() < 120
    fewer = dl.Either({"adam": {"rate": OPTIMIZER["adam"]["rate"]}})
    alone = dl.sample(KEY, SPACE._replace(optimizer=fewer), 3000)
    np.testing.assert_array_equal(
        alone.optimizer.options["adam"]["rate"], drawn.optimizer.options["adam"]["rate"]
    )
    np.testing.assert_array_equal(alone.l2, drawn.l2)


def test_members_of_an_option_are_a_group_that_knows_of_no_other():
    drawn = dl.sample(KEY, SPACE, 200)
    task = make_task(recipe, SPACE, members=200, plan=dl.Plan(200))
    found = blocks_of(task, drawn, np.arange(200))
    # adam by its two kinds, descent, fixed
    assert len(found) == 4
    assert {g.structure for g in found} == set(structures(SPACE, 4))
    ids = np.sort(np.concatenate([group.members for group in found]))
    np.testing.assert_array_equal(ids, np.arange(200))
    for group in found:
        option = group.structure.values[0]
        assert (drawn.optimizer.name[group.members] == option).all()
        own = {n for n in NAMES if n.startswith(f"optimizer.{option}.")}
        assert set(group.structure.names) == own | {NAMES[0], "l2", "batch_size"}
        static = {"optimizer.name", "optimizer.adam.kind", "batch_size"}
        assert set(group.traced) == set(group.structure.names) - static
        hp = combine(group.traced, group.structure)
        assert isinstance(hp.optimizer, dl.Chosen) and hp.optimizer.name == option


def test_results_are_empty_where_an_option_was_not_chosen(result):
    name, options = result.hparams.optimizer.name, result.hparams.optimizer.options
    drawn = dl.sample(KEY, SPACE, 24).optimizer
    assert set(name) == set(OPTIMIZER)
    for option, values in options.items():
        for leaf, column in values.items():
            chosen = name == option
            assert column[chosen].tolist() == (
                drawn.options[option][leaf][chosen].tolist()
            )
            assert all(np.isnan(x) for x in column[~chosen])
    columns, rows = result.rows()
    place = columns.index("optimizer.adam.rate")
    for row in rows:
        assert np.isnan(row[place]) == (name[row[0]] != "adam")
    assert " -" in result.table() and "optimizer.descent.power" in result.table()


def test_a_member_has_what_was_chosen_alone_and_can_be_trained_again(result, digits):
    for option in OPTIMIZER:
        i = int(np.flatnonzero(result.hparams.optimizer.name == option)[0])
        member = result.member(i)
        assert member.hparams.optimizer.name == option
        assert set(member.hparams.optimizer.values) == set(OPTIMIZER[option])
        dev_error = member.evaluate(digits.dev)["error"]
        assert dev_error == pytest.approx(member.metrics["dev_error"][-1], abs=1e-6)
    settings = {"key": KEY, "epochs": 2, "progress": False}
    member = result.member(0)
    again = dl.fit(recipe, member.hparams, digits, **settings)
    assert again.metrics["dev_loss"] == pytest.approx(
        member.metrics["dev_loss"], rel=1e-3
    )


def test_the_best_options_are_kept_and_their_ranges_narrowed():
    drawn = dl.sample(KEY, SPACE, 300)
    name, rate = drawn.optimizer.name, drawn.optimizer.options["adam"]["rate"]
    far = np.abs(np.log10(rate) + 2)
    narrow = dl.refine(SPACE, drawn, np.where(name == "adam", far, 9.0), 20)
    assert narrow.optimizer.name.options == ("adam",)
    left = narrow.optimizer.options
    assert 3e-3 < left["adam"]["rate"].low < 0.01 < left["adam"]["rate"].high < 0.03
    assert left["descent"] == OPTIMIZER["descent"]
    again = dl.sample(KEY, narrow, 50)
    assert set(again.optimizer.name) == {"adam"}
    found = blocks_of(make_task(recipe, SPACE, members=50), again, np.arange(50))
    assert {g.structure for g in found} <= set(structures(SPACE, 4))


def test_columns_of_a_result_can_be_refined(result):
    narrow = dl.refine(SPACE, result.hparams, result.final()["dev_error"], 12)
    kept = result.hparams.optimizer.name[result.ranking()[:12]]
    assert set(narrow.optimizer.name.options) == set(kept)


def test_a_grid_has_the_combinations_of_each_option():
    laid = dl.grid(SPACE, 2)
    # rate, beta and kind of adam; rate and power of descent; all with l2
    rows = {"adam": 2 * 2 * 2 * 2, "descent": 2 * 2 * 2, "fixed": 2}
    names = laid.optimizer.name.tolist()
    assert {option: names.count(option) for option in rows} == rows
    drawn = dl.sample(KEY, laid, 26)
    seen = {
        str(choice) for choice in (
            dl.spaces.either.choose(jax.tree.map(lambda c, i=i: c[i], drawn))
            for i in range(26)
        )
    }  # fmt: skip
    assert len(seen) == 26


@pytest.mark.heavy
def test_options_may_hold_options(digits):
    inner = dl.Either({"low": {"rate": dl.Uniform(0.01, 0.1)}, "high": {"rate": 0.5}})
    space = {"outer": dl.Either({"a": inner, "b": {}}), "n": 32}

    def nested(hp):
        rate = 0.1
        if hp["outer"].name == "a":
            rate = hp["outer"].values.values["rate"]
        return recipe(Hparams(dl.Chosen("fixed", {}), 0.1, hp["n"]))._replace(
            optimizer=optim.gradient_descent(rate)
        )

    settings = {"key": KEY, "progress": False, "members": 24, "epochs": 1}
    found = dl.sweep(nested, space, digits, **settings)
    outer = found.hparams["outer"]
    deep = outer.options["a"]
    for i in range(24):
        whole = outer.name[i] == "a"
        assert whole == isinstance(deep.name[i], str)
        low = whole and deep.name[i] == "low"
        assert low == (not np.isnan(deep.options["low"]["rate"][i]))
    assert (found.status == Status.FINISHED).all()


SOBOL = dl.sobol()


@pytest.mark.parametrize(
    "search",
    [
        pytest.param(SOBOL, marks=pytest.mark.heavy),
        pytest.param(dl.halving(2), marks=pytest.mark.heavy),
        dl.pbt(1),
        pytest.param(dl.refinement(2, keep=4), marks=pytest.mark.heavy),
    ],
)
def test_searches_train_options(search, digits):
    found = sweep(digits, members=16, epochs=2, search=search)
    assert found.best().metrics["dev_error"].min() < 0.5
    assert set(found.hparams.optimizer.name) <= set(OPTIMIZER)
    if search is SOBOL:
        assert set(found.hparams.optimizer.name) == set(OPTIMIZER)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected spaces by name, at least one"),
        (["adam", "sgd"], "expected spaces by name"),
        ({1: {}}, "the option 1; expected a str"),
        ({"": {}}, "the option ''"),
        ({"name": {}}, "which names the choice itself"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(SpaceError, match=message):
        dl.Either(options)
