"""The store of a run: what is committed is loaded, also by others meanwhile."""

import errno
import os
import threading
import time

import pytest

from jaxdl import runs
from tests.runs.processes import (
    SPECIFICATION,
    begin,
    follow_up,
    query,
    record,
    same,
)


def test_any_tool_reads_hyperparameters_status_metrics_and_lineage(store):
    store.enter(1, [0, 2], {"lr": [0.5, 1], "name": ["x", None]}, [6, 8], [0, 1])
    assert query(store.folder, "SELECT member, name, value FROM hyperparameters") == [
        (0, "learning_rate", 0.1), (1, "learning_rate", 0.2), (2, "learning_rate", 0.3),
        (0, "lr", 0.5), (2, "lr", 1), (0, "name", "x"), (2, "name", None),
    ]  # fmt: skip
    lineage = "SELECT member, until, parent FROM rungs WHERE rung = 1"
    assert query(store.folder, lineage) == [(0, 6, 0), (2, 8, 1)]
    assert query(store.folder, "SELECT member, steps FROM status") == [(0, 20), (1, 20)]
    errors = record().metrics["dev_error"].astype(float)
    assert query(
        store.folder, "SELECT member, epoch, dev_error FROM metrics ORDER BY 1, 2"
    ) == [
        (member, epoch, errors[epoch, member]) for member in (0, 1) for epoch in (0, 1)
    ]
    (spec,) = query(
        store.folder, "SELECT value FROM specification WHERE part = 'epochs'"
    )
    assert spec == ("4",)


def test_a_dropped_record_keeps_its_rows_and_loses_its_file(store):
    store.drop([1])
    (found,) = store.load(0)
    assert same(found, record()) and found.arrays is None
    assert not os.listdir(store.folder / "checkpoints")
    store.drop([1, 99])


def test_arrays_that_are_dropped_at_once_are_never_written(store, monkeypatch):
    """A group has the record and its drop; the row is as if the file had been there."""
    store.drop([store.commit(record(4))])
    store.flush()
    with_file = query(store.folder, "SELECT arrays, sha256 FROM records WHERE id = 2")
    written, write = [], runs.array_files.write
    monkeypatch.setattr(
        runs.array_files, "write",
        lambda path, arrays: written.append(path.name) or write(path, arrays),
    )  # fmt: skip
    store.drop([store.commit(record(4))])
    new = store.commit(record(4))
    store.flush()
    assert written == [f"{new}.bin"]
    rows = query(store.folder, "SELECT arrays, sha256, kept FROM records WHERE id > 2")
    assert rows == [(*with_file[0], "none"), (*with_file[0], "all")]
    *_, found, _ = store.load(0)
    assert found.arrays is None and same(found, record(4))


def test_an_id_is_never_used_again(tmp_path):
    begin(tmp_path)
    (tmp_path / "checkpoints" / "1.bin").unlink()
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="left out"):
            assert store.load(0) == []
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
    found = {r.members[0].item(): r for r in store.load(1) if r.arrays is not None}
    assert len(found) == 40 and len(store.load(1)) == 120
    for first, one in found.items():
        members = (first, first + 1)
        assert same(one, record(3, rung=1, members=members, seed=first))
    assert set(os.listdir(store.folder / "checkpoints")) == store.files()


@pytest.fixture(
    params=[(os, "replace"), (runs.groups, "write_rows")], ids=["files", "rows"]
)
def busy(request, monkeypatch):
    """Makes the disk take no file, or no row, until the event that it returns."""
    free, (module, name) = threading.Event(), request.param
    function = getattr(module, name)

    def late(*arguments):
        assert free.wait(60)
        return function(*arguments)

    monkeypatch.setattr(module, name, late)
    yield free
    free.set()


def test_a_commit_does_not_wait_for_the_disk(store, busy, monkeypatch):
    monkeypatch.setattr(runs.writer, "SECONDS", 0.0)
    assert store.commit(record(4)) == 2
    time.sleep(0.1)  # now the writer is busy
    assert store.commit(record(members=(2,))) == 3
    store.drop([1])
    with runs.read_run(store.folder) as reader:
        assert [r.id for r in reader.load(0) if r.arrays] == [1]
    busy.set()
    store.flush()
    with runs.read_run(store.folder) as reader:
        assert [r.id for r in reader.load(0) if r.arrays] == [2, 3]


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.enter(1, [0, 1], {}, 8),
        lambda store: store.finish(1),
        lambda store: store.flush(),
        lambda store: store.close(),
    ],
    ids=["enter", "finish", "flush", "close"],
)
def test_what_was_committed_is_on_the_disk_before(store, busy, call):
    store.commit(record(4))
    threading.Timer(0.1, busy.set).start()
    call(store)
    with runs.read_run(store.folder) as reader:
        assert [r.id for r in reader.load(0)] == [1, 2]


