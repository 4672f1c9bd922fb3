"""Checkpoints: a trained block as a record and back, and records that cannot be."""

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine.checkpoints import from_records, never_goes_on, to_record
from jaxdl.searches import Rung
from jaxdl.searches.rungs import pick
from jaxdl.train import Status
from tests.engine.training import (
    KEY,
    block_trainer,
    blocks_of,
    known,
    make_task,
    outlines_of,
)
from tests.sweeps.kept import SPACE, small


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(None, marks=pytest.mark.heavy, id="to the end"),
        pytest.param(3, id="early stopping"),
    ],
)
def kept(request, digits):
    """A task, its outlines, its rung and a block of 3 of its members after 2 epochs."""
    task = make_task(small, SPACE, epochs=4, patience=request.param)
    task = known(task, digits)
    hparams = dl.sample(KEY, SPACE, 8)
    (block,) = blocks_of(task, hparams, [4, 1, 6], until=2)
    outlines = outlines_of(task, hparams, digits)
    trained = block_trainer(task, block, digits)(block, last=False)
    members = np.array([6, 4, 1, 0, 7, 3, 2])
    rung = Rung(members, pick(hparams, members), np.full(7, 4))
    return task, outlines, rung, trained


def test_a_trained_block_comes_back_from_its_record(kept):
    *task, trained = kept
    record = to_record(0, trained)._replace(id=7)
    assert all(len(array) == 3 for array in record.arrays)  # without the padding
    (again,) = from_records(*task, [record])
    assert again.record == 7
    for name in ("status", "stopped_at", "steps", "kept_epoch", "metrics"):
        chex.assert_trees_all_equal(getattr(again, name), getattr(trained, name))
    carry = jax.tree.map(lambda x: x[:3], trained.carry)
    chex.assert_trees_all_equal(again.carry, carry)
    assert again.block.structure == trained.block.structure
    np.testing.assert_array_equal(again.block.members, [4, 1, 6])
    chex.assert_trees_all_equal(again.block.traced, trained.block.traced)
    params, state = jax.tree.map(lambda x: x[:3], (trained.params, trained.state))
    chex.assert_trees_all_equal((again.params, again.state), (params, state))


def test_members_that_never_train_on_come_back_with_their_weights_alone(kept):
    """Only from the end of a run that keeps the best; before, they are damage."""
    task, outlines, rung, trained = kept
    record = to_record(0, trained._replace(carry=None))
    assert len(record.arrays) == 2 < len(to_record(0, trained).arrays)
    ended = task._replace(epochs=2, keep=1)
    (again,) = from_records(ended, outlines, rung, [record])
    assert again.carry is None
    params, state = jax.tree.map(lambda x: x[:3], (trained.params, trained.state))
    chex.assert_trees_all_equal((again.params, again.state), (params, state))
    for other in (task, ended._replace(keep=None), task._replace(keep=1)):
        with pytest.raises(runs.DamagedError, match="got 2 arrays"):
            list(from_records(other, outlines, rung, [record]))


def test_a_run_of_the_best_alone_may_hold_all_of_their_state(kept):
    """As runs of older versions do."""
    task, outlines, rung, trained = kept
    ended = task._replace(epochs=2, keep=1)
    (again,) = from_records(ended, outlines, rung, [to_record(0, trained)])
    params = jax.tree.map(lambda x: x[:3], trained.params)
    chex.assert_trees_all_equal(again.params, params)


@pytest.mark.parametrize(
    ("keep", "epochs", "on_disk", "expected"),
    [
        (None, 4, False, True),
        (None, 4, True, False),  # a run is extended in epochs,
        (3, 4, True, True),  # unless it keeps the best alone
        (3, 3, True, False),
        (None, 3, False, False),
    ],
)
def test_who_never_trains_on(keep, epochs, on_disk, expected, kept):
    task = kept[0]._replace(keep=keep)
    assert never_goes_on(task, epochs, on_disk=on_disk) == expected


def test_a_record_without_arrays_says_how_its_members_ended(kept):
    *task, trained = kept
    record = to_record(0, trained)._replace(arrays=None)
    (again,) = from_records(*task, [record])
    assert again.params is again.state is again.carry is None
    np.testing.assert_array_equal(again.status, trained.status)


