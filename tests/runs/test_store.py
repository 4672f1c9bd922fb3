"""The store of a run: what is committed is read, exactly, and by others meanwhile."""

import os
import re
import sqlite3
import threading

import numpy as np
import pytest

from jaxdl import runs
from tests.runs.processes import (
    HPARAMS,
    MEMBERS,
    SPECIFICATION,
    begin,
    follow_up,
    record,
    same,
)

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def store(tmp_path):
    begin(tmp_path)
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        yield store


def query(store, text):
    """What a tool sees that knows nothing of this package."""
    connection = sqlite3.connect(store.folder / "run.sqlite")
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def test_a_record_is_read_as_it_was_committed(store):
    done = runs.Record(
        0, np.array([2, 0]), 2, 5,
        {"fate": np.array([1, -1], np.int8), "loss": np.float32([NAN, 0.1]),
         "big": np.array([-(2**63), 2**63 - 1]), "kept": np.array([True, False])},
        {"dev_error": np.float32([[0.1, NAN], [INF, -INF], [1e-45, 3.4e38]]),
         "exact": np.array([[-0.0, 1 / 3], [5e-324, 2.0], [2**53 + 0.0, 1e308]])},
        [np.eye(2), np.int32(7)],
    )  # fmt: skip
    number = store.commit(done)
    found = store.records(0)
    assert [r.id for r in found] == [1, number]
    done.metrics["exact"][0, 0] = 0.0  # its sign is not kept
    assert same(found[0], record()) and same(found[1], done)


def test_a_record_of_no_epochs_numbers_or_arrays_is_one(store):
    bare = runs.Record(0, np.array([2]), 3, 3, {}, {}, [])
    longer = bare._replace(first=0, arrays=None)
    for done in (bare, longer):
        store.commit(done)
    _, one, other = store.records(0)
    assert same(one, bare) and same(other, longer)


