"""A database that differs from what was written is refused."""

import os
import random
import sqlite3
import time
import tracemalloc
import warnings
from contextlib import suppress

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import array_files, records
from tests.runs.harm import OTHER, change, flip, left
from tests.runs.processes import HPARAMS, MEMBERS, SPECIFICATION, record, same

INDEX = '{"arrays": [["float64", %s]], "sha256": "0"}'
HOSTILE = [
    ("UPDATE records SET arrays = ? WHERE id = 1", INDEX % [2**60]),
    ("UPDATE records SET arrays = ? WHERE id = 1", INDEX % [-5]),
    ("UPDATE records SET arrays = ? WHERE id = 1", INDEX % "[NaN]"),
    ("UPDATE records SET arrays = ? WHERE id = 1", INDEX.replace("float64", "O") % [2]),
    ("UPDATE records SET arrays = ? WHERE id = 1", "no json"),
    ("UPDATE records SET arrays = ? WHERE id = 1", "[" * 10**6),
    ("UPDATE records SET arrays = ? WHERE id = 1", "null"),
    ("UPDATE records SET arrays = ? WHERE id = 1", None),
    ("UPDATE records SET arrays = ? WHERE id = 1", b"\xff\xfe"),
    ("UPDATE records SET arrays = ? WHERE id = 1", 5),
    ("UPDATE records SET until = ? WHERE id = 1", 2**62),
    ("UPDATE records SET until = ? WHERE id = 1", "two"),
    ("UPDATE records SET first = ? WHERE id = 1", -(2**62)),
    ("UPDATE records SET kept = ? WHERE id = 1", "weights"),
    ("UPDATE records SET kept = ? WHERE id = 1", ""),
    ("UPDATE records SET kept = ? WHERE id = 1", None),
    ("UPDATE records SET kept = ? WHERE id = 1", 1),
    ("UPDATE records SET sha256 = ? WHERE id = 1", None),
    ("UPDATE status SET steps = ? WHERE record = 1", "many"),
    ("UPDATE status SET steps = ? WHERE record = 1", 21),
    ("UPDATE status SET member = ? WHERE record = 1 AND position = 0", 2),
    ("UPDATE status SET member = ? WHERE record = 1", "zero"),
    ("DELETE FROM status WHERE record = 1 AND position = ?", 1),
    ("UPDATE metrics SET dev_error = ? WHERE member = 0", "0.5"),
    ("UPDATE metrics SET dev_error = ? WHERE member = 0 AND epoch = 1", 0.5),
    ("DELETE FROM metrics WHERE member = 0 AND epoch = ?", 1),
]  # fmt: skip