def test_a_record_of_several_variants_is_one_block():
    space, hparams = {"rate": dl.Uniform(0, 1)}, {"rate": np.arange(6) / 6}
    task = make_task(small, space, repeats=2, members=3, epochs=4, plan=dl.Plan(4))
    ids = np.array([2, 4, 1, 3])  # of variant 0, then of variant 1
    same = np.zeros(4, np.int32)
    curves = {name: np.zeros((4, 4)) for name in task.curves}
    record = runs.Record(0, ids, 0, 4, same, same - 1, same, same, curves, None)
    rung = Rung(np.arange(6), hparams, np.full(6, 4))
    (again,) = from_records(task, {}, rung, [record])
    assert again.block.members.tolist() == ids.tolist()
    assert again.block.variants.tolist() == [0, 0, 1, 1]


def column(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    "change",
    [
        {"status": column(0, 7, 0)},
        {"status": column(0, Status.FINISHED, 0)},
        {"status": column(0, Status.CUT_SHORT, 0)},
        {"status": column(0, -1, 0)},
        {"kept_epoch": column(1, 10**9, 1)},
        {"kept_epoch": column(1, 2, 1)},  # trained by no record
        {"kept_epoch": column(1, -7, 1)},
        {"stopped_at": column(-1, -2, -1)},
        {"steps": column(34, -1, 34)},
        {"until": 5},
        {"until": 10**9},
        {"members": np.array([4, 1, 8])},
        {"members": np.array([4, 1, 1])},
        {"members": np.array([4, 1, -1])},
        {"members": np.array([4, 1, 5])},  # which is not in the rung
        {"members": np.arange(5)},  # a block has room for 4
    ],
    ids=str,
)
def test_a_record_that_no_training_leaves_is_refused(change, kept):
    *task, trained = kept
    record = to_record(0, trained)._replace(id=7, **change)
    with pytest.raises(runs.DamagedError, match="got record 7 .* a block of this swee"):
        list(from_records(*task, [record]))


def test_members_of_one_program_and_no_more_than_its_width_make_a_block():
    space = {"kind": dl.Static(["a", "b"]), "rate": dl.LogUniform(1e-3, 1e-1)}
    task = make_task(None, space, epochs=4, plan=dl.Plan(2))
    kinds, rates = np.array(["a", "b", "b", "a", "a"], object), np.arange(5.0)
    rung = Rung(np.array([7, 6, 5, 4, 3]), {"kind": kinds, "rate": rates}, [4] * 5)

    def ended(*members):
        ends, curve = np.zeros(len(members), np.int32), np.zeros((2, len(members)))
        metrics = dict.fromkeys(task.curves, curve)
        ids = np.array(members, np.int64)
        return runs.Record(0, ids, 1, 3, ends, ends, ends, ends, metrics, None)

    (found,) = from_records(task, {}, rung, [ended(3, 7)])
    assert found.block.members.tolist() == [3, 7]
    assert (found.block.first, found.block.until) == (1, 3)
    assert found.block.structure.values[0] == "a"
    assert found.block.traced["rate"].tolist() == [4, 0]
    for members in ([7, 6], [7, 2], [7, 4, 3], [7, 7], []):
        with pytest.raises(runs.DamagedError, match="expected one that a block"):
            list(from_records(task, {}, rung, [ended(*members)]))


def test_a_record_with_other_metrics_is_refused(kept):
    *task, trained = kept
    record = to_record(0, trained)
    assert {*record.metrics} == {*task[0].curves}
    fewer = {n: x for n, x in record.metrics.items() if n != "dev_loss"}
    more = record.metrics | {"dev_auc": record.metrics["dev_loss"]}
    for metrics in ({}, fewer, more):
        with pytest.raises(runs.DamagedError, match="expected one that a block of"):
            list(from_records(*task, [record._replace(metrics=metrics)]))


def short(arrays):
    return arrays[:-1]


def long(arrays):
    return [*arrays, arrays[0]]


def wide(arrays):
    return [np.asarray(arrays[0], np.int64), *arrays[1:]]


def reshaped(arrays):
    return [x[:, None] for x in arrays]


@pytest.mark.parametrize("harm", [short, long, wide, reshaped, lambda arrays: []])
def test_a_record_with_other_arrays_is_refused(harm, kept):
    *task, trained = kept
    record = to_record(0, trained)
    with pytest.raises(runs.DamagedError, match="the shapes and types of this recipe"):
        harmed = record._replace(arrays=harm(record.arrays))
        list(from_records(*task, [harmed]))
