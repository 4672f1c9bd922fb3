"""A run's folder: whole files, nothing overwritten."""

import csv
import io
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jaxdl import runs


def write(folder, value=1.0):
    runs.claim(folder)
    runs.write(
        folder,
        {"members": 1},
        (["member", "name, with comma"], [[0, 'a "quoted"\nline'], [1, value]]),
        {"dev_error": np.array([[0.5, value]])},
        {"params.0.kernel": np.eye(2)},
    )


def test_what_is_written_is_read_back_by_ordinary_tools(tmp_path):
    write(tmp_path / "new" / "run")
    folder = tmp_path / "new" / "run"
    assert sorted(p.name for p in folder.iterdir()) == [
        "best.npz", "curves.npz", "members.csv", "run.json",
    ]  # fmt: skip
    assert json.loads((folder / "run.json").read_text()) == {"members": 1}
    rows = list(csv.reader(io.StringIO((folder / "members.csv").read_bytes().decode())))
    assert rows == [
        ["member", "name, with comma"],
        ["0", 'a "quoted"\nline'],
        ["1", "1.0"],
    ]
    with np.load(folder / "curves.npz", allow_pickle=False) as curves:
        np.testing.assert_array_equal(curves["dev_error"], [[0.5, 1.0]])
    with np.load(folder / "best.npz", allow_pickle=False) as best:
        np.testing.assert_array_equal(best["params.0.kernel"], np.eye(2))


def test_results_without_their_run_are_not_overwritten(tmp_path):
    write(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="not what it would go on from"):
        write(tmp_path, value=2.0)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


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


def test_a_write_that_fails_leaves_the_folder_unfinished_and_free(
    tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    runs.claim(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path)
    assert not (tmp_path / "run.json").exists()
    write(tmp_path)


def test_a_run_whose_results_are_written_anew_is_not_finished_meanwhile(
    tmp_path, monkeypatch
):
    write(tmp_path)
    replace, there = Path.replace, []

    def replaced(part, path):
        there.append(runs.is_finished(tmp_path))
        return replace(part, path)

    (tmp_path / "run.sqlite").touch()
    monkeypatch.setattr(Path, "replace", replaced)
    write(tmp_path, value=2.0)
    assert there == [False] * 4 and runs.is_finished(tmp_path)


@pytest.mark.parametrize("name", ["members.csv", "run.json"])
def test_nothing_is_written_through_a_link(tmp_path, name):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / f"{name}.part").symlink_to("precious")
    write(tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"
    assert json.loads((tmp_path / "run.json").read_text()) == {"members": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "members.csv.part")
    write(tmp_path)
    assert (tmp_path / "members.csv").is_file()


def test_a_folder_is_made_for_its_owner_alone(tmp_path):
    assert runs.claim(tmp_path / "run").stat().st_mode & 0o777 == 0o700
