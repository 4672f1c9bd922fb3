"""Whatever happens while a run is written, it is as it was or as it was to be."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from jaxdl import runs
from tests.runs import processes
from tests.runs.processes import (
    HPARAMS,
    MEMBERS,
    SPECIFICATION,
    Fault,
    begin,
    cycle,
    follow_up,
    record,
    same,
    state,
)

FULL = (errno.ENOSPC, sqlite3.SQLITE_FULL, "database or disk is full")
BROKEN = (errno.EIO, sqlite3.SQLITE_IOERR, "disk I/O error")
REFUSED = (errno.EROFS, sqlite3.SQLITE_READONLY, "attempt to write a readonly database")
KINDS = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FULL, id="full"),
        pytest.param(BROKEN, id="broken", marks=pytest.mark.heavy),
        pytest.param(REFUSED, id="refused", marks=pytest.mark.heavy),
    ],
)
LINUX = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def alone(task, folder):
    done = subprocess.run(
        [sys.executable, processes.__file__, task, folder],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@LINUX
@pytest.mark.parametrize(
    "task", ["kill_cycle", pytest.param("kill_begin", marks=pytest.mark.heavy)]
)
def test_a_process_killed_at_any_call_leaves_old_or_new(tmp_path, task):
    alone(task, tmp_path / "run")


@LINUX
def test_eight_processes_read_while_one_writes(tmp_path):
    alone("poll", tmp_path / "run")


class Journal(Fault):
    """No fault: the names of calls that make things lasting, and what they are of."""

    def __init__(self):
        super().__init__(0, None)
        self.calls = []

    def __call__(self, function, *args, **options):
        name, about = function.__name__, args[0]
        if name == "fsync":
            about = os.readlink(f"/proc/self/fd/{about}")
        if name in {"fsync", "replace", "unlink"} or about in {
            "BEGIN IMMEDIATE",
            "COMMIT",
        }:
            self.calls.append((name, os.path.basename(about)))
        return function(*args, **options)


LINKS = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")


@LINKS
def test_a_file_is_on_the_disk_before_its_row_and_goes_after_it(tmp_path, monkeypatch):
    begin(tmp_path)
    journal = Journal()
    journal.install(monkeypatch.setattr)
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        journal.calls.clear()
        store.commit(record(4))
        store.commit(record(members=(2,)))
        store.drop([1])
    assert journal.calls == [
        ("fsync", "2.bin.part"), ("replace", "2.bin.part"),
        ("fsync", "3.bin.part"), ("replace", "3.bin.part"), ("fsync", "checkpoints"),
        ("execute", "BEGIN IMMEDIATE"), ("execute", "COMMIT"), ("unlink", "1.bin"),
    ]  # fmt: skip


@LINKS
def test_the_database_of_a_new_run_is_on_the_disk_with_its_name(tmp_path, monkeypatch):
    journal = Journal()
    journal.install(monkeypatch.setattr)
    runs.open_run(tmp_path, SPECIFICATION).close()
    place = journal.calls.index(("replace", "run.sqlite.part"))
    assert journal.calls[place + 1] == ("fsync", tmp_path.name)


def raising(kind):
    """What a full or broken disk makes of a call to the system or to SQLite."""
    number, code, text = kind

    def act(function):
        if getattr(function, "__module__", None) in ("posix", "nt"):
            raise OSError(number, os.strerror(number))
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode = code
        raise error

    return act


def faults(monkeypatch, folder, task, kind, after):
    """Does `task` on copies, of which the n-th call fails, until none does."""
    for n in range(1, 200):
        copy, fault = folder.with_name(f"copy{n}"), Fault(n, raising(kind), after=after)
        if folder.exists():
            shutil.copytree(folder, copy)
        error = None
        with monkeypatch.context() as patch:
            fault.install(patch.setattr)
            try:
                task(copy)
            except OSError as caught:
                error = caught
        yield copy, error
        shutil.rmtree(copy, ignore_errors=True)
        if fault.left > 0:
            assert n > 40
            return


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@KINDS
def test_an_error_at_any_call_leaves_old_or_new(tmp_path, monkeypatch, kind, after):
    run, steps = tmp_path / "run", []
    begin(run)

    def task(folder):
        steps.clear()
        cycle(folder, lambda: steps.append(1))

    for copy, error in faults(monkeypatch, run, task, kind, after):
        assert error is None or str(copy) in str(error), error
        assert error is not None or len(steps) == 5
        assert state(copy) in {max(len(steps), 1), min(len(steps) + 1, 5)}


@KINDS
def test_a_run_whose_making_failed_is_made_again(tmp_path, monkeypatch, kind):
    for copy, _ in faults(monkeypatch, tmp_path / "run", begin, kind, False):
        with runs.open_run(copy, SPECIFICATION) as store:
            store.enter(0, MEMBERS, HPARAMS, 4)
            store.commit(record(4))
        assert not runs.doctor(copy).problems


def replace(store, done, olds):
    """Adds a record, then drops the arrays of those before it."""
    store.commit(done)
    store.drop(one.id for one in olds if one.arrays is not None)
    store.flush()


@KINDS
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_same_store_works_after_an_error_at_any_call(
    tmp_path, monkeypatch, kind, after
):
    begin(tmp_path)
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        connection, expected = store._connection, [record()]
        for n in range(1, 60):
            fault, olds = Fault(n, raising(kind), after=after), store.load(0)
            with monkeypatch.context() as patch:
                fault.install(patch.setattr)
                patch.setattr(store, "_connection", Fragile(connection, fault))
                with suppress(OSError):
                    replace(store, follow_up(2 * n), olds)
            found = store.load(0)
            if len(found) > len(expected):
                expected.append(follow_up(2 * n))
            assert all(same(a, b) for a, b in zip(found, expected, strict=True))
            assert found[-1].arrays or found[-2].arrays
            expected.append(follow_up(2 * n + 1))
            replace(store, expected[-1], found)
            found = store.load(0)
            assert all(same(a, b) for a, b in zip(found, expected, strict=True))
            assert os.listdir(tmp_path / "checkpoints") == [f"{found[-1].id}.bin"]
            if fault.left > 0:
                break
        assert 15 < n < 59


class Fragile:
    """A connection whose calls may fail."""

    def __init__(self, connection, fault):
        self._connection, self._fault = connection, fault

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, *args):
        return self._fault(self._connection.execute, *args)

    def executemany(self, *args):
        return self._fault(self._connection.executemany, *args)


@pytest.mark.parametrize("size", [0, 30_000], ids=["rows", "arrays"])
def test_a_full_disk_keeps_what_was_acknowledged_and_works_when_freed(tmpfs, size):
    store = runs.open_run(tmpfs / "run", SPECIFICATION)
    store._writer.give_up()  # so that a full disk is an error
    store.enter(0, range(1000), {}, 500)

    def done(k):
        members = range(10 * k, 10 * k + 10)
        leaves = np.random.default_rng(k).random((10, max(size // 80, 0)))
        return record(500, members=members, seed=k)._replace(arrays=[leaves])

    filler = tmpfs / "filler"
    filler.write_bytes(bytes(2_000_000))
    kept = []
    with pytest.raises(OSError, match="full|No space left"), store:
        for k in range(100):
            store.commit(done(k))
            store.flush()
            kept.append(k)
    with pytest.raises(OSError, match="bytes are free"):
        runs.open_run(tmpfs / "run", SPECIFICATION)
    with runs.read_run(tmpfs / "run") as reader:
        for k, found in zip(kept, reader.load(0), strict=True):
            assert same(found, done(k))
    filler.unlink()
    with runs.open_run(tmpfs / "run", SPECIFICATION) as store:
        store.commit(done(len(kept)))
        assert len(store.load(0)) == len(kept) + 1
        assert set(os.listdir(tmpfs / "run" / "checkpoints")) == store.files()
    assert not runs.doctor(tmpfs / "run").problems


def test_the_same_store_works_when_a_full_disk_is_freed(tmpfs):
    with runs.open_run(tmpfs / "run", SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.commit(record())
        store._writer.give_up()  # so that a full disk is an error
        for k in range(1, 20):
            filler, left, olds = tmpfs / "filler", 4096 * k, store.load(0)
            filler.write_bytes(bytes(shutil.disk_usage(tmpfs).free - left))
            with suppress(OSError):
                replace(store, follow_up(2 * k), olds)
            with runs.read_run(store.folder) as reader:
                found = reader.load(0)
            assert all(map(same, found, [*olds, follow_up(2 * k)]))
            assert len(found) >= len(olds)
            filler.unlink()
            replace(store, follow_up(2 * k + 1), store.load(0))
            (number,) = [r.id for r in store.load(0) if r.arrays is not None]
            assert os.listdir(store.folder / "checkpoints") == [f"{number}.bin"]
