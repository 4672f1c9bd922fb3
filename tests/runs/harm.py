"""What harms a run of two records, and what is left of it then."""

import os
import sqlite3
import warnings

from jaxdl import runs
from tests.runs.processes import SPECIFICATION, record

OTHER = record(members=(2,), seed=5)


def change(folder, *statements):
    """Does to the database what its own rules forbid."""
    connection = sqlite3.connect(folder / "run.sqlite", isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    for rule in (" STRICT", " NOT NULL"):
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, '')", (rule,)
        )
    connection.close()
    connection = sqlite3.connect(folder / "run.sqlite", isolation_level=None)
    for statement, *values in statements:
        connection.execute(statement, values)
    connection.close()


def left(folder):
    """The records that the owner still has, and those that a reader before it had."""
    with runs.read_run(folder) as reader:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            read = reader.records(0)
            assert len(told) == 2 - len(read)
    with runs.open_run(folder, SPECIFICATION) as store:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = store.records(0)
            assert len(told) == 2 - len(found)
            assert all("left out, so that its members" in str(w.message) for w in told)
        assert [r.id for r in read] == [r.id for r in found]
        assert [r.id for r in store.records(0)] == [r.id for r in found]  # no warning
        assert set(os.listdir(folder / "checkpoints")) == store.files()
    return found


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
