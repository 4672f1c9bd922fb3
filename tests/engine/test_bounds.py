"""The bounds of sizes that a plan chooses, by hand."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine.bounds import Measured, merged, with_bounds
from jaxdl.spaces import SpaceError
from tests import small
from tests.engine.training import KEY, make_task

UNITS = dl.AsSize(dl.Choice([2, 4]))
HALF = (0.5, 0.5)


def space_of(*sizes, kinds=("a", "b")):
    return {name: UNITS for name in sizes} | {"kind": dl.Static([*kinds])}


def bounds_of(*sizes):
    return {name: (2, 4) for name in sizes}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        # Half of the members take 10 seconds more. That saves two programs of 3.
        ((0.0, 10.0), (4,)),
        ((0.0, 13.0), (2, 4)),  # 3.25 seconds for each program
    ],
)
def test_bounds_are_merged_if_their_programs_take_longer(seconds, expected):
    sizes = {"units": Measured(HALF, seconds, 3.0)}
    found = merged(space_of("units"), bounds_of("units"), sizes, 64)
    assert found == {"units": expected}


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (8, {"a": (2, 4), "b": (2, 4)}),
        (7, {"a": (2, 4), "b": (4,)}),  # b adds the least
        (3, {"a": (4,), "b": (4,)}),
    ],
)
def test_the_least_padded_work_goes_first_until_the_programs_are_few(most, expected):
    sizes = {"a": Measured(HALF, (10, 100), 3.0), "b": Measured(HALF, (50, 100), 3.0)}
    assert merged(space_of("a", "b"), bounds_of("a", "b"), sizes, most) == expected


def test_equal_sizes_are_merged_by_name():
    sizes = {name: Measured(HALF, (10, 100), 3.0) for name in ("b", "a")}
    found = merged(space_of("b", "a"), bounds_of("a", "b"), sizes, 4)
    assert found == {"a": (4,), "b": (2, 4)}


def test_neighbours_are_merged_into_the_larger():
    space = {"units": dl.AsSize(dl.Choice([2, 4, 8]), (2, 4, 8))}
    sizes = {"units": Measured((0.2, 0.4, 0.4), (10, 20, 100), 3.0)}
    # 0.2 of 10 seconds for the program of 2, then 0.6 of 80 seconds for that of 4
    found = merged(space, {"units": (2, 4, 8)}, sizes, 3)
    assert found == {"units": (4, 8)}
    assert merged(space, {"units": (2, 4, 8)}, sizes, 1) == {"units": (8,)}


def test_members_of_a_merged_bound_count_with_the_next():
    space = {"units": dl.AsSize(dl.Choice([2, 4, 8]), (2, 4, 8))}
    sizes = {"units": Measured((0.5, 0.1, 0.4), (0, 1, 11), 3.0)}
    # 0.5 of 1 second is less than a program's 3; then 0.6 of 10 seconds is more.
    assert merged(space, {"units": (2, 4, 8)}, sizes, 64) == {"units": (4, 8)}


def recipe(hp):
    model = nn.serial(nn.dense(hp["units"]), nn.relu, nn.dense(10))
    return dl.Recipe(model, optim.adam(1e-2), nn.softmax_cross_entropy, batch_size=64)


def chosen(space, data, plan=None):
    task = make_task(recipe, space, plan=plan)
    hparams = dl.sample(KEY, space, 8)
    sets = {task.variants[0].facts: data}
    return with_bounds(task, hparams, sets, "cpu").plan


def test_a_space_without_sizes_has_no_bounds(digits):
    assert chosen({"rate": dl.Uniform(0, 1)}, digits).bounds is None


def test_small_networks_share_a_program_and_large_ones_do_not(digits):
    small = {"units": dl.AsSize(dl.IntUniform(2, 8))}
    large = {"units": dl.AsSize(dl.IntUniform(5000, 40000))}
    assert chosen(small, digits).bounds == {"units": (8,)}
    assert chosen(large, digits).bounds == {"units": large["units"].all_bounds()}


def test_bounds_that_the_space_or_the_plan_sets_are_kept(digits):
    size = dl.AsSize(dl.IntUniform(1, 8), bounds=4)
    assert chosen({"units": size}, digits).bounds == {"units": (2, 4, 6, 8)}
    plan = dl.Plan(bounds={"units": (3, 8)})
    assert chosen({"units": dl.AsSize(size.values)}, digits, plan) == plan._replace(
        order="shared"
    )


@pytest.mark.parametrize(
    ("space", "plan", "message"),
    [
        (
            {"units": UNITS, "kind": dl.Static([*"abcdefghi"])},
            None,
            "has 9 combinations .* at most 8: Among .*max_programs=9",
        ),
        (
            {"units": UNITS, "kind": dl.Static([*map(str, range(65))])},
            dl.Plan(max_programs=64),
            "has 65 combinations .* at most 64: Among .*numbers$",
        ),
        (
            {"units": UNITS},
            dl.Plan(bounds={"x": (4,)}),
            "got bounds for x; .*has units",
        ),
        (
            {"units": UNITS},
            dl.Plan(bounds={"units": (2,)}),
            r"bounds=\(2,\); .*size, 4",
        ),
    ],
)
def test_too_many_programs_and_wrong_bounds_are_refused(space, plan, message, digits):
    with pytest.raises(SpaceError, match=message):
        chosen(space, digits, plan)


def test_a_member_does_not_depend_on_the_bounds(digits, small_sweep):
    units = dl.AsSize(small.SPACE.units.values, (10, 12))
    two = dl.sweep(
        small.recipe, small.SPACE._replace(units=units), digits, key=0, members=32,
        epochs=1, plan=dl.Plan(16), progress=False,
    )  # fmt: skip
    assert small_sweep.task.plan.bounds == {"units": (12,)}
    assert two.task.plan.bounds == {"units": (10, 12)}
    assert {two.member(i).hparams.units.bound for i in range(32)} == {10, 12}
    losses = small_sweep.metrics["dev_loss"][:, :1], two.metrics["dev_loss"]
    np.testing.assert_allclose(*losses, rtol=1e-5)
