"""Damage to a run of two records, and what is left of the run then."""

import os
import sqlite3
import warnings

from jaxdl import runs
from tests.runs.processes import SPECIFICATION, record

OTHER = record(members=(2,), seed=5)


def change(folder, *statements):
    """Changes the database in ways that its own rules forbid."""
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
    """The records that the owner still has; a reader before it has the same ones."""
    with runs.read_run(folder) as reader:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read = reader.load(0)
            assert len(caught) == 2 - len(read)
    with runs.open_run(folder, SPECIFICATION) as store:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = store.load(0)
            assert len(caught) == 2 - len(found)
            assert all(
                "left out and its members train" in str(w.message) for w in caught
            )
        assert [r.id for r in read] == [r.id for r in found]
        assert [r.id for r in store.load(0)] == [r.id for r in found]  # no warning
        assert set(os.listdir(folder / "checkpoints")) == store.files()
    return found


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
