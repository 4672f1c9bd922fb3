"""All readers: files that cannot be opened, and files that would take much memory."""

import gzip
import os
import struct
import tracemalloc
import zipfile

import pytest

from jaxdl import data
from jaxdl.data import files
from tests.data.conftest import (
    ARRAY,
    SIMPLE,
    archived,
    described,
    idx,
    idx_header,
    npy,
    one,
    patched,
    written,
)

READERS = {
    "idx": data.read_idx,
    "npz": data.read_npz,
    "csv": lambda path: data.read_csv(path, label="y"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_cannot_be_opened_is_an_os_error(tmp_path, name):
    with pytest.raises(FileNotFoundError):
        READERS[name](tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        READERS[name](tmp_path)


ZEROS = bytes(2**24)
ZEROS_GZIPPED = gzip.compress(ZEROS, 1) * 64  # 1 GiB
TEN = npy(described("'|u1'", "(10,)"), bytes(10))
MOST = npy(described("'|u1'", f"({2**31 - 2**10},)"))


def deflated(content):
    return archived([("a.npy", content)], zipfile.ZIP_DEFLATED)


def resized(content, size):
    """An archive of one member that gives another size for it, in both places."""
    content = patched(content, offset=24, form="<I", value=size)
    return content[:22] + struct.pack("<I", size) + content[26:]


def crowded(entries):
    """An archive whose directory lists its one member many times."""
    start, end = SIMPLE.index(b"PK\1\2"), SIMPLE.index(b"PK\5\6")
    entry = SIMPLE[start:end]
    counts = struct.pack("<4H2I", 0, 0, 0, 0, len(entry) * entries, start)
    return SIMPLE[:start] + entry * entries + b"PK\5\6" + counts + bytes(2)


BOMBS = {
    "idx: 2^31 rows that are not there": idx_header(2**31),
    "idx: the same, .gz": gzip.compress(idx_header(2**31)),
    "idx: 1 GiB instead of a header, .gz": ZEROS_GZIPPED,
    "idx: 1 GiB after the end, .gz": gzip.compress(idx(ARRAY)) + ZEROS_GZIPPED,
    "csv: a name of 1 GiB, .gz": ZEROS_GZIPPED,
    "csv: a cell of 1 GiB, .gz": gzip.compress(b"x,y\n1,") + ZEROS_GZIPPED,
    "npz: 10^12 entries": one(described("'<f4'", f"({10**12},)")),
    "npz: a header of 4 GiB": one(b"", version=(2, 0), length=2**32 - 1),
    "npz: a header of zeros": deflated(npy(ZEROS, version=(2, 0), length=2**24)),
    "npz: 2 GiB that are not there": resized(deflated(MOST), len(MOST) + 2**31 - 2**10),
    "npz: 16 MiB where the archive says ten bytes": resized(
        deflated(TEN + ZEROS), len(TEN)
    ),
    "npz: a directory of 100,000": crowded(100_000),
}


def peak(message, call):
    """The most memory that was held during a call, which raises DataError."""
    tracemalloc.start()
    try:
        with pytest.raises(data.DataError, match=message):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory(tmp_path, name):
    content = BOMBS[name]
    path = written(tmp_path, content, "file.gz" if name.endswith(".gz") else "file")
    assert peak("got", lambda: READERS[name[:3]](path)) < 2 * len(content) + 2**22


LIMITED = {
    "idx: .gz": (gzip.compress(idx_header(2**24) + ZEROS), "at most 262144 bytes"),
    "npz": (deflated(npy(described("'|u1'", f"({2**24},)"), ZEROS)), "at most 262144"),
    "csv: text, .gz": (
        gzip.compress(b"x,y\n" + (b"1," + b" " * 98 + b"2\n") * 2**17),
        "over 262144 bytes of text",
    ),
    "csv: numbers, .gz": (
        gzip.compress(b"a,b,c,d,y\n" + b"1,1,1,1,1\n" * 2**14),
        "over 262144 bytes of numbers",
    ),
}


@pytest.mark.parametrize("name", LIMITED)
def test_no_file_may_hold_more_than_the_limit(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "MAX_BYTES", 2**18)
    content, message = LIMITED[name]
    path = written(tmp_path, content, "file.gz" if name.endswith(".gz") else "file")
    used = peak(message, lambda: READERS[name[:3]](path))
    assert used < 2 * len(content) + 2**22


HUGE = {
    "idx": (idx_header(2**18), "more bytes after the header"),
    "npz": (SIMPLE, "more than the 262144 bytes allowed"),
    "csv": (b"x,y\n", "line 2: got over 262144 bytes of text"),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_file_is_refused_in_little_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "MAX_BYTES", 2**18)
    content, message = HUGE[name]
    path = written(tmp_path, content)
    os.truncate(path, 2**36)  # zeros that take no room
    assert peak(message, lambda: READERS[name](path)) < 2**22
