"""A run's folder is claimed, begun, resumed and read."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.runs import database, text
from tests.runs import processes
from tests.runs.processes import SPECIFICATION, begin, record, same

NESTED = {
    "space": {"lr": ["LogUniform", 1e-4, 0.1 + 0.2], "layers": None},
    "epochs": 20, "exact": [1, 1.0, True, 5e-324, 2**70, -0.0], "key": "é\n\"'", "": {},
}  # fmt: skip


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot write the output folder"):
        runs.claim(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_is_claimed_by_many_at_once(tmp_path):
    def work():
        for _ in range(300):
            runs.claim(tmp_path / "run")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert not list((tmp_path / "run").iterdir())


def test_a_disk_without_space_is_refused_within_a_second(tmpfs):
    (tmpfs / "filler").write_bytes(bytes(shutil.disk_usage(tmpfs).free - 4096))
    start = time.monotonic()
    with pytest.raises(OSError, match="bytes are free; expected 1048576 at least"):
        runs.claim(tmpfs / "run")
    assert time.monotonic() - start < 1


def test_a_folder_is_made_for_its_owner_alone(tmp_path):
    assert runs.claim(tmp_path / "run").stat().st_mode & 0o777 == 0o700


def contents(folder):
    names = [p for p in folder.rglob("*") if p.is_file() and p.name != "owner"]
    return {p: p.read_bytes() for p in names}


def test_a_specification_is_remembered_exactly(tmp_path):
    for _ in range(2):
        with runs.open_run(tmp_path / "new" / "run", NESTED) as store:
            assert text.dumps(store.specification) == text.dumps(NESTED)
    assert (tmp_path / "new" / "run").stat().st_mode & 0o777 == 0o700
    with runs.read_run(tmp_path / "new" / "run") as store:
        assert store.specification == NESTED and store.rungs() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"epochs": 30}, "epochs: got 30, recorded 20"),
        ({"epochs": 20.0}, "epochs: got 20.0, recorded 20"),
        ({"more": [1]}, r"more: got \[1\], recorded nothing"),
        ({"epochs": 1, "key": "k"}, 'epochs: got 1, recorded 20; key: got "k"'),
        ({"exact": [1, 1.0, 1, 5e-324, 2**70, -0.0]}, r"exact: got \[1, 1.0, 1,"),
    ],
)
def test_another_specification_is_refused_naming_each_part(tmp_path, change, expected):
    runs.open_run(tmp_path, NESTED).close()
    (tmp_path / "checkpoints" / "7.bin").write_bytes(b"no row")
    before = contents(tmp_path)
    with pytest.raises(runs.RunMismatchError, match=expected):
        runs.open_run(tmp_path, NESTED | change)
    assert contents(tmp_path) == before


def test_what_is_no_folder_of_a_run_is_named(tmp_path):
    (tmp_path / "text").write_text("")
    for name, message in {
        "no": "there is no folder",
        "text": "text, a file; expected the folder of a run",
        ".": "has no run.sqlite",
    }.items():
        with pytest.raises(FileNotFoundError, match=message):
            runs.read_run(tmp_path / name)
        assert not runs.doctor(tmp_path / name).notes


def test_a_part_that_is_gone_is_named(tmp_path):
    runs.open_run(tmp_path, {"a": 1, "b": 2}).close()
    with pytest.raises(runs.RunMismatchError, match="b: got nothing, recorded 2"):
        runs.open_run(tmp_path, {"a": 1})


def test_long_parts_are_shown_where_they_differ(tmp_path):
    runs.open_run(tmp_path, {"a": "x" * 500 + "old"}).close()
    with pytest.raises(runs.RunMismatchError, match="xnew.*xold") as caught:
        runs.open_run(tmp_path, {"a": "x" * 500 + "new"})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"x": -float("inf")}]])
def test_a_specification_that_is_not_finite_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.open_run(tmp_path / "run", {"part": value})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [{1, 2}, object(), b"", 1j])
def test_a_specification_that_is_not_json_is_refused(tmp_path, value):
    with pytest.raises(TypeError, match="not JSON serializable"):
        runs.open_run(tmp_path / "run", {"part": value})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("value", "signed"),
    [("2", False), *((x, True) for x in
     ["NaN", "-Infinity", "1e999", "{", "[" * 10_000, "x"])],
)  # fmt: skip
def test_a_specification_that_became_another_or_no_json_is_damage(
    tmp_path, value, signed
):
    runs.open_run(tmp_path, {"part": 1}).close()
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        connection.execute("UPDATE specification SET value = ?", (value,))
        if signed:
            database.put_digest(connection, "specification", 0, {"part": value})
    connection.close()
    for opened in (lambda: runs.open_run(tmp_path, {"part": 1}),
                   lambda: runs.read_run(tmp_path)):  # fmt: skip
        with pytest.raises(runs.DamagedError, match="the specification"):
            opened()


def test_only_what_an_interrupted_owner_left_is_deleted(tmp_path):
    begin(tmp_path)
    (tmp_path / "checkpoints" / "2.bin").write_bytes(b"no row")
    (tmp_path / "checkpoints" / "3.bin.part").write_bytes(b"half")
    (tmp_path / "checkpoints" / "notes.txt").write_text("mine")
    (tmp_path / "mine").mkdir()
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        assert sorted(os.listdir(tmp_path / "checkpoints")) == ["1.bin", "notes.txt"]
        assert same(store.load(0)[0], record())
    assert (tmp_path / "mine").is_dir()


def test_a_folder_in_the_place_of_a_file_to_be_is_refused_with_advice(tmp_path):
    begin(tmp_path)
    (tmp_path / "checkpoints" / "5.bin").mkdir()
    with pytest.raises(runs.DamagedError, match=r"a folder at .*5\.bin.*move it away"):
        runs.open_run(tmp_path, SPECIFICATION)
    (tmp_path / "checkpoints" / "5.bin").rmdir()
    runs.open_run(tmp_path, SPECIFICATION).close()


def test_a_database_that_is_gone_takes_no_checkpoints_with_it(tmp_path):
    begin(tmp_path)
    (tmp_path / "run.sqlite").unlink()
    with pytest.raises(runs.DamagedError, match="it is missing, though"):
        runs.open_run(tmp_path, SPECIFICATION)
    assert (tmp_path / "checkpoints" / "1.bin").exists()
    shutil.rmtree(tmp_path / "checkpoints")
    (tmp_path / "run.sqlite-wal").write_bytes(b"")
    with pytest.raises(runs.DamagedError, match="it is missing, though"):
        runs.open_run(tmp_path, SPECIFICATION)


@pytest.mark.parametrize("name", ["run.sqlite", "checkpoints"])
def test_links_in_the_folder_are_not_followed(tmp_path, name):
    begin(tmp_path / "run")
    (tmp_path / "run" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(runs.DamagedError, match="a link (or pipe )?is in"):
        runs.open_run(tmp_path / "run", SPECIFICATION)


def test_a_folder_without_run_is_not_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no run\.sqlite"):
        runs.read_run(tmp_path)
    assert not list(tmp_path.iterdir())


FORMATS = Path(__file__).parent / "formats"


def snapshot(folder):
    """Names, contents and times of change of all files in a folder."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_run_of_another_format_is_refused_and_left_as_it_is(tmp_path, number):
    shutil.copytree(FORMATS / "2", tmp_path, dirs_exist_ok=True)
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    connection.execute(f"PRAGMA user_version = {number}")
    connection.close()
    before = snapshot(tmp_path)
    expected = rf"has format {number}; expected format 4: use the version of jaxdl that"
    for opened in (
        lambda: runs.read_run(tmp_path),
        lambda: runs.open_run(tmp_path, SPECIFICATION),
        lambda: runs.is_finished(tmp_path),
    ):
        with pytest.raises(runs.RunMismatchError, match=expected):
            opened()
    (problem,) = runs.doctor(tmp_path).problems
    assert f"has format {number}" in problem
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("number", ["2", "3"])
def test_the_folder_of_an_older_format_is_refused_and_left_as_it_is(tmp_path, number):
    shutil.copytree(FORMATS / number, tmp_path, dirs_exist_ok=True)
    refused = f"has format {number}; expected format 4"
    for opened in (runs.read_run, lambda path: runs.open_run(path, SPECIFICATION)):
        with pytest.raises(runs.RunMismatchError, match=refused):
            opened(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "1.bin", "checkpoints", "run.sqlite",
    ]  # fmt: skip
    for name in ("run.sqlite", "checkpoints/1.bin"):
        assert (tmp_path / name).read_bytes() == (FORMATS / number / name).read_bytes()


