"""A disk that refuses for a while: it is waited for, told once, and nothing is lost."""

import concurrent.futures
import errno
import io
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import database, faults, writer
from tests.runs.processes import HPARAMS, MEMBERS, SPECIFICATION, begin, record, same

WAIT = 60  # seconds, for a thread that is there


@pytest.fixture
def told(monkeypatch):
    """The lines that are told, and an event that the first one sets."""
    lines, heard, tell = [], threading.Event(), faults._tell

    def note(line):
        lines.append(line)
        tell(line)
        heard.set()

    monkeypatch.setattr(faults, "_tell", note)
    return lines, heard


@pytest.fixture
def hurried(monkeypatch):
    """SQLite itself does not wait for a lock."""
    monkeypatch.setattr(database, "SECONDS", 0.001)


class Refusal:
    """A call to the system that fails until it may work."""

    def __init__(self, monkeypatch, name, number):
        self.works, self.function = threading.Event(), getattr(os, name)
        self.number = number
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args, **options):
        if not self.works.is_set():
            raise OSError(self.number, os.strerror(self.number))
        return self.function(*args, **options)


WRITES = {
    "enter": lambda store: store.enter(1, MEMBERS, HPARAMS, 4),
    "finish": lambda store: store.finish(1),
    "flush": lambda store: (store.commit(record(4)), store.flush()),
    "load": lambda store: (store.commit(record(4)), store.load(0)),
    "close": lambda store: (store.commit(record(4)), store.close()),
    "within": lambda store: (store.commit(record(4)), store.__exit__(None, None, None)),
}
CALLS = pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)


@CALLS
@pytest.mark.usefixtures("hurried")
def test_a_lock_of_another_program_is_waited_for_and_told_once(
    tmp_path, told, capsys, call
):
    lines, heard = told
    begin(tmp_path)
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        runs.open_run(tmp_path, SPECIFICATION) as store,
        closing(
            sqlite3.connect(tmp_path / "run.sqlite", isolation_level=None)
        ) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(call, store)
        assert heard.wait(WAIT)
        time.sleep(0.05)  # it is tried several times
        assert not waiting.done()
        other.execute("ROLLBACK")
        waiting.result(WAIT)
    assert lines == [
        f"jaxdl: the run in {tmp_path} waits until it can be written "
        "(database is locked); nothing is lost"
    ]
    assert capsys.readouterr().err == f"{lines[0]}\n"


@CALLS
@pytest.mark.parametrize(
    ("name", "number"),
    [("fsync", errno.EIO), ("write", errno.ENOSPC), ("open", errno.EMFILE)],
)
def test_a_disk_that_refuses_for_a_while_is_waited_for(
    store, told, monkeypatch, call, name, number
):
    lines, heard = told
    refusal = Refusal(monkeypatch, name, number)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, store)
        if heard.wait(0.3):  # rows alone need no such call
            assert not waiting.done()
        refusal.works.set()
        waiting.result(WAIT)
    monkeypatch.undo()
    assert len(lines) <= 1
    with runs.read_run(store.folder) as reader:
        found = reader.load(0)
    assert all(map(same, found, (record(), record(4))))
    assert len(found) == 1 + len(lines)


def test_a_full_disk_is_waited_for(tmpfs, told):
    lines, heard = told
    with runs.open_run(tmpfs / "run", SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        filler = tmpfs / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(tmpfs).free - 4096))
        store.commit(record())
        store.commit(record(members=(2,)))
        assert heard.wait(WAIT)
        with runs.read_run(store.folder) as reader:
            assert reader.load(0) == []
        filler.unlink()
        store.flush()
        assert all(map(same, store.load(0), (record(), record(members=(2,)))))
    assert len(lines) == 1 and "No space left" in lines[0]


def test_a_long_wait_is_told_again_and_again(store, told, monkeypatch):
    lines, _ = told
    monkeypatch.setattr(faults, "LONG", 0.2)
    monkeypatch.setattr(faults, "EVERY", 0.1)
    refusal = Refusal(monkeypatch, "fsync", errno.EIO)
    store.commit(record(4))
    began = time.monotonic()
    while len(lines) < 4:
        time.sleep(0.01)
    assert time.monotonic() - began > 0.4
    assert "has waited for 0 minutes" in lines[1] and "Input/output" in lines[1]
    refusal.works.set()
    store.flush()


