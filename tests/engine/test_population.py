"""The ledger: the same in memory, beside a store, and read from the store again."""

import threading

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine.population import Population
from jaxdl.searches import Rung
from jaxdl.train import Status
from jaxdl.train.score import CURVES
from tests.engine.training import (
    KEY,
    block_trainer,
    blocks_of,
    known,
    make_task,
    outlines_of,
)
from tests.sweeps.kept import SPACE, damage, small

ARRAYS = ("metrics", "epochs", "status", "stopped_at", "kept_epoch", "steps")
EVERYONE = np.arange(4)
HPARAMS = dl.sample(KEY, SPACE, 4)


def rung(members, until, parents=None):
    """Returns a rung of members with their own hyperparameters."""
    members = np.array(members)
    own = jax.tree.map(lambda column: column[members], HPARAMS)
    parents = None if parents is None else np.array(parents)
    return Rung(members, own, np.full(len(members), until), parents)


FIRST, BETTER, COPIED = (
    rung(EVERYONE, 1), rung([1, 2], 3), rung([0, 1, 2, 3], 3, [1, 1, 2, 2])
)  # fmt: skip


@pytest.fixture(scope="module")
def task(digits):
    return known(make_task(small, SPACE, members=4, epochs=4), digits)


@pytest.fixture(scope="module")
def trainer(task, digits):
    """Returns outlines of the task, and what trains its members."""
    (block,) = blocks_of(task, HPARAMS, EVERYONE)
    return outlines_of(task, HPARAMS, digits), block_trainer(task, block, digits)


@pytest.fixture
def make(task, trainer):
    """Returns a function that makes the population of a store, or of none."""
    keys = np.arange(8, dtype=np.uint32).reshape(4, 2)
    return lambda store=None: Population(task, keys, trainer[0], store)


@pytest.fixture
def play(task, trainer):
    """Returns a function that trains rungs, a block and an epoch at a time."""

    def trained(population, rungs):
        for one in rungs:
            population.enter(one)
            while len(going := population.going(one)):
                ids = one.members[going]
                first = int(population.epochs[ids].min())
                ids = ids[population.epochs[ids] == first]
                (block,) = blocks_of(task, HPARAMS, ids, first, first + 1)
                carry = population.carry(ids)
                done = trainer[1](block, carry, last=False)
                population.add(population.commit(done, threading.Event()))
        population.finish()
        return population

    return trained


def open_store(folder):
    return runs.open_run(folder, {"metrics": [*CURVES]})


def check_same(a, b, members):
    """Checks that two ledgers know the same, weights and carries included."""
    for name in ARRAYS:
        chex.assert_trees_all_equal(getattr(a, name), getattr(b, name))
    chex.assert_trees_all_equal(a.standing(EVERYONE), b.standing(EVERYONE))
    chex.assert_trees_all_equal(a.hparams(), b.hparams())
    chex.assert_trees_all_equal(a.carry(members), b.carry(members))
    for searching in (True, False):
        awaited = (p.awaited(searching=searching, thaws=False) for p in (a, b))
        np.testing.assert_array_equal(*awaited)


@pytest.mark.parametrize(
    "rungs",
    [[FIRST], [FIRST, BETTER], [FIRST, COPIED, BETTER]],
    ids=["one rung", "fewer members", "copies"],
)
def test_a_store_changes_nothing_and_holds_everything(rungs, make, play, tmp_path):
    alone = play(make(), rungs)
    with open_store(tmp_path) as store:
        beside = play(make(store), rungs)
        check_same(beside, alone, [1, 2])
        assert store.finished
    with open_store(tmp_path) as store:
        again = make(store)
        for one in rungs:
            again.enter(one)
            assert not len(again.going(one))  # nothing trains again
        check_same(again, alone, [1, 2])
    with runs.read_run(tmp_path) as store:
        read = make(store)
        for one in rungs:
            read.begin(one)
            read.load()
        for name in ARRAYS:
            chex.assert_trees_all_equal(getattr(read, name), getattr(alone, name))


def test_a_member_copies_all_of_its_parent_except_the_key(make, play):
    before, after = play(make(), [FIRST]), play(make(), [FIRST, COPIED])
    for name, curve in after.metrics.items():
        np.testing.assert_array_equal(curve[0, 0], before.metrics[name][1, 0])
    assert after.epochs.tolist() == [3] * 4
    mine, parents = (after.carry(np.array([i])) for i in (0, 1))
    assert mine[0].key.tolist() == [[0, 1]] and parents[0].key.tolist() == [[2, 3]]
    # The same weights before, and other hyperparameters since.
    assert (mine[0].params["kernel"] != parents[0].params["kernel"]).any()