def test_the_folder_of_format_4_is_read(tmp_path):
    """`make.py` made it once; the values are those that stand there."""
    shutil.copytree(FORMATS / "4", tmp_path, dirs_exist_ok=True)
    with runs.read_run(tmp_path) as store:
        assert store.specification == {
            "epochs": 1,
            "members": 2,
            "metrics": ["train_error", "dev_error"],
            "space": {"learning_rate": "LogUniform(low=0.001, high=0.1)"},
        }
        assert store.metrics == ["train_error", "dev_error"] and store.finished
        (rung,), (done,) = store.rungs(), store.load(0)
    assert rung.members.tolist() == [0, 1] and rung.until.tolist() == [1, 1]
    assert rung.hparams == {"learning_rate": [0.01, 0.02]} and rung.parents is None
    assert (done.id, done.rung, done.first, done.until) == (1, 0, 0, 1)
    assert done.members.tolist() == [0, 1] and done.status.tolist() == [1, 4]
    assert done.stopped_at.tolist() == [1, 0] and done.steps.tolist() == [3, 2]
    assert done.kept_epoch.tolist() == [1, 0]
    np.testing.assert_array_equal(done.metrics["train_error"], [[0.5, np.nan]])
    np.testing.assert_array_equal(done.metrics["dev_error"], [[0.75, np.inf]])
    assert done.status.dtype == np.int32
    assert done.metrics["dev_error"].dtype == np.float64
    one, other = done.arrays
    np.testing.assert_array_equal(one, np.float32([[1, 2], [3, 4]]), strict=True)
    np.testing.assert_array_equal(other, np.uint8([5, 6]), strict=True)
    assert not runs.doctor(tmp_path).problems


