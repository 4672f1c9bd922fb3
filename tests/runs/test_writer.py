"""The writer: groups, in order, by a thread that nobody waits for without need."""

import sys
import threading
import time
from pathlib import Path

import pytest

from jaxdl.runs import writer
from jaxdl.runs.writer import Writer


class Disk:
    """Notes the groups that it gets; it may be slow, and it may refuse them."""

    def __init__(self):
        self.groups, self.refuses, self.free = [], False, threading.Event()
        self.free.set()
        self.began = threading.Event()

    def __call__(self, group):
        self.began.set()
        assert self.free.wait(60)
        if self.refuses:
            raise OSError("full")
        self.groups.append(group)


@pytest.fixture
def disk(monkeypatch):
    """A disk that gets a group only when it is hurried."""
    monkeypatch.setattr(writer, "SECONDS", 60.0)
    return Disk()


def threads():
    return [t for t in threading.enumerate() if t.name == "jaxdl-writer"]


def test_what_comes_before_a_flush_is_one_group_in_its_order(disk):
    writes = Writer(disk)
    for k in range(5):
        writes.add(k, 1)
    assert disk.groups == []
    writes.flush()
    assert disk.groups == [[0, 1, 2, 3, 4]]
    writes.flush()
    assert len(disk.groups) == 1


def test_a_change_is_written_within_a_second_without_a_flush():
    disk = Disk()
    began = time.monotonic()
    Writer(disk).add("change", 1)
    while not disk.groups and time.monotonic() < began + 60:
        time.sleep(0.01)
    assert 0.4 < time.monotonic() - began < 1.0
    assert disk.groups == [["change"]]


def test_the_thread_ends_when_nothing_waits(disk):
    writes = Writer(disk)
    writes.add(0, 1)
    (thread,) = threads()
    writes.flush()
    writes.stop()
    thread.join(60)
    assert not threads()


def test_nobody_waits_for_a_disk_that_is_slow(disk):
    writes = Writer(disk)
    disk.free.clear()
    flush = threading.Thread(target=writes.flush)
    writes.add(0, 1)
    flush.start()
    assert disk.began.wait(60)
    writes.add(1, 1)  # returns though the disk is busy
    assert flush.is_alive()
    disk.free.set()
    flush.join(60)
    writes.flush()
    assert disk.groups == [[0], [1]]


def test_who_adds_waits_when_too_much_waits(disk, monkeypatch):
    monkeypatch.setattr(writer, "MOST_BYTES", 10)
    writes = Writer(disk)
    writes.add("large", 99)  # alone, it is never too much
    writes.add("small", 6)
    assert disk.groups == [["large"]]
    writes.add("tiny", 4)
    assert disk.groups == [["large"]]
    writes.add("more", 1)
    assert disk.groups == [["large"], ["small", "tiny"]]
    writes.flush()


def test_an_error_is_raised_once_by_the_next_call_and_nothing_changes_its_place(disk):
    writes = Writer(disk)
    writes.add(0, 1)
    disk.refuses = True
    with pytest.raises(OSError, match="full"):
        writes.flush()
    writes.add(1, 1)  # a new try, which fails as well
    with pytest.raises(OSError, match="full"):
        writes.flush()
    disk.refuses = False
    writes.add(2, 1)
    writes.flush()
    assert disk.groups == [[0, 1, 2]]


def refused(disk, monkeypatch):
    """Returns a writer whose first change a full disk refused, which is free again."""
    monkeypatch.setattr(writer, "SECONDS", 0.0)
    writes = Writer(disk)
    disk.refuses = True
    writes.add(0, 1)
    for thread in threads():
        thread.join(60)
    disk.refuses = False
    return writes


def test_an_error_that_nobody_waited_for_refuses_the_next_change(disk, monkeypatch):
    writes = refused(disk, monkeypatch)
    with pytest.raises(OSError, match="full"):
        writes.add(1, 1)
    writes.add(2, 1)
    writes.flush()
    assert sum(disk.groups, []) == [0, 2]


def test_a_flush_forgets_an_error_if_all_can_be_written_now(disk, monkeypatch):
    writes = refused(disk, monkeypatch)
    writes.flush()
    writes.add(1, 1)
    writes.flush()
    assert sum(disk.groups, []) == [0, 1]


def test_a_writer_that_stops_has_no_thread_and_tries_nothing_more(disk):
    writes = Writer(disk)
    writes.add(0, 1)
    disk.refuses = True
    with pytest.raises(OSError, match="full"):
        writes.flush()
    disk.refuses = False
    writes.stop()
    writes.flush()
    assert disk.groups == [] and not threads()


def test_many_threads_add_and_flush(disk):
    writes = Writer(disk)

    def work(first):
        for k in range(first, first + 50):
            writes.add(k, 1)
            if k % 7 == 0:
                writes.flush()
                assert any(k in group for group in disk.groups)

    workers = [threading.Thread(target=work, args=(100 * k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    writes.flush()
    written = sum(disk.groups, [])
    assert sorted(written) == [100 * i + k for i in range(8) for k in range(50)]
    for i in range(8):
        own = [k for k in written if k // 100 == i]
        assert own == sorted(own)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(("limit", "known"), [("4096\n", True), ("max\n", False)])
def test_a_container_has_the_memory_that_it_may_take(
    tmp_path, monkeypatch, limit, known
):
    (tmp_path / "memory.max").write_text(limit)
    files = (str(tmp_path / "memory.max"), str(tmp_path / "nowhere"))
    monkeypatch.setattr(writer, "CONTAINER", files)
    (total,) = (
        line.split()[1]
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal:")
    )
    assert writer.memory_bytes() == (4096 if known else 1024 * int(total))
