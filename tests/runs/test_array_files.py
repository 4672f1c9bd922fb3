"""Arrays are read from a file as they were written, or refused."""

import hashlib
import os

import ml_dtypes
import numpy as np
import pytest

from jaxdl.runs import DamagedError, array_files

DRAWS = np.random.default_rng(0)
SHAPES = [(), (0,), (1,), (3, 0, 2), (2, 3, 5), (1, 1, 7)]


def written(tmp_path, *leaves):
    path = tmp_path / "1.bin"
    return path, array_files.write(path, leaves)


@pytest.mark.parametrize("dtype", [*array_files.NAMES, ml_dtypes.bfloat16])
def test_every_dtype_and_shape_is_read_as_it_was_written(tmp_path, dtype):
    leaves = [(100 * DRAWS.normal(size=shape)).astype(dtype) for shape in SHAPES]
    found = array_files.read(*written(tmp_path, *leaves))
    for one, other in zip(leaves, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


def test_infinities_nans_and_their_bits_are_kept(tmp_path):
    bits = np.array([0x7FC00001, 0xFFC00000, 0x7F800000, 0x80000000], np.uint32)
    (found,) = array_files.read(*written(tmp_path, bits.view(np.float32)))
    np.testing.assert_array_equal(found.view(np.uint32), bits)


def test_order_and_byte_order_in_memory_do_not_matter(tmp_path):
    plain = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    leaves = [np.asfortranarray(plain), plain.astype(">i4"), plain[:, ::2], plain.T]
    found = array_files.read(*written(tmp_path, *leaves))
    for one, other in zip(leaves, found, strict=True):
        np.testing.assert_array_equal(one, other)
        assert other.dtype == np.int32


def test_the_file_is_little_endian_bytes_in_c_order(tmp_path):
    path, index = written(tmp_path, np.array([[1, 2], [3, 4]], ">i2", order="F"), True)
    assert path.read_bytes() == b"\1\0\2\0\3\0\4\0" + b"\1"
    arrays = [["int16", [2, 2]], ["bool", []]]
    content = b'[["int16", [2, 2]], ["bool", []]]' + path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert index == {"arrays": arrays, "sha256": digest}


@pytest.mark.parametrize(
    "leaf", [np.array(["a"]), np.array([None]), np.array([1j]), np.array(1, "M8[s]"),
             np.zeros(2, "i4,f4"), np.longdouble(1)]
)  # fmt: skip
def test_what_is_not_a_number_is_refused_before_a_file_is_made(tmp_path, leaf):
    with pytest.raises(TypeError, match="expected one of bool"):
        array_files.write(tmp_path / "1.bin", [np.ones(2), leaf])
    assert not list(tmp_path.iterdir())


def test_each_flipped_bit_is_seen(tmp_path):
    path, index = written(tmp_path, DRAWS.normal(size=(7, 11)), np.arange(9), True)
    whole = path.read_bytes()
    for place in DRAWS.choice(8 * len(whole), 100, replace=False):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedError, match="expected those that were written"):
            array_files.read(path, index)
    path.write_bytes(whole)
    array_files.read(path, index)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"\0", lambda _: b""]
)
def test_another_size_is_seen(tmp_path, change):
    path, index = written(tmp_path, np.arange(5.0))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DamagedError, match=f"got {path.stat().st_size} bytes"):
        array_files.read(path, index)


def put_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "replace",
    [os.unlink, put_link, lambda p: (p.unlink(), p.mkdir()),
     lambda p: (p.unlink(), os.mkfifo(p)),
     lambda p: (p.unlink(), p.symlink_to("/dev/zero"))],
    ids=["nothing", "link", "folder", "pipe", "device"],
)  # fmt: skip
def test_only_a_plain_file_is_read(tmp_path, replace):
    path, index = written(tmp_path, np.arange(5.0))
    replace(path)
    with pytest.raises(DamagedError, match="expected a (plain file|file of arrays)"):
        array_files.read(path, index)


def test_a_link_that_comes_after_the_look_is_not_followed(tmp_path, monkeypatch):
    path, index = written(tmp_path, np.arange(5.0))
    look = type(path).lstat

    def swap(self):
        found = look(self)
        put_link(path)
        return found

    monkeypatch.setattr(type(path), "lstat", swap)
    with pytest.raises(DamagedError, match="got a link"):
        array_files.read(path, index)


@pytest.mark.parametrize(
    "entry",
    [
        ["float32", [2**60]], ["float32", [2**60, 0]], ["float32", [2**40, 2**40]],
        ["float32", [-2, -3]], ["float32", [2, "3"]], ["float32", [6.0]],
        ["float32", 6], ["float32", [True, 6]], ["float32", [1] * 40 + [6]],
        ["float32", None], ["float32", [3, 2]], ["int32", [2, 3]], ["O", [2, 3]],
        ["object", [2, 3]], ["<f4", [2, 3]], ["V4", [2, 3]], [None, [2, 3]],
        [["float32"], [2, 3]], ["float32"], ["float32", [2, 3], 1], None, {}, [], 3,
    ],
    ids=str,
)  # fmt: skip
def test_an_index_that_does_not_fit_is_refused_without_taking_memory(tmp_path, entry):
    path, index = written(tmp_path, np.ones((2, 3), np.float32))
    with pytest.raises(DamagedError):
        array_files.read(path, index | {"arrays": [entry]})
    array_files.read(path, index)


GOOD = ["float32", [2, 3]]


@pytest.mark.parametrize(
    "index",
    [None, 3, "text", {}, [], [GOOD], {"arrays": [GOOD]}, {"sha256": "0"},
     {"arrays": None, "sha256": "0"}, {"arrays": [GOOD] * 2, "sha256": "0"},
     {"arrays": [], "sha256": "0"}, {"arrays": [GOOD], "sha256": None}],
    ids=str,
)  # fmt: skip
def test_what_is_not_an_index_is_refused(tmp_path, index):
    path, _ = written(tmp_path, np.ones((2, 3), np.float32))
    with pytest.raises(DamagedError):
        array_files.read(path, index)


def test_an_index_with_more_in_it_is_refused(tmp_path):
    path, index = written(tmp_path, np.ones((2, 3), np.float32))
    with pytest.raises(DamagedError):
        array_files.read(path, index | {"more": 1})


@pytest.mark.parametrize("shape", [[0, 2**62], [2**40, 2**40, 0]])
def test_a_shape_of_no_bytes_is_small_in_its_other_sides_as_well(tmp_path, shape):
    path, index = written(tmp_path, np.ones(0, np.float32))
    with pytest.raises(DamagedError, match="in an index of arrays"):
        array_files.read(path, index | {"arrays": [["float32", shape]]})


def test_writing_that_is_done_in_pieces_is_whole(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, rest: write(file, rest[:7]))
    leaf = DRAWS.normal(size=(9, 9))
    (found,) = array_files.read(*written(tmp_path, leaf))
    np.testing.assert_array_equal(found, leaf)


def test_a_file_is_for_its_owner_alone(tmp_path):
    path, _ = written(tmp_path, np.ones(3))
    assert path.stat().st_mode & 0o777 == 0o600
