"""The specification: what it names, and the task that it gives back."""

import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine.kind import kind_here
from jaxdl.engine.task import Task, check_task
from jaxdl.searches import random
from jaxdl.spaces import SpaceError
from jaxdl.sweeps.specification import MOST_VALUES, specify, task_of
from tests.engine.training import known, outlines_of
from tests.sweeps.kept import KEY, SPACE, in_rungs, small, sweep

PARTS = {
    "members", "epochs", "patience", "repeats", "folds", "search", "space", "traced",
    "metrics", "key", "plan", "precision", "programs", "data", "shapes", "device",
    "versions", "flags", "threads", "about",
}  # fmt: skip


@pytest.fixture(scope="module")
def task(digits):
    task = Task(
        small, SPACE, digits, KEY, 6, 4, dl.halving(2), patience=2, repeats=3,
        folds=None, plan=dl.Plan(8),
    )  # fmt: skip
    return known(check_task(task), digits)


@pytest.fixture
def specification(task, digits):
    return specified(task, digits)


def specified(task, digits):
    rung = next(task.search(task.key, task.space, task.members, task.epochs))
    outlines = outlines_of(task, rung.hparams, digits)
    return specify(task, outlines, rung, digits, kind_here())


def test_it_names_everything_that_the_bits_depend_on(specification):
    assert specification.keys() == PARTS
    assert json.loads(json.dumps(specification, allow_nan=False)) == specification
    expected = {
        "members": 6, "epochs": 4, "patience": 2, "repeats": 3, "folds": None,
        "search": "halving", "space": {"dict": [["rate", {"LogUniform": [1e-3, 0.1]}]]},
        "traced": {"rate": "float32"}, "key": [0, 0],
        "plan": {"block_width": 8, "order": "own"},
        "shapes": [[[1078, 64], "float32"], [[1078], "int32"], None],
    }  # fmt: skip
    assert {name: specification[name] for name in expected} == expected
    assert [*specification["versions"]] == ["jax", "jaxlib", "jaxdl"]


def test_the_task_comes_back_without_its_data_and_search(task, specification):
    again = task_of(json.loads(json.dumps(specification)), small, None)
    assert (jax.random.key_data(again.key) == jax.random.key_data(KEY)).all()
    assert [v.facts.num_examples for v in again.variants] == [1078] * 3
    bare = {"data": None, "search": None, "variants": ()}
    assert again._replace(key=KEY, variants=()) == task._replace(**bare)


@pytest.mark.parametrize(
    ("search", "name"),
    [
        (dl.halving(2), "halving"),
        (random(), "random"),
        (dl.sobol(), "sobol"),
        (dl.grid_search(6), "grid_search"),
        (in_rungs, "in_rungs"),
    ],
)
def test_a_search_is_named_for_the_function_that_made_it(search, name, task, digits):
    assert specified(task._replace(search=search), digits)["search"] == name


@pytest.mark.parametrize(
    "changes",
    [
        {"space": {"rate": dl.LogUniform(1e-3, 0.2)}},
        {"space": {"rate": np.geomspace(1e-3, 1e-1, 6)}},
        {"key": jax.random.key(1)},
        {"recipe": lambda hp: small(hp)._replace(batch_size=32)},
    ],
    ids=["space", "array", "key", "program"],
)
def test_another_task_has_another_specification(changes, task, specification, digits):
    changed = specified(task._replace(search=random(), **changes), digits)
    different = {name for name in PARTS if changed[name] != specification[name]}
    (name,) = changes
    assert different == {"search", {"recipe": "programs"}.get(name, name)}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("members", 0), ("epochs", -1), ("repeats", 0), ("plan", {"block_width": 0}),
        ("plan", None), ("plan", {}), ("plan", {"block_width": None}),
        ("plan", {"block_width": 8, "order": "mine"}), ("key", [1]), ("key", "x"),
        ("members", MOST_VALUES), ("members", None), ("space", {"LogUniform": 3}),
    ],
    ids=str,
)  # fmt: skip
def test_a_specification_that_no_sweep_has_is_refused(part, value, specification):
    with pytest.raises((ValueError, TypeError, LookupError)):
        task_of(specification | {part: value}, small, None)


def test_the_plan_is_recorded_with_its_order(task, digits):
    plain = check_task(task._replace(repeats=1, plan=dl.Plan(8)))
    found = specified(known(plain, digits), digits)
    assert found["plan"] == {"block_width": 8, "order": "shared"}
    assert task_of(found, small, None).plan == dl.Plan(8, "shared")


SIZED = {"units": dl.AsSize(dl.IntUniform(1, 8)), "rate": SPACE["rate"]}


def sized(hp):
    model = nn.serial(nn.dense(hp["units"]), nn.tanh, nn.dense(10))
    return dl.Recipe(model, optim.momentum(hp["rate"]), nn.softmax_cross_entropy)


def test_the_plan_is_recorded_with_its_bounds(task, digits):
    plan = dl.Plan(8, bounds={"units": (3, 8)}, max_programs=9)
    other = task._replace(recipe=sized, space=SIZED, repeats=1, plan=plan)
    found = specified(known(check_task(other), digits), digits)
    assert found["plan"] == {
        "block_width": 8, "order": "shared", "bounds": {"units": [3, 8]},
        "max_programs": 9,
    }  # fmt: skip
    assert {*found["programs"]} == {"units=3", "units=8"}
    again = task_of(json.loads(json.dumps(found)), sized, None)
    assert again.plan == plan._replace(order="shared")


@pytest.mark.parametrize("bounds", [{"x": [8]}, {"units": [4]}, {"units": 8}, [8]])
def test_bounds_that_no_sweep_has_are_refused(bounds, task, digits):
    other = task._replace(recipe=sized, space=SIZED, repeats=1)
    found = specified(known(check_task(other), digits), digits)
    plan = found["plan"] | {"bounds": bounds}
    with pytest.raises(ValueError, match="bounds"):
        task_of(found | {"plan": plan}, sized, None)


@pytest.mark.parametrize("part", ["block_width", "order"])
def test_a_recorded_plan_leaves_nothing_open(part, specification):
    plan = {k: v for k, v in specification["plan"].items() if k != part}
    with pytest.raises(LookupError, match=part):
        task_of(specification | {"plan": plan}, small, None)


def test_a_space_that_is_given_has_to_be_the_recorded_one(specification):
    assert task_of(specification, small, SPACE).space is SPACE
    with pytest.raises(SpaceError, match="rate: got 0.1, recorded LogUniform"):
        task_of(specification, small, {"rate": 0.1})


def test_a_run_that_no_reader_would_take_is_refused_before_it_trains(
    digits, tmp_path, nothing_compiles
):
    with pytest.raises(SpaceError, match="2000000 members and 40 epochs"):
        sweep(small, SPACE, digits, members=2_000_000, epochs=40, run_dir=tmp_path)