@pytest.mark.parametrize("statement", HOSTILE, ids=str)
def test_hostile_values_in_the_database_are_refused_without_taking_memory(
    folder, statement
):
    change(folder, statement)
    tracemalloc.start()
    found = left(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [r.id for r in found] == [2] and same(found[0], OTHER)
    assert peak < 2**26


@pytest.mark.parametrize(
    ("field", "value"),
    [("arrays", INDEX % [2**60]), ("arrays", INDEX % [-5]), ("arrays", "[" * 10**5),
     ("arrays", "7"), ("arrays", "NaN"), ("arrays", "null"), ("arrays", b"x"),
     ("until", 2**62), ("until", "two"), ("first", None), ("first", 1),
     ("status", np.array([[0, 1, 2, 20, -1]])), ("status", np.zeros((0, 5), int)),
     ("status", np.array([[0, 1], [1, 1]])), ("status", np.zeros((2, 5, 1), int)),
     ("status", np.array([[0, 1, 2, 20, 2**31], [1, 1, 2, 20, -1]])),
     ("metrics", np.ones((3, 1))), ("metrics", np.ones((4, 2))),
     ("metrics", np.ones((4, 0)))],
    ids=str,
)  # fmt: skip
def test_hostile_values_whose_digest_fits_are_refused_as_well(folder, field, value):
    with runs.read_run(folder) as store:
        (row, *_), names = store._rows(0), store.metrics
        stored = records.read(store._connection, row, names)
    records.from_rows(stored, names, records.digest(stored))
    hostile = stored._replace(**{field: value})
    with pytest.raises(runs.DamagedError):
        array_files.read(
            folder / "checkpoints" / "1.bin",
            records.from_rows(hostile, names, records.digest(hostile))[1],
        )
    if field in records.RecordRow._fields:
        statement = f"UPDATE records SET {field} = ?, sha256 = ? WHERE id = 1"
        change(folder, (statement, value, records.digest(hostile)))
        assert [r.id for r in left(folder)] == [2]


@pytest.mark.parametrize(
    "statement",
    [
        ("UPDATE hyperparameters SET value = ? WHERE member = 1", "text"),
        ("UPDATE hyperparameters SET type = ? WHERE member = 1", "object"),
        ("UPDATE hyperparameters SET type = ? WHERE member = 1", "bool"),
        ("DELETE FROM hyperparameters WHERE member = ?", 1),
        ("UPDATE rungs SET until = ? WHERE member = 1", "late"),
        ("UPDATE rungs SET until = ? WHERE member = 1", None),
        ("UPDATE rungs SET rung = ?", 3),
        ("UPDATE hyperparameters SET value = ? WHERE member = 1", 0.25),
        ("UPDATE hyperparameters SET name = ?", "rate"),
        ("DELETE FROM hyperparameters WHERE member != ?", 7),
        ("UPDATE rungs SET until = ? WHERE member = 1", 5),
        ("UPDATE rungs SET parent = ? WHERE member = 1", 0),
        ("UPDATE rungs SET position = ? WHERE position = 0", 3),
        ("DELETE FROM rungs WHERE member = ?", 2),
        ("DELETE FROM rungs WHERE member != ?", 7),
        ("DELETE FROM digests WHERE what = ?", "rung"),
        ("UPDATE digests SET sha256 = ? WHERE what = 'rung'", "0"),
        ("UPDATE digests SET number = ? WHERE what = 'rung'", 1),
    ],
    ids=str,
)
def test_rungs_that_are_not_those_written_are_refused(folder, statement):
    change(folder, statement)
    with runs.read_run(folder) as store:
        with pytest.raises(runs.DamagedError, match="database .* is damaged"):
            store.rungs()
    assert runs.doctor(folder).problems
    with runs.open_run(folder, SPECIFICATION) as store:
        with pytest.raises(runs.DamagedError, match="database .* is damaged"):
            store.enter(0, MEMBERS, HPARAMS, 4)


@pytest.mark.parametrize("last", [2**63 - 1, -1, "many", None, 0.5])
def test_a_last_id_that_no_run_gives_is_damage(folder, last):
    change(folder, ("UPDATE sqlite_sequence SET seq = ?", last))
    with pytest.raises(runs.DamagedError, match="the last id"):
        runs.open_run(folder, SPECIFICATION)


@pytest.mark.parametrize("statement", ["UPDATE sqlite_sequence SET seq = 0",
                                       "DELETE FROM sqlite_sequence"])  # fmt: skip
def test_an_id_that_is_forgotten_is_not_used_again(folder, statement):
    change(folder, (statement,))
    with runs.open_run(folder, SPECIFICATION) as store:
        more = record(4, first=2, members=(2,))
        assert store.commit(more) == 3
        assert all(map(same, store.load(0), (record(), OTHER, more)))


@pytest.mark.parametrize("where", ["1", "part = 'epochs'"])
def test_a_part_of_the_specification_that_is_lost_is_damage(folder, where):
    change(folder, (f"DELETE FROM specification WHERE {where}",))
    (problem,) = runs.doctor(folder).problems
    assert "damaged (the specification: got other rows" in problem


@pytest.mark.parametrize(
    "statement",
    ["CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END",
     "CREATE VIEW v AS SELECT 1",
     "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, "
     "'CREATE VIRTUAL TABLE v USING other(x)')"],
)  # fmt: skip
def test_a_database_that_does_more_than_hold_tables_is_refused(folder, statement):
    change(folder, ("PRAGMA writable_schema = ON",), (statement,))
    with pytest.raises(runs.DamagedError, match="is not part of a run"):
        runs.open_run(folder, SPECIFICATION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("arrays TEXT NOT NULL",
         "arrays TEXT GENERATED ALWAYS AS (hex(zeroblob(300000000)))"),
        ("FOREIGN KEY (rung, member)",
         "CHECK (hex(zeroblob(300000000)) > ''), FOREIGN KEY (rung, member)"),
        ("ON status (member)", "ON status (hex(zeroblob(300000000)))"),
    ],
    ids=["generated column", "check", "index"],
)  # fmt: skip
def test_a_database_that_computes_is_refused_before_it_does(folder, old, new):
    connection = sqlite3.connect(folder / "run.sqlite", isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (old, new))
    connection.close()
    start = time.monotonic()
    with suppress(runs.DamagedError):
        runs.open_run(folder, SPECIFICATION).close()
    found = runs.doctor(folder)
    assert time.monotonic() - start < 1
    assert bool(found.problems) == (old != "FOREIGN KEY (rung, member)")