def test_members_begin_without_a_carry(make):
    assert make().carry(EVERYONE) is None


def test_the_standing_is_that_of_the_kept_epoch_and_nan_for_the_diverged(make, play):
    population = play(make(), [rung(EVERYONE, 3)])
    population.kept_epoch[:] = [0, 1, 2, -1]
    population.status[2] = Status.DIVERGED
    errors = population.metrics["dev_error"]
    expected = [errors[0, 0], errors[1, 1], np.nan, errors[3, 0]]
    np.testing.assert_array_equal(population.standing(EVERYONE)["dev_error"], expected)
    found = population.standing(np.array([3, 1]))["dev_error"]
    np.testing.assert_array_equal(found, [expected[3], expected[1]])


def test_a_member_is_awaited_until_the_search_can_no_longer_ask_for_it(make, play):
    population, stops = make(), {"thaws": False}
    population.begin(rung([0, 1, 2], 1))
    now = population.awaited(searching=False, **stops)
    assert now.tolist() == [True, True, True, False]
    assert population.awaited(searching=True, **stops).all()
    population = play(make(), [rung([0, 1, 2], 1), rung([1], 3)])
    now = population.awaited(searching=True, **stops)
    assert now.tolist() == [False, True, False, True]
    assert not population.awaited(searching=False, **stops).any()


def test_all_members_are_awaited_of_a_search_that_thaws(make, play):
    population = play(make(), [rung(EVERYONE, 1), rung([1], 2)])
    assert population.awaited(searching=True, thaws=True).all()
    assert not population.awaited(searching=False, thaws=True).any()


def test_members_that_stopped_or_diverged_train_no_further(make, play):
    population = play(make(), [FIRST])
    population.status[:] = [0, Status.STOPPED, Status.DIVERGED, 0]
    assert population.going(rung(EVERYONE, 3)).tolist() == [0, 3]
    assert population.going(rung([3, 2, 0], 1)).tolist() == []


def test_weights_that_no_member_needs_leave_memory_and_disk(make, play, tmp_path):
    with open_store(tmp_path) as store:
        population = play(make(store), [rung([0, 1], 4)])
        assert sum(block is not None for block in population.shelf.blocks) == 1
    # The last two: should the last one be damaged, members train on from the other.
    assert len([*(tmp_path / "checkpoints").iterdir()]) == 2


def test_a_record_after_a_lost_one_is_skipped(make, play, tmp_path):
    with open_store(tmp_path) as store:
        whole = play(make(store), [rung([0, 1], 3)])
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with open_store(tmp_path) as store:
        again = make(store)
        with pytest.warns(UserWarning, match="left out"):
            again.enter(rung([0, 1], 3))
        assert again.epochs.tolist() == [0] * 4 and (again.places == -1).all()
        assert again.status.tolist() == [Status.RUNNING] * 4
    with open_store(tmp_path) as store:
        check_same(play(make(store), [rung([0, 1], 3)]), whole, [0, 1])


def test_lost_weights_of_other_members_are_an_error(make, play, tmp_path):
    with open_store(tmp_path) as store:
        play(make(store), [FIRST, COPIED])
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with open_store(tmp_path) as store:
        again = make(store)
        with pytest.warns(UserWarning, match="left out"):
            with pytest.raises(runs.DamagedError, match="came from other members"):
                for one in (FIRST, COPIED):
                    again.enter(one)


def test_another_rung_than_the_recorded_one_is_refused(make, play, tmp_path):
    with open_store(tmp_path) as store:
        play(make(store), [FIRST])
    with open_store(tmp_path) as store:
        with pytest.raises(runs.RunMismatchError, match="rung 0 of this run differs"):
            make(store).enter(rung([0, 1], 1))


def test_a_search_that_ends_before_the_recorded_one_is_refused(make, play, tmp_path):
    with open_store(tmp_path) as store:
        play(make(store), [FIRST, BETTER])
    with open_store(tmp_path) as store:
        with pytest.raises(runs.RunMismatchError, match="ended after 1 rungs"):
            play(make(store), [FIRST])