def refused(*_):
    raise OSError(errno.EROFS, "Read-only file system")


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def fail(store, monkeypatch):
    """Commits a record that a disk refuses for good, and returns when it has."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        store.commit(record(4))
        for thread in threading.enumerate():
            if thread.name == "jaxdl-writer":
                thread.join(60)


@pytest.mark.parametrize(
    "call", [lambda store: store.commit(record()), lambda store: store.drop([1])],
    ids=["commit", "drop"],
)  # fmt: skip
def test_after_an_error_the_next_call_raises_and_changes_nothing(
    store, monkeypatch, call
):
    fail(store, monkeypatch)
    with pytest.raises(OSError, match=r"Read-only .* the rest trains again"):
        call(store)
    store.flush()
    found = store.load(0)
    assert all(map(same, found, (record(), record(4)))) and len(found) == 2
    assert store.files() == {"1.bin", "2.bin"}


def test_closing_says_that_a_record_cannot_be_written(store, monkeypatch):
    fail(store, monkeypatch)
    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OSError, match=r"Read-only .* the rest trains again"):
        store.close()
    monkeypatch.undo()
    with runs.open_run(store.folder, SPECIFICATION) as again:
        assert [r.id for r in again.load(0)] == [1]
        assert os.listdir(again.folder / "checkpoints") == ["1.bin"]


def test_an_error_within_outlives_one_at_closing(store, monkeypatch):
    with pytest.raises(KeyboardInterrupt) as caught, store:
        monkeypatch.setattr(os, "fsync", refused)
        store.commit(record(4))
        raise KeyboardInterrupt
    (note,) = caught.value.__notes__
    assert "Read-only" in note


def test_a_reader_writes_nothing(store):
    with runs.read_run(store.folder) as reader:
        for write in (
            lambda: reader.enter(1, [1], {}, 4),
            lambda: reader.commit(record()),
            lambda: reader.drop([1]),
            lambda: reader.finish(1),
        ):
            with pytest.raises(OSError, match="open for reading only"):
                write()
        with pytest.raises(OSError, match="refused .attempt to write a readonly"):
            with runs.errors.explained(store.folder):
                reader._connection.execute("DELETE FROM records")
    assert same(store.load(0)[0], record())


def test_a_reader_reads_a_record_once_more_only_if_it_has_changed(store, monkeypatch):
    for k in range(1, 9):
        store.commit(follow_up(k))
    store.flush()
    read, paths = runs.array_files.read, []

    def drops_the_next(path, index):
        paths.append(path.name)
        store.drop([len(paths) + 1])
        store.flush()
        return read(path, index)

    with runs.read_run(store.folder) as reader:
        monkeypatch.setattr(runs.array_files, "read", drops_the_next)
        found = reader.load(0)
    assert all(map(same, found, (record(), *map(follow_up, range(1, 9)))))
    assert [r.arrays is not None for r in found] == [True] + [False] * 8
    assert paths == [f"{k}.bin" for k in range(1, 10)]


def test_all_is_private(store):
    store.enter(1, [0], {}, 4)
    (store.folder / "checkpoints" / "1.bin").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"):
        store.load(0)
    store.commit(record())
    store.flush()
    modes = {p.name: p.stat().st_mode & 0o777 for p in store.folder.rglob("*")}
    folders = {"checkpoints", "damaged"}
    assert modes == {name: 0o700 if name in folders else 0o600 for name in modes}
    assert {"run.sqlite", "run.sqlite-wal", "owner", "2.bin", "1.0.bin"} < set(modes)


def test_records_are_read_one_by_one(store):
    store.enter(1, range(4), {}, 4)
    done = [record(2, rung=1, members=(k, k + 1), seed=k) for k in (0, 2)]
    numbers = [store.commit(one) for one in done]
    # The first is read before the writer has put it on the disk.
    for number, one in zip(numbers, done, strict=True):
        found = store.read(number)
        assert same(found, one) and found.id == number
    assert [one.id for one in store.each(1)] == numbers
    with runs.read_run(store.folder) as other:
        assert [one.id for one in other.each(1)] == numbers
    path = store.folder / "checkpoints" / f"{numbers[0]}.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(runs.DamagedError):
        store.read(numbers[0])
    with pytest.raises(runs.DamagedError, match="no record 99"):
        store.read(99)
    with pytest.warns(UserWarning, match="left out"):
        assert [one.id for one in store.each(1)] == numbers[1:]
    assert not path.exists()
