"""Rungs and their hyperparameters are read as they were entered."""

import re

import numpy as np
import pytest

from jaxdl import runs
from tests.runs.processes import HPARAMS, MEMBERS, query

NAN, INF = float("nan"), float("inf")


def test_a_rung_is_read_with_the_types_it_was_entered_with(store):
    hparams = {
        "float": np.float32([0.1, NAN, -INF]), "mixed": [1, 1.0, True],
        "none": [None, "None", ""], "zero": [0.0, -0.0, 0], "x": np.array([1, 2, 3]),
        "flag": np.array([True, False, True]), "text": np.array(["a", "b\n", "'"]),
    }  # fmt: skip
    store.enter(1, [5, 4, 9], hparams, [1, 2, 3], [7, 7, 8])
    with runs.read_run(store.folder) as reader:
        first, second = reader.rungs()
    assert first.hparams == HPARAMS and first.until.tolist() == [4, 4, 4]
    assert first.parents is None and first.members.tolist() == MEMBERS
    assert second.members.tolist() == [5, 4, 9] and second.parents.tolist() == [7, 7, 8]
    expected = {k: v if type(v) is list else v.tolist() for k, v in hparams.items()}
    assert repr(second.hparams) == repr(dict(sorted(expected.items())))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"hparams": {"learning_rate": [0.1, 0.2, NAN]}}, "got learning_rate nan"),
        ({"members": [0, 1]}, "got 2 members, recorded 3"),
        ({"members": [0, 1, 3]}, "member 2: got member 3, recorded 2"),
        ({"until": [4, 5, 4]}, "member 1: got until 5, recorded 4"),
        ({"parents": [0, 1, 2]}, "member 0: got parent 0, recorded None"),
        ({"hparams": {"learning_rate": [0.1, 0.2, 0.1 + 0.2]}},
         "member 2: got learning_rate 0.30000000000000004, recorded 0.3"),
        ({"hparams": {"learning_rate": ["0.1", 0.2, 0.3]}}, "got learning_rate '0.1'"),
        ({"hparams": {"rate": [1, 2, 3]}}, "got 'member, until, parent, rate'"),
    ],
    ids=str,
)  # fmt: skip
def test_a_rung_that_was_entered_otherwise_is_refused(store, change, expected):
    asked = {"members": MEMBERS, "hparams": HPARAMS, "until": 4, "parents": None}
    store.enter(0, **asked)
    asked |= change
    n = len(asked["members"])
    asked["hparams"] = {k: v[:n] for k, v in asked["hparams"].items()}
    with pytest.raises(runs.RunMismatchError, match=re.escape(expected)):
        store.enter(0, **asked)
    assert [rung.hparams for rung in store.rungs()] == [HPARAMS]


@pytest.mark.parametrize("other", [[1.0, 2, 3], [True, 2, 3], ["1", 2, 3]])
def test_equal_values_of_another_type_differ(store, other):
    store.enter(1, MEMBERS, {"n": [1, 2, 3]}, 4)
    with pytest.raises(runs.RunMismatchError, match="member 0: got n .*, recorded 1"):
        store.enter(1, MEMBERS, {"n": other}, 4)


def test_nan_equals_nan_and_nothing_else(store):
    store.enter(1, MEMBERS, {"n": [1, 2, NAN]}, 4)
    store.enter(1, MEMBERS, {"n": [1, 2, float("nan")]}, 4)
    with pytest.raises(runs.RunMismatchError, match="member 2: got n None, recorded n"):
        store.enter(1, MEMBERS, {"n": [1, 2, None]}, 4)


@pytest.mark.parametrize(
    "asked",
    [
        (1, [], {}, 4), (1, [1, 1], {}, 4), (1, [[1]], {}, 4), (2, [1], {}, 4),
        (-1, [1], {}, 4), (1, [1], {"a": [1, 2]}, 4), (1, [1], {"a": [2**63]}, 4),
        (1, [1], {"a": [[1]]}, 4), (1, [1], {"a": [1j]}, 4), (1, [1], {}, 4, [1, 2]),
    ],
    ids=str,
)  # fmt: skip
def test_a_rung_that_does_not_fit_or_is_not_the_next_is_refused(store, asked):
    with pytest.raises(ValueError, match="expected"):
        store.enter(*asked)
    assert len(store.rungs()) == 1
    store.enter(1, [1], {}, 4)


def test_a_search_that_has_ended_is_finished_until_it_enters_a_new_rung(store):
    assert not store.finished
    store.finish(1)
    assert store.finished and runs.is_finished(store.folder)
    store.enter(0, MEMBERS, HPARAMS, 4)  # the recorded one
    assert store.finished
    store.enter(1, MEMBERS, HPARAMS, 8)
    assert not store.finished and not runs.is_finished(store.folder)
    for _ in range(2):
        store.finish(2)
        assert store.finished
    assert query(store.folder, "SELECT * FROM finished") == [(2,)]


def test_a_search_that_ends_earlier_than_the_recorded_one_is_another(store):
    store.enter(1, MEMBERS, HPARAMS, 8)
    store.finish(2)
    with pytest.raises(runs.RunMismatchError, match="ended after 1 rungs, earlier"):
        store.finish(1)
    assert store.finished


@pytest.mark.parametrize("rungs", [2, -1, True, 1.0, None])
def test_an_end_that_cannot_be_is_refused(store, rungs):
    with pytest.raises(ValueError, match="expected"):
        store.finish(rungs)
    assert not store.finished


def test_a_rung_that_grows_keeps_its_order(tmp_path):
    with runs.open_run(tmp_path, {"n": 2}) as store:
        store.enter(0, [7, 3], {"b": [1, 2], "a": ["x", "y"]}, [4, 5])
    with runs.open_run(tmp_path, {"n": 3}, grows=["n"]) as store:
        more = {"b": [1, 2, 0], "a": ["x", "y", "z"]}
        store.enter(0, [7, 3, 1], more, [4, 6, 6])
        (rung,) = store.rungs()
    assert rung.members.tolist() == [7, 3, 1] and rung.until.tolist() == [4, 6, 6]
    assert rung.hparams == more and list(rung.hparams) == ["a", "b"]
