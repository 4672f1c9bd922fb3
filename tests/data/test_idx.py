"""IDX files: what is read and what is refused."""

import gzip
import hashlib

import numpy as np
import pytest

from jaxdl import data
from tests.data.conftest import (
    ARRAY,
    idx,
    idx_header,
    written,
)


def test_idx_files_are_read_plain_and_gzipped(tmp_path):
    plain = written(tmp_path, idx(ARRAY))
    zipped = written(tmp_path, gzip.compress(idx(ARRAY)), "file.gz")
    unzipped = written(tmp_path, idx(ARRAY), "unzipped by a browser.gz")
    renamed = written(tmp_path, gzip.compress(idx(ARRAY)), "renamed.idx")
    digest = hashlib.sha256(idx(ARRAY)).hexdigest()
    for path in (plain, zipped, unzipped, renamed, str(plain)):
        np.testing.assert_array_equal(data.read_idx(path, sha256=digest), ARRAY)
    with pytest.raises(data.DataError, match="another SHA-256"):
        data.read_idx(plain, sha256="0" * 64)


def test_an_idx_file_without_entries_is_an_empty_array(tmp_path):
    path = written(tmp_path, idx_header(0, 28, 28))
    assert data.read_idx(path).shape == (0, 28, 28)


GZIPPED = gzip.compress(idx(ARRAY), mtime=0)

MALFORMED_IDX = {
    "empty": (b"", "starts with b''"),
    "three bytes": (b"\0\0\x08", r"starts with b'\\x00\\x00\\x08'"),
    "no axes": (b"\0\0\x08\0", "the number of axes"),
    "a picture": (b"\x89PNG and so on", "expected an IDX file"),
    "floats": (b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", "expected an IDX file of unsigned"),
    "header cut": (idx(ARRAY)[:8], "ends within its header; expected 16 bytes"),
    "cut": (idx(ARRAY)[:-1], "got 23 bytes after the header; expected 24"),
    "one more byte": (idx(ARRAY) + b"x", "got more bytes after the header"),
    "2^31 rows": (idx_header(2**31), "got 0 bytes .*; expected 2147483648"),
    "2^62 entries": (idx_header(2**31, 2**31), "expected at most 2147483648 bytes"),
    "255 long axes": (idx_header(*[2**32 - 1] * 255), "expected at most 2147483648"),
    "255 short axes": (idx_header(*[1] * 255) + b"x", "no array can have .*supported"),
    "0 times 2^96": (idx_header(0, *[2**32 - 1] * 3), "no array can have .*too big"),
    "not gzip, .gz": (b"plain text", "expected an IDX file"),
    "gzip header cut, .gz": (GZIPPED[:5], "not a whole gzip"),
    "gzip cut, .gz": (GZIPPED[:20], "not a whole gzip"),
    "gzip cut by a byte, .gz": (GZIPPED[:-1], "not a whole gzip"),
    "gzip without its start, .gz": (GZIPPED[5:], "expected an IDX file"),
    "gzip with another checksum, .gz": (GZIPPED[:-8] + bytes(8), "not a whole gzip"),
    "gzip with a block of no kind, .gz": (
        GZIPPED[:10] + b"\xff" + GZIPPED[11:],
        "not a whole gzip",
    ),
    "gzip and garbage, .gz": (GZIPPED + b"and more", "not a whole gzip"),
    "gzip and half a gzip, .gz": (GZIPPED + GZIPPED[:10], "not a whole gzip"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED_IDX)
def test_malformed_idx_files_are_refused(tmp_path, name):
    content, message = MALFORMED_IDX[name]
    path = written(tmp_path, content, "file.gz" if name.endswith(".gz") else "file")
    with pytest.raises(data.DataError, match=f"{path}.*{message}"):
        data.read_idx(path)
