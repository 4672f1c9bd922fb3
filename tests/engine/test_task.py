"""A task: its counts, and what is refused."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.task import Task, check_task
from jaxdl.spaces import SpaceError

KEY = jax.random.key(3)


def make_task(**settings):
    defaults = {"key": KEY, "members": 5, "epochs": 4}
    return Task(recipe=None, space=(), data=None, **defaults | settings)


@pytest.mark.parametrize(
    ("repeats", "folds", "variants", "members"),
    [(1, None, 1, 5), (3, None, 3, 15), (1, 4, 4, 20), (2, 3, 6, 30)],
)
def test_each_configuration_has_a_member_for_each_repeat_and_fold(
    repeats, folds, variants, members
):
    task = make_task(repeats=repeats, folds=folds, plan=dl.Plan(8))
    assert (task.num_variants, task.num_members) == (variants, members)
    assert task.block_width == 8


def test_counts_of_numpy_become_plain_ints():
    task = check_task(
        make_task(
            members=np.int64(5), epochs=np.uint8(4), patience=np.int16(2),
            repeats=np.int32(3), folds=np.int64(2), plan=dl.Plan(np.int64(8)),
        )
    )  # fmt: skip
    counts = (task.members, task.epochs, task.patience, task.repeats, task.folds)
    assert counts == (5, 4, 2, 3, 2)
    assert {type(count) for count in (*counts, task.plan.block_width)} == {int}


@pytest.mark.parametrize(
    ("settings", "order"),
    [({}, "shared"), ({"repeats": 2}, "own"), ({"folds": 2}, "own"),
     ({"folds": [([0], [1])]}, "own"), ({"plan": dl.Plan(order="own")}, "own")],
)  # fmt: skip
def test_the_order_of_the_plan_follows_from_repeats_and_folds(settings, order):
    assert check_task(make_task(**settings)).order == order


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"members": 0}, SpaceError, "got members=0; expected an int of at least 1"),
        ({"members": True}, SpaceError, "got members=True"),
        ({"members": "8"}, SpaceError, "got members='8'"),
        ({"members": 48.0}, SpaceError, "got members=48.0"),
        ({"members": 10**30}, SpaceError, "trainings; expected at most 67,108,864"),
        ({"members": 2, "repeats": 10**8}, SpaceError, "which are 200,000,000 traini"),
        ({"epochs": 10**30}, SpaceError, "epochs of all trainings together"),
        ({"epochs": 0}, ValueError, "got epochs=0"),
        ({"epochs": np.float32(2)}, ValueError, r"got epochs=np.float32\(2.0\)"),
        ({"patience": 0}, ValueError, "got patience=0"),
        ({"patience": 1.5}, ValueError, "got patience=1.5"),
        ({"repeats": 0}, ValueError, "got repeats=0"),
        ({"plan": 16}, ValueError, "got plan=16; expected a block width of at least 1"),
        ({"plan": dl.Plan(0)}, ValueError, r"got plan=Plan\(block_width=0\)"),
        ({"plan": dl.Plan(2.0)}, ValueError, r"got plan=Plan\(block_width=2.0\)"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        check_task(make_task(**settings))