def test_any_tool_reads_hyperparameters_status_metrics_and_lineage(store):
    store.enter(1, [0, 2], {"lr": [0.5, 1], "name": ["x", None]}, [6, 8], [0, 1])
    assert query(store, "SELECT member, name, value FROM hyperparameters") == [
        (0, "learning_rate", 0.1), (1, "learning_rate", 0.2), (2, "learning_rate", 0.3),
        (0, "lr", 0.5), (2, "lr", 1), (0, "name", "x"), (2, "name", None),
    ]  # fmt: skip
    lineage = "SELECT member, until, parent FROM rungs WHERE rung = 1"
    assert query(store, lineage) == [(0, 6, 0), (2, 8, 1)]
    assert query(store, "SELECT member, steps FROM status") == [(0, 20), (1, 20)]
    errors = record().metrics["dev_error"].astype(float)
    assert query(
        store, "SELECT member, epoch, dev_error FROM metrics ORDER BY 1, 2"
    ) == [
        (member, epoch, errors[epoch, member]) for member in (0, 1) for epoch in (0, 1)
    ]
    (spec,) = query(store, "SELECT value FROM specification WHERE part = 'epochs'")
    assert spec == ("4",)


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
    assert repr(second.hparams) == repr(expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
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
def test_a_rung_that_was_entered_otherwise_is_refused(store, change, said):
    asked = {"members": MEMBERS, "hparams": HPARAMS, "until": 4, "parents": None}
    store.enter(0, **asked)
    asked |= change
    n = len(asked["members"])
    asked["hparams"] = {k: v[:n] for k, v in asked["hparams"].items()}
    with pytest.raises(runs.RunMismatchError, match=re.escape(said)):
        store.enter(0, **asked)
    assert [rung.hparams for rung in store.rungs()] == [HPARAMS]


@pytest.mark.parametrize(
    "asked",
    [
        (1, [], {}, 4), (1, [1, 1], {}, 4), (1, [[1]], {}, 4), (2, [1], {}, 4),
        (-1, [1], {}, 4), (1, [1], {"a": [1, 2]}, 4), (1, [1], {"a": [2**63]}, 4),
        (1, [1], {"a": [[1]]}, 4), (1, [1], {"a": [1j]}, 4), (1, [1], {}, 4, [1, 2]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_rung_or_out_of_turn_is_refused(store, asked):
    with pytest.raises(ValueError, match="expected"):
        store.enter(*asked)
    assert len(store.rungs()) == 1
    store.enter(1, [1], {}, 4)


X = np.zeros(2)


@pytest.mark.parametrize(
    "change",
    [
        {"rung": -1}, {"rung": 7}, {"members": np.array([0, 8])}, {"first": 3},
        {"members": np.array([1, 1])}, {"members": np.array([0])}, {"until": 3},
        {"first": -1}, {"columns": {"fate": np.zeros(3)}},
        {"columns": {"fate": np.array(["a", "b"])}},
        {"columns": {"fate": np.array([2**64 - 1, 0], np.uint64)}},
        {"columns": {"fate": np.array([None, 1])}}, {"metrics": {"x": np.zeros(4)}},
        *({"columns": {name: X}} for name in
          ["", "A", "1a", "a b", 'a"', "a;--", "é", "a\n", "x" * 65, "member"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_does_not_fit_is_refused_and_the_store_goes_on(store, change):
    with pytest.raises(ValueError, match="expected"):
        store.commit(record(members=(1, 2))._replace(**change))
    assert [r.id for r in store.records(0)] == [1]
    number = store.commit(record(members=(1, 2)))
    files = {"1.bin", f"{number}.bin"}
    assert set(os.listdir(store.folder / "checkpoints")) == store.files() == files


def test_names_that_mean_something_in_sql_are_names(store):
    names = ["select", "order", "group", "rowid", "id", "_", "x" * 64]
    done = record(members=(2,))._replace(columns={n: np.arange(1) for n in names})
    done = done._replace(metrics={name: np.ones((2, 1)) for name in names})
    store.commit(done)
    assert same(store.records(0)[1], done)


def test_metrics_are_there_as_long_as_a_record_covers_them(store):
    longer = store.commit(record(4))
    assert [r.until for r in store.records(0)] == [2, 4]
    (store.folder / "checkpoints" / f"{longer}.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        (left,) = store.records(0)
    assert same(left, record())
    assert query(store, "SELECT DISTINCT epoch FROM metrics") == [(0,), (1,)]
    (store.folder / "checkpoints" / "1.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        assert store.records(0) == []
    assert query(store, "SELECT * FROM metrics, status") == []


def test_epochs_trained_again_in_a_later_rung_leave_what_was_before(store):
    store.commit(record(4))
    store.enter(1, [0, 1], {}, 4, parents=[2, 2])
    again = record(4, rung=1, first=1, seed=3)
    store.commit(again)
    assert all(map(same, store.records(0), (record(), record(4))))
    assert same(store.records(1)[0], again)
    (store.folder / "checkpoints" / "3.bin").unlink()
    with pytest.warns(UserWarning, match="left out"):
        assert store.records(1) == []
    assert len(store.records(0)) == 2
    assert query(store, "SELECT COUNT(*) FROM metrics") == [(8,)]


def test_a_dropped_record_keeps_its_rows_and_loses_its_file(store):
    store.drop([1])
    (found,) = store.records(0)
    assert same(found, record()) and found.arrays is None
    assert not os.listdir(store.folder / "checkpoints")
    store.drop([1, 99])


def test_an_id_is_never_used_again(tmp_path):
    begin(tmp_path)
    (tmp_path / "checkpoints" / "1.bin").unlink()
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="left out"):
            assert store.records(0) == []
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        assert store.commit(record()) == 2


def test_members_commit_from_several_threads(store):
    store.enter(1, range(80), {}, 4)

    def work(first):
        olds = []
        for until in (1, 2, 3):
            done = record(until, rung=1, members=(first, first + 1), seed=first)
            new = store.commit(done)
            store.drop(olds)
            olds = [new]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(0, 80, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {r.members[0].item(): r for r in store.records(1) if r.arrays is not None}
    assert len(found) == 40 and len(store.records(1)) == 120
    for first, one in found.items():
        members = (first, first + 1)
        assert same(one, record(3, rung=1, members=members, seed=first))
    assert set(os.listdir(store.folder / "checkpoints")) == store.files()


def test_a_reader_writes_nothing(store):
    with runs.read_run(store.folder) as reader:
        for write in (
            lambda: reader.enter(1, [1], {}, 4),
            lambda: reader.commit(record()),
            lambda: reader.drop([1]),
        ):
            with pytest.raises(OSError, match="open for reading only"):
                write()
        with pytest.raises(OSError, match="refused .attempt to write a readonly"):
            with runs.errors.plain(store.folder):
                reader._connection.execute("DELETE FROM records")
    assert same(store.records(0)[0], record())


def test_a_reader_reads_a_record_once_more_only_if_it_has_changed(store, monkeypatch):
    for k in range(1, 9):
        store.commit(follow_up(k))
    read, paths = runs.arrays.read, []

    def drops_the_next(path, index):
        paths.append(path.name)
        store.drop([len(paths) + 1])
        return read(path, index)

    with runs.read_run(store.folder) as reader:
        monkeypatch.setattr(runs.arrays, "read", drops_the_next)
        found = reader.records(0)
    assert all(map(same, found, (record(), *map(follow_up, range(1, 9)))))
    assert [r.arrays is not None for r in found] == [True] + [False] * 8
    assert paths == [f"{k}.bin" for k in range(1, 10)]


def test_all_is_private(store):
    store.enter(1, [0], {}, 4)
    (store.folder / "checkpoints" / "1.bin").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"):
        store.records(0)
    store.commit(record())
    modes = {p.name: p.stat().st_mode & 0o777 for p in store.folder.rglob("*")}
    folders = {"checkpoints", "damaged"}
    assert modes == {name: 0o700 if name in folders else 0o600 for name in modes}
    assert {"run.sqlite", "run.sqlite-wal", "owner", "2.bin", "1.0.bin"} < set(modes)
