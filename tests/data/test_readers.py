"""The readers of files: what they read, what they refuse, and in how much memory."""

import gzip
import hashlib
import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import files


def written(folder, content, name="file"):
    (folder / name).write_bytes(content)
    return folder / name


# IDX files


def idx(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def idx_header(*shape):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_idx_files_are_read_plain_and_gzipped(tmp_path):
    plain = written(tmp_path, idx(ARRAY))
    zipped = written(tmp_path, gzip.compress(idx(ARRAY)), "file.gz")
    digest = hashlib.sha256(idx(ARRAY)).hexdigest()
    for path in (plain, zipped, str(plain)):
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
    "not gzip, .gz": (b"plain text", "not a whole gzip"),
    "gzip header cut, .gz": (GZIPPED[:5], "not a whole gzip"),
    "gzip cut, .gz": (GZIPPED[:20], "not a whole gzip"),
    "gzip cut by a byte, .gz": (GZIPPED[:-1], "not a whole gzip"),
    "gzip without its start, .gz": (GZIPPED[5:], "not a whole gzip"),
    "gzip with another checksum, .gz": (GZIPPED[:-8] + bytes(8), "not a whole gzip"),
    "gzip with a block of no kind, .gz": (
        GZIPPED[:10] + b"\xff" + GZIPPED[11:],
        "not a whole gzip",
    ),
    "gzip and garbage, .gz": (GZIPPED + b"and more", "not a whole gzip"),
    "gzip and half a gzip, .gz": (GZIPPED + GZIPPED[:10], "not a whole gzip"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED_IDX)
def test_files_that_are_not_idx_are_refused(tmp_path, name):
    content, message = MALFORMED_IDX[name]
    path = written(tmp_path, content, "file.gz" if name.endswith(".gz") else "file")
    with pytest.raises(data.DataError, match=f"{path}.*{message}"):
        data.read_idx(path)


# npz files


def npy(header, content=b"", version=(1, 0), length=None):
    """A .npy file with any header, which may lie about its own length."""
    size = len(header) if length is None else length
    form = "<H" if version == (1, 0) else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, size) + header + content


