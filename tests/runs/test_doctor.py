"""The doctor says what is wrong with a run's folder, and changes nothing in it."""

import os

import pytest

from jaxdl import runs
from tests.runs.processes import SPECIFICATION, begin, follow_up, record


@pytest.fixture
def folder(tmp_path):
    begin(tmp_path)
    return tmp_path


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*.bin")}


def test_a_whole_run_has_no_problems(folder):
    found = runs.doctor(folder)
    assert found.problems == []
    assert any(f"last written by process {os.getpid()}" in note for note in found.notes)


def test_a_run_that_is_written_now_is_noted(folder):
    with runs.open_run(folder, SPECIFICATION):
        found = runs.doctor(folder)
        assert found.problems == []
        assert any("is written now by process" in note for note in found.notes)


def test_damaged_arrays_are_a_problem_and_stay(folder):
    (folder / "checkpoints" / "1.bin").write_bytes(b"short")
    before = contents(folder)
    (problem,) = runs.doctor(folder).problems
    assert problem.startswith("record 1 of rung 0: got 5 bytes at")
    assert contents(folder) == before and not (folder / "damaged").exists()


def test_it_names_members_that_train_again_and_their_epoch(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        for k in (1, 2, 3):
            store.commit(follow_up(k))
        store.drop([2])
    for number in (1, 3, 4):
        (folder / "checkpoints" / f"{number}.bin").unlink()
        expected = {1: ["0"], 3: ["0", "0"], 4: ["0", "0", "0"]}[number]
        found = runs.doctor(folder).problems
        assert [p.rpartition("; ")[2] for p in found] == [
            f"members [0, 1] train again from epoch {epoch}" for epoch in expected
        ]


def test_members_that_were_reset_continue_from_there(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.drop([1])
        store.commit(record())
        store.commit(follow_up(1))
    (folder / "checkpoints" / "3.bin").unlink()
    (problem,) = runs.doctor(folder).problems
    assert problem.endswith("; members [0, 1] train again from epoch 2")


def test_members_that_train_again_continue_from_earlier_arrays(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.commit(follow_up(1))
        store.commit(follow_up(2))
        store.drop([1])
    (folder / "checkpoints" / "3.bin").unlink()
    (problem,) = runs.doctor(folder).problems
    assert problem.endswith("; members [0, 1] train again from epoch 3")


def test_copied_weights_are_trained_again_while_their_source_is_there(
    folder,
):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.enter(1, [2], {}, 4, parents=[0])
        store.commit(record(4, first=2, rung=1, members=(2,)))
        store.flush()
        (folder / "checkpoints" / "2.bin").unlink()
        (problem,) = runs.doctor(folder).problems
        assert problem.endswith("; members [2] train again from epoch 2")
        store.drop([1])
    (problem,) = runs.doctor(folder).problems
    assert problem.endswith("; the run cannot be resumed")


def test_files_of_no_record_and_files_set_aside_are_noted(folder):
    (folder / "checkpoints" / "9.bin").write_bytes(b"")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "3.0.bin").write_bytes(b"")
    found = runs.doctor(folder)
    assert found.problems == []
    assert any("checkpoints/9.bin belongs to no record" in n for n in found.notes)
    assert any("damaged/3.0.bin was set aside" in n for n in found.notes)
    assert (folder / "checkpoints" / "9.bin").exists()


def test_a_version_of_sqlite_is_noted_where_it_matters(folder, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 51, 2))
    assert not any("SQLite" in note for note in runs.doctor(folder).notes)
    (folder / "checkpoints" / "1.bin").unlink()
    assert any(note.startswith("SQLite is") for note in runs.doctor(folder).notes)
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 51, 3))
    assert not any("SQLite" in note for note in runs.doctor(folder).notes)


def test_the_end_of_the_search_is_noted(folder):
    assert "the search has ended" not in runs.doctor(folder).notes
    with runs.open_run(folder, SPECIFICATION) as store:
        store.finish(1)
    assert "the search has ended" in runs.doctor(folder).notes


def test_a_damaged_database_is_a_problem(folder):
    (folder / "run.sqlite").write_bytes(b"no database" * 1000)
    (problem,) = runs.doctor(folder).problems
    assert "is damaged (file is not a database)" in problem


def test_a_folder_without_run_is_a_problem(tmp_path):
    (problem,) = runs.doctor(tmp_path).problems
    assert "has no run.sqlite" in problem
    (problem,) = runs.doctor(tmp_path / "nowhere").problems
    assert "there is no folder" in problem


def test_a_folder_without_checkpoints_is_a_problem_of_its_records(folder):
    (folder / "checkpoints" / "1.bin").unlink()
    (folder / "checkpoints").rmdir()
    assert any("record 1 of rung 0" in p for p in runs.doctor(folder).problems)


def test_an_owner_that_is_a_link_is_noted(folder):
    (folder / "owner").unlink()
    (folder / "owner").symlink_to("elsewhere")
    found = runs.doctor(folder)
    assert found.problems == []
    assert any("unknown whether" in note for note in found.notes)