def test_the_specification_of_a_folder_without_a_run_is_empty(tmp_path):
    assert runs.specification_of(None) == runs.specification_of(tmp_path) == {}
    with runs.open_run(tmp_path, SPECIFICATION):
        assert runs.specification_of(tmp_path) == SPECIFICATION


def test_a_folder_without_a_run_is_not_finished(tmp_path):
    assert not runs.is_finished(tmp_path) and not runs.is_finished(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "names",
    [
        "dev_error", 3, None, {"dev_error": 1}, [1], [None], [["dev_error"]], [""],
        ["A"], ["1a"], ["a b"], ['a"'], ["a;--"], ["é"], ["a\n"], ["x" * 65],
        ["rung"], ["member"], ["epoch"], ["dev_error", "dev_error"],
    ],
    ids=str,
)  # fmt: skip
def test_metrics_whose_names_cannot_be_columns_are_refused(tmp_path, names):
    with pytest.raises(ValueError, match="got (the )?metric.* expected"):
        runs.open_run(tmp_path / "run", {"metrics": names})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["file", "under a file", "read-only"])
def test_a_folder_that_cannot_be_made_or_written_is_refused(
    tmp_path, kind, monkeypatch
):
    (tmp_path / "file").write_text("mine")
    folder = {"file": tmp_path / "file", "under a file": tmp_path / "file" / "run"}
    if kind == "read-only":  # to root as well

        def refused(path, *_, **__):
            raise OSError(errno.EROFS, "Read-only file system", path)

        monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match="cannot write the output folder"):
        runs.open_run(folder.get(kind, tmp_path / "run"), SPECIFICATION)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_is_nearly_full_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0)
    )
    with pytest.raises(OSError, match="0 bytes are free; expected 1048576"):
        runs.open_run(tmp_path / "run", SPECIFICATION)


