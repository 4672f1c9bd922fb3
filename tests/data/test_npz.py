"""NumPy archives: what is read and what is refused."""

import struct
import zipfile

import numpy as np
import pytest

from jaxdl import data
from tests.data.conftest import (
    GOOD,
    SIMPLE,
    archived,
    described,
    npy,
    one,
    patched,
    written,
)


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
def test_files_written_by_numpy_are_read_whole(tmp_path, save):
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


def compressed(stream, size, stored):
    """An archive that lists its member as a deflated stream of these sizes."""
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
    "bytes in it": (one(described("'|S2'", "(1,)"), bytes(2)), "expected real"),
    "no character": (one(described("'<U1'", "(1,)"), b"\0\0\x11\0"), "no charac"),
    "half a character": (one(described("'>U1'", "(1,)"), b"\0\0\xd8\0"), "no charac"),
    "complex": (one(described("'<c8'", "(1,)"), bytes(8)), "got type complex64"),
    "dates": (one(described("'<M8[s]'", "(1,)"), bytes(8)), "got type datetime64"),
    "records": (one(described("[('a', '<f4')]", "(1,)"), bytes(4)), "got type .*'a'"),
    "sub-arrays": (one(described("('<f4', (2,))", "(1,)"), bytes(8)), "expected real"),
    "negative sizes": (one(described("'<f4'", "(-1, -2)"), bytes(8)), r"\(-1, -2\)"),
    "too short": (one(NUMBERS, bytes(7)), "array 'a'.*must be a multiple"),
    "too long": (one(NUMBERS, bytes(9)), "array 'a'.*must be a multiple"),
    "an entry too few": (one(NUMBERS, bytes(4)), r"size 1 into shape \(2,\)"),
    "an entry too many": (one(NUMBERS, bytes(12)), r"size 3 into shape \(2,\)"),
    "10^12 entries": (one(described("'<f4'", f"({10**12},)")), r"into shape .10{12},"),
    "a size to be computed": (one(described("'<f4'", "(10**12,)")), "cannot be read"),
    "10^3000 entries": (one(described("'<f4'", f"(1{'0' * 3000},)")), "Maximum allow"),
    "0 times 10^4000": (one(described("'<f4'", f"(0, 1{'0' * 4000})")), "array 'a'"),
    "0 times 2^70": (one(described("'<f4'", f"(0, {2**70})")), "Maximum allowed dim"),
    "65 axes": (one(described("'<u1'", (1,) * 65), b"x"), "maximum supported"),
    "truth for a size": (one(described("'<f4'", "(True,)"), bytes(4)), "TypeError"),
    "truth values of 2": (one(described("'|b1'", "(2,)"), b"\1\2"), "bytes other than"),
    "shape of a list": (one(described("'<f4'", "[2]"), bytes(8)), "shape is not valid"),
    "an invalid order": (one(described("'<f4'", "(1,)", "2")), "fortran_order"),
    "an invalid type": (one(described("'what'", "(1,)")), "not a valid dtype"),
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
def test_malformed_npz_files_are_refused(tmp_path, name):
    content, message = MALFORMED_NPZ[name]
    path = written(tmp_path, content)
    with pytest.raises(data.DataError, match=f"(?s){path}: .*({message})"):
        data.read_npz(path)


@pytest.mark.parametrize("order", "<>")
def test_labels_that_are_texts_become_classes_by_name(tmp_path, order):
    species = np.array(["oak", "ash", "ash", "\U0001f333"]).astype(f"{order}U3")
    np.savez(tmp_path / "a.npz", inputs=np.zeros((4, 2)), species=species)
    arrays = data.read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(arrays["species"], species)
    whole = data.from_arrays(arrays["inputs"], arrays["species"])
    assert whole.about.classes == ("ash", "oak", "\U0001f333")
    assert whole.labels.tolist() == [1, 0, 0, 2]