def test_training_waits_if_too_much_waits_for_the_disk(store, told, monkeypatch):
    _, heard = told
    refusal = Refusal(monkeypatch, "fsync", errno.ENOSPC)
    monkeypatch.setattr(writer, "MOST_BYTES", 10)
    store.commit(record(4))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.commit, record(members=(2,)))
        assert heard.wait(WAIT)
        time.sleep(0.05)
        assert not waiting.done()
        refusal.works.set()
        assert waiting.result(WAIT) == 3
    assert len(store.load(0)) == 3


def test_a_stop_ends_the_wait_of_a_commit(store, told, monkeypatch):
    _, heard = told
    refusal, stop = Refusal(monkeypatch, "fsync", errno.ENOSPC), threading.Event()
    monkeypatch.setattr(writer, "MOST_BYTES", 10)
    store.commit(record(4), stop)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.commit, record(members=(2,)), stop)
        assert heard.wait(WAIT)
        stop.set()
        with pytest.raises(concurrent.futures.CancelledError):
            waiting.result(WAIT)
    refusal.works.set()
    assert [one.id for one in store.load(0)] == [1, 2]


@pytest.mark.parametrize("call", ["commit", "enter"])
@pytest.mark.usefixtures("hurried", "ctrl_c")
def test_ctrl_c_ends_the_wait(tmp_path, call):
    begin(tmp_path)
    with closing(sqlite3.connect(tmp_path / "run.sqlite", isolation_level=None)) as one:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt) as caught:
            with runs.open_run(tmp_path, SPECIFICATION) as store:
                one.execute("BEGIN IMMEDIATE")
                if call == "commit":
                    store.commit(record(4))
                else:
                    threading.Timer(0.2, _interrupt).start()
                    store.enter(1, MEMBERS, HPARAMS, 4)
                raise KeyboardInterrupt
        assert time.monotonic() - began < 10
        one.execute("ROLLBACK")
    notes = getattr(caught.value, "__notes__", [])
    assert ["is locked" in note for note in notes] == [True] * (call == "commit")
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        assert len(store.load(0)) == len(store.rungs()) == 1


def _interrupt():
    os.kill(os.getpid(), 2)


def test_a_drop_makes_room_for_what_comes_after(tmpfs):
    """A disk with room for two records: ten that wait go one after another."""
    size = 300_000

    def done(k):
        one = record(k + 1, first=k, seed=k)
        return one._replace(arrays=[bytes_of(k, size)])

    with runs.open_run(tmpfs / "run", SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 10)
        old = store.commit(done(0))
        store.flush()
        filler = tmpfs / "filler"
        free = shutil.disk_usage(tmpfs).free
        filler.write_bytes(bytes(free - 2 * size - 900_000))
        for k in range(1, 10):
            new = store.commit(done(k))
            store.drop([old])
            old = new
        store.flush()
        (last,) = [one for one in store.load(0) if one.arrays is not None]
    assert last.id == old and same(last, done(9))


def bytes_of(k, size):
    return np.random.default_rng(k).integers(0, 256, (1, size), "uint8")


@pytest.mark.parametrize("closed", [False, True])
def test_a_stream_that_takes_no_line_ends_no_wait(store, monkeypatch, closed):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr("sys.stderr", stream if closed else None)
    refusal = Refusal(monkeypatch, "fsync", errno.EIO)
    store.commit(record(4))
    threading.Timer(0.1, refusal.works.set).start()
    store.flush()
    assert len(store.load(0)) == 2


def test_a_disk_that_refuses_for_good_is_an_error_at_once(store, told, monkeypatch):
    Refusal(monkeypatch, "fsync", errno.EROFS)
    store.commit(record(4))
    with pytest.raises(OSError, match=r"Read-only .* the rest trains again"):
        store.flush()
    monkeypatch.undo()
    assert told[0] == []