def test_a_table_of_other_metrics_than_the_specification_lists_is_refused(folder):
    change(folder, ("ALTER TABLE metrics RENAME dev_error TO dev_loss",))
    with pytest.raises(runs.DamagedError, match="table of metrics has other columns"):
        runs.open_run(folder, SPECIFICATION)


@pytest.mark.parametrize("rows", [[3], [0], [-1], [1, 1], ["one"], [None], [0.5]])
def test_an_end_of_the_search_that_contradicts_the_rungs_is_damage(folder, rows):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.finish(1)
    change(folder, ("DELETE FROM finished",),
           *(("INSERT INTO finished VALUES (?)", row) for row in rows))  # fmt: skip
    with pytest.raises(runs.DamagedError, match="the search ended after"):
        runs.is_finished(folder)
    assert any("the search ended after" in p for p in runs.doctor(folder).problems)


@pytest.mark.parametrize("content", [b"", b"x", b"no database" * 1000, bytes(8192)])
def test_a_file_that_is_not_a_database_is_refused_with_advice(folder, content):
    (folder / "run.sqlite").write_bytes(content)
    for opened in (runs.read_run, lambda path: runs.open_run(path, SPECIFICATION)):
        with pytest.raises((runs.DamagedError, runs.RunMismatchError), match="folder"):
            opened(folder)
    assert (folder / "run.sqlite").read_bytes() == content
    assert os.listdir(folder / "checkpoints")


def test_a_page_of_the_database_that_is_lost_is_seen_at_opening(folder):
    connection = sqlite3.connect(folder / "run.sqlite")
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'metrics'"
    ).fetchone()
    connection.close()
    content = bytearray((folder / "run.sqlite").read_bytes())
    content[4096 * (page - 1) : 4096 * page] = bytes(4096)
    (folder / "run.sqlite").write_bytes(content)
    for opened in (runs.read_run, lambda path: runs.open_run(path, SPECIFICATION)):
        with pytest.raises(runs.DamagedError, match="copy the folder first"):
            opened(folder)


def test_a_count_of_free_pages_that_is_wrong_is_seen_at_opening(folder):
    with open(folder / "run.sqlite", "r+b") as file:
        file.seek(36)  # of the header; no query reads it
        file.write((5).to_bytes(4, "big"))
    with pytest.raises(runs.DamagedError, match="copy the folder first"):
        runs.read_run(folder)


def test_flipped_bits_in_the_database_are_never_believed(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.finish(1)
    whole, draws, refused = (folder / "run.sqlite").read_bytes(), random.Random(0), 0
    for _ in range(150):
        (folder / "run.sqlite").write_bytes(whole)
        for name in ("1.bin", "2.bin"):
            if (folder / "damaged" / name.replace(".", ".0.")).exists():
                os.replace(folder / "damaged" / name.replace(".", ".0."),
                           folder / "checkpoints" / name)  # fmt: skip
        flip(folder / "run.sqlite", draws.randrange(8 * len(whole)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with runs.read_run(folder) as store:
                    found, rungs = store.load(0), store.rungs()
                    specification, finished = store.specification, store.finished
            except (OSError, ValueError):
                refused += 1
                continue
        assert all(same(r, {1: record(), 2: OTHER}[r.id]) for r in found)
        assert specification == SPECIFICATION and finished
        for rung in rungs:
            assert rung.hparams == HPARAMS and rung.members.tolist() == MEMBERS
            assert rung.until.tolist() == [4, 4, 4] and rung.parents is None
    assert 0 < refused < 150