def described(descr, shape, order="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return text.encode()


def archived(members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


GOOD = npy(described("'<i2'", "(2, 3)"), struct.pack("<6h", *range(-1, 5)))


def test_an_npz_file_written_by_hand_is_read(tmp_path):
    fortran = npy(described("'>u2'", "(2, 3)", "True"), struct.pack(">6H", *range(6)))
    second = npy(described("'<f8'", "()"), struct.pack("<d", 1.5), (2, 0))
    members = [("a.npy", GOOD), ("layers/0.npy", fortran), ("c.npy", second)]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        arrays = data.read_npz(written(tmp_path, archived(members, method)))
        assert list(arrays) == ["a", "layers/0", "c"]
        assert arrays["a"].tolist() == [[-1, 0, 1], [2, 3, 4]]
        assert arrays["layers/0"].tolist() == [[0, 2, 4], [1, 3, 5]]
        assert arrays["c"].shape == () and arrays["c"] == 1.5


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_comes_back_whole(tmp_path, save):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (700, 11))
    arrays = {kind: bits.astype(kind) for kind in ("?", "b", "u1", "i4", "<f2", ">f8")}
    arrays |= {
        "fortran": np.asfortranarray(rng.normal(size=(60, 70, 80))),
        "every other": np.arange(10)[::2],
        "scalar": np.float32(3),
        "empty": np.zeros((0, 5)),
        "": np.zeros((1,) * 64),
    }
    save(tmp_path / "file.npz", **arrays)
    read = data.read_npz(tmp_path / "file.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
        read[name][...] = 0  # may be changed in place, as what numpy.load gives
    save(tmp_path / "none.npz")
    assert data.read_npz(tmp_path / "none.npz") == {}


def one(header, content=b"", **options):
    return archived([("a.npy", npy(header, content, **options))])


def patched(content, *, offset, form, value):
    """An archive of one member with a field of its directory entry replaced."""
    at = content.rindex(b"PK\1\2") + offset
    size = struct.calcsize(form)
    return content[:at] + struct.pack(form, value) + content[at + size :]


def compressed(stream, size, stored):
    """An archive whose member is said to be a deflated stream of these sizes."""
    content = patched(archived([("a.npy", stream)]), offset=10, form="<H", value=8)
    content = patched(content, offset=20, form="<I", value=stored)
    return patched(content, offset=24, form="<I", value=size)


def offset_by(content, offset):
    """An archive of one member whose place is given in 64 bits."""
    content = patched(content, offset=30, form="<H", value=12)
    content = patched(content, offset=42, form="<I", value=2**32 - 1)
    start, end = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
    size = struct.pack("<I", end - start + 12)
    extra = struct.pack("<HHQ", 1, 8, offset)
    return content[:end] + extra + content[end:][:12] + size + content[end + 16 :]


SIMPLE = archived([("a.npy", GOOD)])
UNFINISHED = b"\1" + struct.pack("<HH", 60_000, 60_000 ^ 0xFFFF) + GOOD
NUMBERS = described("'<f4'", "(2,)")
NESTED = "(" * 500 + ")" * 500

MALFORMED_NPZ = {
    "empty": (b"", "the archive: got content that cannot be read .BadZipFile"),
    "text": (b"not an archive" * 9, "File is not a zip file"),
    "a .npy file": (GOOD, "File is not a zip file"),
    "cut": (SIMPLE[:-30], "File is not a zip file"),
    "cut in front": (SIMPLE[30:], "array 'a'|the archive"),
    "bad CRC": (SIMPLE.replace(b"\4\0PK", b"\5\0PK"), "array 'a'.*Bad CRC-32"),
    "encrypted": (
        patched(SIMPLE, offset=8, form="<H", value=1),
        "encrypted or compressed by method 0",
    ),
    "bzip2": (archived([("a.npy", GOOD)], zipfile.ZIP_BZIP2), "by method 12"),
    "lzma": (archived([("a.npy", GOOD)], zipfile.ZIP_LZMA), "by method 14"),
    "unknown method": (patched(SIMPLE, offset=10, form="<H", value=77), "method 77"),
    "patched data": (
        patched(SIMPLE, offset=8, form="<H", value=0x20),
        "array 'a'.*NotImplementedError",
    ),
    "version of the future": (
        patched(SIMPLE, offset=6, form="<H", value=99),
        "the archive.*NotImplementedError",
    ),
    "a name that is not UTF-8": (
        patched(SIMPLE.replace(b"a.npy", b"\xff.npy"), offset=8, form="<H", value=2048),
        "the archive.*UnicodeDecodeError",
    ),
    "two names": (
        patched(SIMPLE, offset=46, form="5s", value=b"b.npy"),
        "array 'b'.*File name in directory",
    ),
    "stored size of 4 GiB": (
        patched(SIMPLE, offset=20, form="<I", value=2**32 - 2),
        "got arrays that take 4294967294 bytes",
    ),
    "stored size too short": (
        patched(SIMPLE, offset=20, form="<I", value=20),
        "array 'a': got content that cannot be read",
    ),
    "member beyond the end": (offset_by(SIMPLE, 10**6), "array 'a'.*BadZipFile"),
    "member beyond 64 bits": (offset_by(SIMPLE, 2**64 - 1), "array 'a'.*Overflow"),
    "no deflated stream": (compressed(b"\xff" * 99, 99, 99), "array 'a'.*error: "),
    "a stream that goes on": (compressed(UNFINISHED, 9999, 60_005), "EOF|Overlapped"),
    "two arrays of one name": (
        archived([("a.npy", GOOD), ("b.npy", GOOD)]).replace(b"b.npy", b"a.npy"),
        "member named 'a'; expected names that differ",
    ),
    "not an array": (archived([("a.txt", b"text")]), "member named 'a.txt'"),
    "a folder": (archived([("a/", b"")]), "member named 'a/'"),
    "an empty member": (archived([("a.npy", b"")]), "magic string"),
    "an archive in it": (archived([("a.npy", SIMPLE)]), "magic string is not correct"),
    "objects": (one(described("'|O'", "(1,)"), b"\x80\x04N."), "got type object"),
    "text in it": (one(described("'<U2'", "(1,)"), bytes(8)), "got type <U2"),
    "complex": (one(described("'<c8'", "(1,)"), bytes(8)), "got type complex64"),
    "dates": (one(described("'<M8[s]'", "(1,)"), bytes(8)), "got type datetime64"),
    "records": (one(described("[('a', '<f4')]", "(1,)"), bytes(4)), "got type .*'a'"),
    "sub-arrays": (one(described("('<f4', (2,))", "(1,)"), bytes(8)), "expected real"),
    "negative sizes": (one(described("'<f4'", "(-1, -2)"), bytes(8)), r"\(-1, -2\)"),
    "too short": (one(NUMBERS, bytes(7)), r"array 'a': got \d+ bytes; expected"),
    "too long": (one(NUMBERS, bytes(9)), r"array 'a': got \d+ bytes; expected"),
    "10^12 entries": (one(described("'<f4'", f"({10**12},)")), "expected 4000000000"),
    "a size to be computed": (one(described("'<f4'", "(10**12,)")), "cannot be read"),
    "10^3000 entries": (one(described("'<f4'", f"(1{'0' * 3000},)")), "expected 4000"),
    "0 times 10^4000": (one(described("'<f4'", f"(0, 1{'0' * 4000})")), "array 'a'"),
    "0 times 2^70": (one(described("'<f4'", f"(0, {2**70})")), "Maximum allowed dim"),
    "65 axes": (one(described("'<u1'", (1,) * 65), b"x"), "maximum supported"),
    "truth for a size": (one(described("'<f4'", "(True,)"), bytes(4)), "TypeError"),
    "truth values of 2": (one(described("'|b1'", "(2,)"), b"\1\2"), "bytes other than"),
    "shape of a list": (one(described("'<f4'", "[2]"), bytes(8)), "shape is not valid"),
    "order that is none": (one(described("'<f4'", "(1,)", "2")), "fortran_order"),
    "type that is none": (one(described("'what'", "(1,)")), "not a valid dtype"),
    "type of nothing": (one(described("()", "(1,)")), "IndexError"),
    "keys that are missing": (one(b"{'descr': '<f4'}"), "correct keys"),
    "keys of two types": (one(b"{1: 2, 'a': 3}"), "array 'a': got content"),
    "header of Python 2": (one(described("'<f4'", "(2L,)"), bytes(8)), "Python 2"),
    "header that calls": (one(described("'<f4'", "(abs(2),)"), bytes(8)), "malformed"),
    "deep header": (one(described("'<f4'", NESTED)), "array 'a'.*cannot be read"),
    "header that overflows": (
        one(b"(lambda:not -" * 190 + b"1" + b")" * 190),
        "array 'a'.*MemoryError",
    ),
    "deeper header": (one(b"(" * 3000 + b")" * 3000), "array 'a'"),
    "long sum in the header": (one(b"1" + b"+1" * 2000), "array 'a'.*cannot be read"),
    "many signs in the header": (one(b"-" * 3900 + b"1"), "array 'a'.*cannot be read"),
    "header that never ends": (one(b"{'descr': '''"), "array 'a'.*cannot be read"),
    "header over the limit": (one(described("'<f4'", "(1,)") + b" " * 9000), "EOF"),
    "header of 4 GiB": (one(b"{", version=(2, 0), length=2**32 - 1), "EOF: reading"),
    "version 3": (one(NUMBERS, bytes(8), version=(3, 0)), r"version \(3, 0\)"),
    "version 9": (one(NUMBERS, bytes(8), version=(9, 9)), r"version \(9, 9\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED_NPZ)
def test_files_that_are_not_npz_are_refused(tmp_path, name):
    content, message = MALFORMED_NPZ[name]
    path = written(tmp_path, content)
    with pytest.raises(data.DataError, match=f"(?s){path}: .*({message})"):
        data.read_npz(path)


# CSV files

IRIS = b"length,width,kind\n5.1,3.5,setosa\n7,-3.2e0,virginica\n6.3,.5,setosa\n"


@pytest.mark.parametrize(
    "content",
    [
        IRIS,
        IRIS[:-1],
        IRIS.replace(b"\n", b"\r\n"),
        IRIS.replace(b"setosa", b'"setosa"').replace(b"6.3", b'" 6.3"'),
        b"\xef\xbb\xbfkind,length,width\nsetosa,5.1,3.5\nvirginica,7,-3.2\nsetosa,6.3,0.5",
    ],
)
def test_csv_files_are_read_in_all_their_dialects(tmp_path, content):
    plain = written(tmp_path, content)
    zipped = written(tmp_path, gzip.compress(content), "file.csv.gz")
    for path in (plain, str(zipped)):
        inputs, labels, _ = data.read_csv(path, label="kind")
        assert inputs.tolist() == [[5.1, 3.5], [7, -3.2], [6.3, 0.5]]
        assert labels.tolist() == [0, 1, 0] and labels.dtype == np.int32


@pytest.mark.parametrize(
    ("column", "expected", "kind"),
    [
        ("3 0 7", [3, 0, 7], "i"),
        ("+3 -0 2147483647", [3, 0, 2**31 - 1], "i"),
        ("3 0.0 7", [3, 0, 7], "f"),
        ("-3 1e2 7", [-3, 100, 7], "f"),
        ("cat Dog bird", [2, 0, 1], "i"),  # upper case sorts first
        ("v10 v9 v10", [0, 1, 0], "i"),
        ("\u00e9 z \u00e9", [1, 0, 1], "i"),
        ('"a,""b""" a x_1', [1, 0, 2], "i"),
    ],
)
def test_labels_become_classes_or_targets(tmp_path, column, expected, kind):
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(column.split(" ")))
    labels = data.read_csv(written(tmp_path, f"x,y\n{rows}".encode()), label="y").labels
    assert labels.tolist() == expected and labels.dtype.kind == kind


def test_a_large_csv_file_is_read_as_numpy_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 7)) * 10.0 ** rng.integers(-9, 9, (500, 7))
    table[:, 0] = 1.7e9 + np.arange(500)  # times, which float32 would run together
    path = tmp_path / "file"
    np.savetxt(path, table, delimiter=",", header="a,b,c,d,e,f,g", comments="")
    inputs, labels, _ = data.read_csv(path, label="d")
    np.testing.assert_array_equal(inputs, np.delete(table, 3, 1), strict=True)
    np.testing.assert_array_equal(labels, table[:, 3].astype(np.float32), strict=True)


def test_blank_lines_and_spaces_after_commas_mean_nothing(tmp_path):
    content = b"\nx, kind\n\n1, cat\n2,cat \n\r\n3,  dog\n\n"
    read = data.read_csv(written(tmp_path, content), label="kind")
    assert read.inputs.tolist() == [[1], [2], [3]]
    assert read.labels.tolist() == [0, 0, 1]


LONG = b"1" * 1001

MALFORMED_CSV = {
    "empty": (b"", r"line 1: got the columns \[\]"),
    "only blank lines": (b"\n\r\n", r"line 1: got the columns \[\]"),
    "only names": (b"x,y\n", "no rows"),
    "no such label": (b"x,z\n1,2\n", r"got the columns \['x', 'z'\]; expected 'y'"),
    "no features": (b"y\n1\n", "at least one feature"),
    "one name twice": (b"x,x,y\n1,2,3\n", "names that differ"),
    "no name": (b",x,y\n1,2,3\n", "none empty"),
    "too few cells": (b"x,y\n1,2\n3\n", "line 3: got 1 cells; expected 2"),
    "too many cells": (b"x,y\n1,2\n3,4,5\n", "line 3: got 3 cells; expected 2"),
    "a blank line before": (b"x,y\n\n1,2\n3\n", "line 4: got 1 cells"),
    "text": (b"x,z,y\n1,2,3\n1,a,3\n", "line 3, column 'z': got 'a'"),
    "an empty cell": (b"x,z,y\n1,2,3\n,2,3\n", "line 3, column 'x': got ''"),
    "nan": (b"y,x,z\n3,1,nan\n", "line 2, column 'z': got 'nan'"),
    "infinity": (b"x,y\n-inf,2\n", "column 'x': got '-inf'; expected a number"),
    "beyond float64": (b"x,y\n1e999,2\n", "got '1e999'; expected .* finite in float32"),
    "beyond float32": (b"x,y\n4e38,2\n", "got '4e38'; expected .* finite in float32"),
    "a date": (b"x,y\n2020_05,2\n", "got '2020_05'"),
    "hexadecimal": (b"x,y\n0x10,2\n", "got '0x10'"),
    "a decimal comma": (b'x,y\n"1,5",2\n', "got '1,5'"),
    "no label": (b"x,y\n1,a\n2, \n", "line 3: got the label ''"),
    "text after numbers": (b"x,y\n1,2\n2,?\n", r"line 3: got the label '\?'"),
    "numbers after text": (b"x,y\n1,?\n2,2\n", "line 3: got the label '2'"),
    "nan among labels": (b"x,y\n1,2\n2,nan\n", "line 3: got the label 'nan'"),
    "only nan for labels": (b"x,y\n1,nan\n2,nan\n", "line 2: got the label 'nan'"),
    "labels too large": (b"x,y\n1,4e38\n", "line 2: got the label '4e38'"),
    "a negative class": (b"x,y\n1,2\n2,-1\n", "row 1: got label -1; expected classes"),
    "a class too large": (b"x,y\n1,2147483648\n", "row 0: got label 2147483648"),
    "a huge class": (b"x,y\n1,9" + b"0" * 30 + b"\n", "row 0: got label 8999"),
    "not UTF-8": (b"x,y\n1,2\n1,\xe9\n", "line 3: got text that is not CSV in UTF-8"),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), "line 1: got a NUL byte"),
    "a NUL byte": (b"x,y\n1,2\0\n", "line 2: got a NUL byte"),
    "a quote that stays open": (b'x,y\n1,"2\n3,4\n', "line 2: .*end of data"),
    "text after a quote": (b'x,y\n1,"2"3\n', "line 2: .*',' expected after"),
    "lines that end in CR": (b"x,y\r1,2\r", "line 1: .*new-line character"),
    "a long cell": (b"x,y\n1,2\n" + LONG + b",2\n", "line 3: got a cell over 1000"),
    "a longer cell": (b"x,y\n" + LONG * 200 + b",2\n", "line 2: .*field limit"),
    "a long line": (b"x,y\n" + b"1," * 2**19 + b"2\n", "line 2: got .* over 1048576"),
    "a long name": (LONG + b",y\n1,2\n", "line 1: got a cell over 1000"),
    "a table of something else": (SIMPLE, "line 1: "),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED_CSV)
def test_files_that_are_no_tables_of_numbers_are_refused(tmp_path, name):
    content, message = MALFORMED_CSV[name]
    path = written(tmp_path, content)
    with pytest.raises(data.DataError, match=f"(?s){path}: .*({message})"):
        data.read_csv(path, label="y")


def test_a_label_column_of_names_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data.tables, "MAX_CLASSES", 3)
    rows = b"x,y\n1,a\n1,b\n1,a\n1,c\n1,b\n"
    assert data.read_csv(written(tmp_path, rows), label="y").labels.max() == 2
    with pytest.raises(data.DataError, match="line 7: got label 'd' after 3 others"):
        data.read_csv(written(tmp_path, rows + b"1,d\n"), label="y")


# all readers

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
