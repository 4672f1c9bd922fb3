"""What is not as it was written is seen, set aside and trained again; never used."""

import os
import random
import shutil
import sqlite3
import time
import tracemalloc
import warnings
from contextlib import suppress

import numpy as np
import pytest

from jaxdl import runs
from tests.runs.processes import (
    HPARAMS,
    MEMBERS,
    SPECIFICATION,
    begin,
    record,
    same,
    state,
)

OTHER = record(members=(2,), seed=5)


@pytest.fixture
def folder(tmp_path):
    """A run of two records, whose ids are 1 and 2."""
    begin(tmp_path / "run")
    with runs.open_run(tmp_path / "run", SPECIFICATION) as store:
        store.commit(OTHER)
    return tmp_path / "run"


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


def swap(folder):
    one, two = folder / "checkpoints" / "1.bin", folder / "checkpoints" / "2.bin"
    one.rename(folder / "x"), two.rename(one), (folder / "x").rename(two)


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "kept"),
    [
        (lambda f: flip(f / "checkpoints" / "1.bin", 1234), [2]),
        (lambda f: os.truncate(f / "checkpoints" / "1.bin", 100), [2]),
        (lambda f: os.truncate(f / "checkpoints" / "2.bin", 0), [1]),
        (lambda f: os.unlink(f / "checkpoints" / "2.bin"), [1]),
        (lambda f: shutil.rmtree(f / "checkpoints"), []),
        (swap, []),
    ],
    ids=["flip", "shorter", "empty", "nothing", "nothing at all", "swap"],
)
def test_damaged_files_are_left_out_and_their_members_trained_again(folder, harm, kept):
    harm(folder)
    found = left(folder)
    assert [r.id for r in found] == kept
    assert all(same(r, {1: record(), 2: OTHER}[r.id]) for r in found)
    with runs.open_run(folder, SPECIFICATION) as store:
        for again in (record(), OTHER)[: 2 - len(kept)]:
            store.commit(again)
        assert len(store.records(0)) == 2
    assert not runs.examine(folder).problems


def test_two_records_of_the_same_shapes_are_told_apart(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.commit(record(4, first=2, seed=7))
        store.commit(record(6, first=4, seed=8))
    (folder / "checkpoints" / "4.bin").rename(folder / "checkpoints" / "3.bin")
    with runs.open_run(folder, SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="record [34] .* left out"):
            assert [r.id for r in store.records(0)] == [1, 2]


def test_a_link_is_set_aside_and_what_it_points_to_stays(folder):
    (folder / "precious").write_text("mine")
    path = folder / "checkpoints" / "1.bin"
    path.unlink()
    path.symlink_to(folder / "precious")
    assert [r.id for r in left(folder)] == [2]
    assert (folder / "precious").read_text() == "mine"
    assert (folder / "damaged" / "1.0.bin").is_symlink()


def test_nothing_is_set_aside_outside_the_folder(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "damaged").symlink_to(tmp_path / "elsewhere")
    flip(folder / "checkpoints" / "1.bin", 0)
    with runs.open_run(folder, SPECIFICATION) as store:
        with pytest.raises(runs.DamagedError, match="in the place of damaged"):
            store.records(0)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert (folder / "checkpoints" / "1.bin").exists()


def test_what_is_damaged_is_kept_aside_and_never_overwritten(folder):
    whole = (folder / "checkpoints" / "1.bin").read_bytes()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "1.0.bin").write_bytes(b"older")
    flip(folder / "checkpoints" / "1.bin", 0)
    left(folder)
    assert (folder / "damaged" / "1.0.bin").read_bytes() == b"older"
    assert (folder / "damaged" / "1.1.bin").read_bytes() == (
        bytes([whole[0] ^ 1]) + whole[1:]
    )


def test_a_file_that_cannot_be_read_now_is_not_damaged(folder, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    with runs.open_run(folder, SPECIFICATION) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refused)
            with pytest.raises(OSError, match="cannot use the run's folder"):
                store.records(0)
        assert len(store.records(0)) == 2


INDEX = '[{"dtype": "float64", "shape": %s, "sha256": "0"}]'
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
    ("UPDATE records SET dtypes = ? WHERE id = 1", '{"columns": [], "metrics": []}'),
    ("UPDATE records SET dtypes = ? WHERE id = 1", '{"columns": [["x", "O"]]}'),
    ("UPDATE records SET dtypes = ? WHERE id = 1",
     '{"columns": [["a\\" FROM records; --", "int64"]], "metrics": []}'),
    ("UPDATE records SET dtypes = ? WHERE id = 1", "[]"),
    ("UPDATE records SET dtypes = ? WHERE id = 1",
     '{"columns": [["missing", "int64"]], "metrics": []}'),
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
     ("dtypes", '{"columns": [["steps", "O"]], "metrics": []}'),
     ("dtypes", '{"columns": [[["steps"], "int64"]], "metrics": []}'),
     ("dtypes", '{"columns": [["steps", "int64"]], "metrics": [[1, "int64"]]}')],
    ids=str,
)  # fmt: skip
def test_hostile_values_whose_digest_fits_are_refused_as_well(folder, field, value):
    with runs.read_run(folder) as store:
        head = store._heads(0)[0]
        stored = runs.records.read(store._connection, head)
    digest = runs.record.digest(stored._replace(**{field: value}))
    statement = f"UPDATE records SET {field} = ?, sha256 = ? WHERE id = 1"
    change(folder, (statement, value, digest))
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
    assert runs.examine(folder).problems
    with runs.open_run(folder, SPECIFICATION) as store:
        with pytest.raises(runs.DamagedError, match="database .* is damaged"):
            store.enter(0, MEMBERS, HPARAMS, 4)


@pytest.mark.parametrize("where", ["1", "part = 'epochs'"])
def test_a_part_of_the_specification_that_is_lost_is_damage(folder, where):
    change(folder, (f"DELETE FROM specification WHERE {where}",))
    (problem,) = runs.examine(folder).problems
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
    with pytest.raises(runs.DamagedError, match="is none of its own"):
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
    found = runs.examine(folder)
    assert time.monotonic() - start < 1
    assert bool(found.problems) == (old != "FOREIGN KEY (rung, member)")


@pytest.mark.parametrize("content", [b"", b"x", b"no database" * 1000, bytes(8192)])
def test_a_file_that_is_no_database_is_refused_with_advice(folder, content):
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
                    found, rungs = store.records(0), store.rungs()
                    specification = store.specification
            except (OSError, ValueError):
                refused += 1
                continue
        assert all(same(r, {1: record(), 2: OTHER}[r.id]) for r in found)
        assert specification == SPECIFICATION
        for rung in rungs:
            assert rung.hparams == HPARAMS and rung.members.tolist() == MEMBERS
            assert rung.until.tolist() == [4, 4, 4] and rung.parents is None
    assert 0 < refused < 150


def test_the_writer_goes_on_after_damage(tmp_path):
    begin(tmp_path / "run")
    flip(tmp_path / "run" / "checkpoints" / "1.bin", 99)
    with runs.open_run(tmp_path / "run", SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="left out"):
            assert store.records(0) == []
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.commit(record())
    assert state(tmp_path / "run") == 1
    assert np.array_equal(os.listdir(tmp_path / "run" / "damaged"), ["1.0.bin"])
