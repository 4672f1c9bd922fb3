"""Thousands of damaged files a reader: each is read, or refused with a DataError.

`pytest -m heavy tests/data/test_readers_fuzz.py` tries 100,000 others for each.
"""

import gzip
import io
import random
import struct
import zipfile

import numpy as np
import pytest

from jaxdl import data

SIZES = (0, 1, 2, 9, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**64 - 1)
TOKENS = {
    "idx": (b"\0\0\x08", b"\xff\xff\xff\xff", b"\x1f\x8b\x08"),
    "npz": (
        b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\x93NUMPY", b"\1\0",
        b"'|O'", b"'>f8'", b"'|b1'", b"'<U9'", b"'V0'", b"[('a','<f4')]", b"('i4',2)",
        b"(", b")", b",", b"-", b"{", b"}", b"True", b"None", b"()", b"(0,)", b"9" * 40,
        b"L", b"**", b"+1j", b"'", b"'''", b"\\x", b"\n", b"#", b".npy", b"(((((((",
    ),
    "csv": (
        b",", b"\n", b"\r", b"\r\n", b'"', b'""', b"\0", b"\xff", b"\xef\xbb\xbf", b"y",
        b"nan", b"inf", b"1e999", b"-", b".", b"_", b" ", b"\xd9\xa3", b"1" * 1001,
    ),
}  # fmt: skip


def mutated(rng, content, tokens):
    """Returns the bytes after one to four small damages."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(content) + 1)
        length = rng.choice((1, 2, 4, 8, 40))
        match rng.randrange(7):
            case 0:  # flip bits of one byte
                content[at : at + 1] = bytes([rng.randrange(256)])
            case 1:  # cut out
                del content[at : at + length]
            case 2:  # cut off
                del content[at if rng.randrange(2) else -length :]
            case 3:  # repeat
                content[at:at] = content[at : at + length] * rng.choice((1, 3, 90))
            case 4:  # move from elsewhere
                start = rng.randrange(len(content) + 1)
                content[at : at + length] = content[start : start + length]
            case 5:  # a token, put in or written over
                token = rng.choice(tokens)
                content[at : at + rng.choice((0, len(token)))] = token
            case 6:  # a size in place of another
                size = struct.pack(rng.choice("<>") + "Q", rng.choice(SIZES))
                width = rng.choice((2, 4, 8))
                size = size[:width] if rng.randrange(2) else size[-width:]
                content[at : at + width] = size
    return bytes(content)


def maybe(rng, content, tokens, share):
    return mutated(rng, content, tokens) if rng.random() < share else content


def gzipped(rng, content, tokens, damage):
    """The content, or its gzip that may be damaged too, and the file's name for it."""
    if rng.randrange(3):
        return content, "file"
    content = gzip.compress(content, 1, mtime=0)
    return maybe(rng, content, tokens, 0.4 * damage), "file.gz"


def idx_file(rng, damage):
    shape = rng.choice(((5,), (2, 3), (2, 0, 3), (1,) * 9))
    header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    content = header + rng.randbytes(int(np.prod(shape)))
    content = maybe(rng, content, TOKENS["idx"], 0.9 * damage)
    return gzipped(rng, content, TOKENS["idx"], damage)


def npy_file(rng, damage):
    kinds = ("<f4", ">f8", "<i8", "|u1", "|b1") + ("|O", "<U2", "<c8") * damage
    shape = rng.choice(((), (3,), (2, 3), (0, 4)))
    array = np.ones(shape, rng.choice(kinds), order=rng.choice("CF"))
    version = rng.choice((None, (1, 0), (2, 0)) + ((3, 0),) * damage)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    content = file.getvalue()
    if not damage or rng.randrange(4):
        return maybe(rng, content, TOKENS["npz"], 0.3 * damage)
    start, end = 10, content.index(b"\n")  # damages the header, but not its length
    header = mutated(rng, content[start:end], TOKENS["npz"])[: end - start]
    return content[:start] + header.ljust(end - start) + content[end:]


def npz_file(rng, damage):
    """An archive whose checksums are right for what is damaged within it."""
    file = io.BytesIO()
    odd = ("/../a.npy", "\u00e9.npy", "", "/") * damage
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(rng.choice((0, 1, 1, 2, 3))):
            name = f"{i}{rng.choice(('.npy',) * 9 + odd)}"
            method = rng.choice((0, 8) * 3 + (12,) * damage)
            archive.writestr(zipfile.ZipInfo(name), npy_file(rng, damage), method)
    return maybe(rng, file.getvalue(), TOKENS["npz"], 0.5 * damage), "file.npz"


def csv_file(rng, damage):
    labels = rng.choice((("0", "1"), ("1.5", "-2e3"), ("cat", '"a ""dog"""')))
    rows = [f"{rng.gauss(0, 9)},{rng.choice(labels)},{i}" for i in range(4)]
    content = rng.choice(("\n", "\r\n")).join(["x,y,z", *rows, ""]).encode()
    content = maybe(rng, content, TOKENS["csv"], 0.95 * damage)
    return gzipped(rng, content, TOKENS["csv"], damage)


def check_idx(path):
    assert data.read_idx(path).dtype == np.uint8


def check_npz(path):
    for array in data.read_npz(path).values():
        assert array.dtype.kind in "biufU"
        if array.dtype.kind == "U":
            assert all(str(text).encode() is not None for text in array.flat)
        else:
            np.asarray(array, np.float64).sum()  # every entry is there


def check_csv(path):
    table = data.read_csv(path, label="y")
    inputs, labels = table.inputs, table.labels
    assert len(inputs) == len(labels) > 0
    assert np.isfinite(inputs.astype(np.float32)).all() and np.isfinite(labels).all()


READERS = {
    "idx": (idx_file, check_idx),
    "npz": (npz_file, check_npz),
    "csv": (csv_file, check_csv),
}


def tried(folder, name, seed, number):
    """The share of damaged files that a reader reads; of ten files, one is whole."""
    make, check = READERS[name]
    accepted = 0
    for i in range(number):
        damage = i % 10 > 0
        content, file = make(random.Random(f"{seed}/{i}"), damage)
        path = folder / file
        path.unlink(missing_ok=True)  # emptying a file may wait for the disk
        path.write_bytes(content)
        try:
            check(path)
            accepted += damage
        except BaseException as error:
            if not damage or not isinstance(error, data.DataError):
                print(f"{name}, seed {seed}, input {i}: {content!r} as {file}")
                raise
    return accepted / (0.9 * number)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused(tmp_path, name):
    assert 0.05 < tried(tmp_path, name, seed=0, number=3_000) < 0.5


@pytest.mark.heavy
@pytest.mark.parametrize("name", READERS)
def test_many_more_damaged_files_are_read_or_refused(tmp_path, name):
    assert 0.05 < tried(tmp_path, name, seed=1, number=100_000) < 0.5
