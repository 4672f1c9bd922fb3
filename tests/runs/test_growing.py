"""A run that is asked for more members or epochs than it has."""

import errno
import itertools
import os
import shutil

import pytest

from jaxdl import runs
from tests.runs.processes import Fault

FEW, MORE = (
    {"members": 2, "epochs": 4, "lr": "x"},
    {"members": 3, "epochs": 6, "lr": "x"},
)
GROWS = ("members", "epochs")


def enter(store, members, epochs):
    store.enter(0, range(members), {"lr": list(range(members))}, epochs)


@pytest.fixture
def run(tmp_path):
    """A run of two members and four epochs."""
    with runs.open_run(tmp_path / "run", FEW) as store:
        enter(store, 2, 4)
    return tmp_path / "run"


def sizes(store):
    (rung,) = store.rungs()
    parts = store.specification
    return (len(rung.members), *rung.until.tolist()), (
        parts["members"],
        parts["epochs"],
    )


OLD, NEW = ((2, 4, 4), (2, 4)), ((3, 6, 6, 6), (3, 6))


def test_a_run_grows_with_its_first_rung(run):
    with runs.open_run(run, MORE, grows=GROWS) as store:
        assert sizes(store) == OLD
        enter(store, 3, 6)
        assert sizes(store) == NEW
    with runs.read_run(run) as store:
        assert sizes(store) == NEW
    runs.open_run(run, MORE).close()
    assert not runs.doctor(run).problems


def test_a_finished_run_that_grows_is_not_finished(run):
    with runs.open_run(run, FEW) as store:
        store.finish(1)
    with runs.open_run(run, MORE, grows=GROWS) as store:
        assert store.finished and runs.is_finished(run)
        enter(store, 3, 6)
        assert not store.finished and not runs.is_finished(run)


def test_a_run_that_did_not_come_to_grow_is_unchanged(run):
    runs.open_run(run, MORE, grows=GROWS).close()
    with runs.open_run(run, FEW) as store:
        assert sizes(store) == OLD
    with pytest.raises(runs.RunMismatchError, match="or extend it .extend=True, --ext"):
        runs.open_run(run, MORE)


def test_a_run_that_was_cut_short_before_its_first_rung_grows(tmp_path):
    runs.open_run(tmp_path, FEW).close()
    with runs.open_run(tmp_path, MORE, grows=GROWS) as store:
        enter(store, 3, 6)
    with runs.open_run(tmp_path, MORE) as store:
        assert sizes(store) == NEW


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(FEW | {"members": 1}, "members: got 1, recorded 2"),
     (MORE | {"lr": "y"}, 'lr: got "y", recorded "x"'),
     (MORE | {"members": "many"}, 'members: got "many", recorded 2'),
     (MORE | {"more": 1}, "more: got 1, recorded nothing")],
)  # fmt: skip
def test_a_run_that_is_no_more_than_it_was_is_refused(run, asked, expected):
    with pytest.raises(runs.RunMismatchError, match=expected) as caught:
        runs.open_run(run, asked, grows=GROWS)
    assert "extend it" not in str(caught.value)


def test_a_rung_grows_by_nothing_else_than_members_and_epochs(run):
    with runs.open_run(run, MORE, grows=GROWS) as store:
        with pytest.raises(
            runs.RunMismatchError, match="member 1: got lr 5, recorded 1"
        ):
            store.enter(0, [0, 1, 2], {"lr": [0, 5, 2]}, 6)
        assert sizes(store) == OLD


@pytest.mark.parametrize("name", ["until", "member", "parent"])
def test_a_hyperparameter_with_a_name_of_ours_does_not_grow(name, tmp_path):
    with runs.open_run(tmp_path, FEW) as store:
        store.enter(0, [0, 1], {name: [1, 2]}, 4)
    with runs.open_run(tmp_path, MORE, grows=GROWS) as store:
        with pytest.raises(runs.RunMismatchError, match=f"got {name} 9, recorded 1"):
            store.enter(0, [0, 1, 2], {name: [9, 2, 3]}, 6)
        store.enter(0, [0, 1, 2], {name: [1, 2, 3]}, 6)


def test_an_error_at_any_call_leaves_it_small_or_large(run, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    seen = set()
    for n in itertools.count(1):
        copy, fault = run.with_name(f"{n}"), Fault(n, broken)
        shutil.copytree(run, copy)
        with monkeypatch.context() as patch:
            fault.install(patch.setattr)
            try:
                with runs.open_run(copy, MORE, grows=GROWS) as store:
                    enter(store, 3, 6)
                    assert sizes(store) == NEW
            except OSError:
                pass
        with runs.read_run(copy) as store:
            seen.add(sizes(store))
        if fault.left > 0:
            break
    assert n > 20 and seen == {OLD, NEW}