def test_a_run_on_a_disk_that_cannot_be_written_is_read(tmpfs):
    begin(tmpfs)
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    with runs.read_run(tmpfs) as store:
        assert same(store.load(0)[0], record())
    assert not runs.doctor(tmpfs).problems
    start = time.monotonic()
    with pytest.raises(OSError, match="cannot write the output folder"):
        runs.open_run(tmpfs, SPECIFICATION)
    assert time.monotonic() - start < 1


def test_a_log_that_cannot_be_read_is_not_passed_over(tmpfs):
    with runs.open_run(tmpfs / "live", SPECIFICATION) as store:
        store.enter(0, [0, 1], {}, 4)
        store.commit(record())
        (tmpfs / "copy").mkdir()
        for name in ("run.sqlite", "run.sqlite-wal"):
            shutil.copy(tmpfs / "live" / name, tmpfs / "copy")
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    with pytest.raises(OSError, match="unable to open database file"):
        runs.read_run(tmpfs / "copy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["run.sqlite", "run.sqlite-journal", "owner"])
def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path, name):
    begin(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    look = [sys.executable, processes.__file__, "look", tmp_path]
    subprocess.run(look, check=True, timeout=20)


def test_a_folder_is_the_same_wherever_the_process_works_later(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    begin("run")
    with runs.open_run("run", SPECIFICATION) as store:
        monkeypatch.chdir("elsewhere")
        store.commit(record(4))
        store.flush()
    assert len(os.listdir(tmp_path / "run" / "checkpoints")) == 2
    monkeypatch.chdir(tmp_path)
    with runs.read_run("run") as reader:
        monkeypatch.chdir("elsewhere")
        assert all(map(same, reader.load(0), (record(), record(4))))
    assert not os.listdir(tmp_path / "elsewhere")


def test_paths_are_as_people_write_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    begin("~/run")
    assert os.listdir(tmp_path) == ["run"] and runs.has_run("~/run")
    assert not runs.is_finished("~/run") and not runs.doctor("~/run").problems
    with runs.read_run("~/run") as reader:
        assert len(reader.load(0)) == 1
    for call in (runs.claim, runs.read_run, runs.has_run, runs.doctor, begin):
        with pytest.raises(ValueError, match="got an empty path"):
            call("")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_the_names_of_new_folders_are_on_the_disk(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def noted(file):
        synced.append(Path(os.readlink(f"/proc/self/fd/{file}")))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    run = tmp_path / "new" / "sub" / "run"
    runs.claim(run)
    assert {tmp_path, tmp_path / "new", tmp_path / "new" / "sub"} <= set(synced)
    begin(run)
    assert run in synced and run / "checkpoints" in synced
    synced.clear()
    runs.claim(run)
    assert synced == []


def test_a_reader_of_a_run_that_is_closed_leaves_no_file(tmp_path):
    begin(tmp_path)
    before = snapshot(tmp_path)
    for read in (
        lambda: runs.doctor(tmp_path),
        lambda: runs.is_finished(tmp_path),
        lambda: runs.read_run(tmp_path).close(),
    ):
        read()
        assert snapshot(tmp_path) == before


def test_a_reader_leaves_the_log_of_a_writer(store):
    before = snapshot(store.folder)
    runs.doctor(store.folder)
    after = snapshot(store.folder)
    (shared,) = [p for p in before if p.name.endswith("-shm")]
    assert {p: before[p] for p in before if p != shared} == {
        p: after[p] for p in after if p != shared
    }


def test_an_empty_log_on_a_disk_that_cannot_be_written_is_no_log(tmpfs):
    begin(tmpfs)
    (tmpfs / "run.sqlite-wal").write_bytes(b"")
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    with runs.read_run(tmpfs) as store:
        assert same(store.load(0)[0], record())


ODD = (
    "a b", "-a", "..a", "a.", "%41", "#", "a?mode=ro", "file:a", "a;b", "&", "*", "'\"",
    "line\nbreak", "é", "🌱", "x" * 200,
)  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_folder_may_have_any_name(tmp_path, name):
    begin(tmp_path / name)
    with runs.read_run(tmp_path / name) as store:
        (found,) = store.load(0)
    assert same(found, record())
