"""One owner: a lock that ends with its process."""

import os
import signal
import subprocess
import sys

import pytest

from jaxdl import runs
from jaxdl.runs import lock
from jaxdl.runs.errors import RunMovedError
from tests.runs import processes
from tests.runs.processes import HPARAMS, MEMBERS, SPECIFICATION, begin, record


@pytest.fixture
def other(tmp_path):
    """Another process that owns the run in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, processes.__file__, "own", tmp_path], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"owned\n"
        yield process
        process.kill()


def test_a_second_owner_is_refused_and_the_first_is_named(tmp_path, other):
    with pytest.raises(runs.RunOwnedError, match=f"written by process {other.pid} on"):
        runs.open_run(tmp_path, SPECIFICATION)
    assert lock.is_owned(tmp_path)
    with runs.read_run(tmp_path) as store:
        assert store.specification == SPECIFICATION


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not lock.is_owned(tmp_path)
    with runs.open_run(tmp_path, SPECIFICATION):
        assert lock.identity(tmp_path).startswith(f"process {os.getpid()} on ")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_keep_the_lock_of_an_owner_that_has_ended(tmp_path):
    task = [sys.executable, processes.__file__, "leave_child", tmp_path]
    with subprocess.Popen(task, stdout=subprocess.PIPE) as ended:
        child = int(ended.stdout.readline())
        try:
            assert ended.wait() == 0
            os.kill(child, 0)  # it lives
            assert not lock.is_owned(tmp_path)
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_same_process_is_no_second_owner(tmp_path):
    with runs.open_run(tmp_path, SPECIFICATION):
        with pytest.raises(runs.RunOwnedError, match=f"process {os.getpid()} on"):
            runs.open_run(tmp_path, SPECIFICATION)
    runs.open_run(tmp_path, SPECIFICATION).close()


def test_an_opening_that_fails_leaves_the_lock_free(tmp_path):
    runs.open_run(tmp_path, SPECIFICATION).close()
    with pytest.raises(runs.RunMismatchError):
        runs.open_run(tmp_path, {})
    assert not lock.is_owned(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b'{"pid": "1"}', b"\xff" * 9, b"3"]
)
def test_an_owner_that_does_not_name_itself_is_an_owner(tmp_path, content):
    with runs.open_run(tmp_path, SPECIFICATION):
        (tmp_path / "owner").write_bytes(content)
        with pytest.raises(runs.RunOwnedError, match="does not say which"):
            runs.open_run(tmp_path, SPECIFICATION)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "owner").symlink_to("precious")
    with pytest.raises(OSError, match="cannot use the run's folder"):
        runs.open_run(tmp_path, SPECIFICATION)
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_look_for_an_owner_does_not_keep_one_out(tmp_path):
    file = lock.acquire(tmp_path)
    lock.release(file)
    assert not lock.is_owned(tmp_path)
    assert not lock.is_owned(tmp_path / "nowhere")
    lock.release(lock.acquire(tmp_path))


MOVES = {
    "enter": lambda store: store.enter(1, MEMBERS, HPARAMS, 4),
    "finish": lambda store: store.finish(1),
    "commit": lambda store: store.commit(record(4)),
    "drop": lambda store: store.drop([1]),
    "load": lambda store: store.load(0),
}


@pytest.mark.skipif(os.name == "nt", reason="a folder with open files cannot be moved")
@pytest.mark.parametrize("then", ["nothing", "a run", "a file"])
@pytest.mark.parametrize("call", MOVES.values(), ids=MOVES)
def test_a_run_that_was_moved_writes_nothing_at_its_old_path(tmp_path, call, then):
    old, new = tmp_path / "run", tmp_path / "moved"
    begin(old)
    store = runs.open_run(old, SPECIFICATION)
    store.commit(record(members=(2,)))  # still in memory
    old.rename(new)
    if then == "a run":
        begin(old)
        (old / "checkpoints" / "1.bin").write_bytes(b"of another run")
    elif then == "a file":
        old.write_text("mine")
    before = {p: p.read_bytes() for p in old.rglob("*") if p.is_file()}
    with pytest.raises(RunMovedError, match=f"{old} is not that of the run any more"):
        call(store)
    with pytest.raises(RunMovedError):
        store.close()
    assert {p: p.read_bytes() for p in old.rglob("*") if p.is_file()} == before
    with runs.open_run(new, SPECIFICATION) as store:
        assert [one.id for one in store.load(0)] == [1]


def test_a_lock_that_was_deleted_protects_nothing(tmp_path):
    begin(tmp_path)
    with pytest.raises(RunMovedError, match="lost its file 'owner'"):
        with runs.open_run(tmp_path, SPECIFICATION) as store:
            (tmp_path / "owner").unlink()
            store.commit(record(4))


def test_no_file_of_a_run_takes_the_place_of_a_stream(tmp_path):
    task = [sys.executable, processes.__file__, "without_streams", tmp_path]
    subprocess.run(task, check=True)
    assert lock.identity(tmp_path).startswith("process ")
    assert b"printed" not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    assert not runs.doctor(tmp_path).problems
