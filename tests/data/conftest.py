"""A data set, and files as the readers meet them, written by hand."""

import io
import struct
import zipfile

import numpy as np

from jaxdl import data


def dataset(m=100, features=3):
    """Returns four classes in turn."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(5, 2, (m, features))
    return data.from_arrays(inputs, np.arange(m) % 4, classes=4)


def written(folder, content, name="file"):
    (folder / name).write_bytes(content)
    return folder / name


def idx(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def idx_header(*shape):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


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


def one(header, content=b"", **options):
    return archived([("a.npy", npy(header, content, **options))])


def patched(content, *, offset, form, value):
    """An archive of one member with a field of its directory entry replaced."""
    at = content.rindex(b"PK\1\2") + offset
    size = struct.calcsize(form)
    return content[:at] + struct.pack(form, value) + content[at + size :]


SIMPLE = archived([("a.npy", GOOD)])
