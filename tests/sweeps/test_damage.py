"""Runs whose files are damaged: what is lost trains again."""

import contextlib
import functools
import os
import random
import shutil
import sqlite3

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import crew, pace
from jaxdl.sweeps import read_result
from jaxdl.train import Status
from tests.sweeps.kept import (
    SPACE,
    assert_same_result,
    cut_after,
    damage,
    small,
    sweep,
    trained_blocks,
)

HALVING, PBT = dl.halving(2), dl.pbt(1)
TWO, FOUR = {"members": 2}, {"members": 4}


@pytest.fixture
def every_epoch(monkeypatch):
    """Puts each epoch of a block on disk."""
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)


def left_out():
    return pytest.warns(UserWarning, match="left out")


@pytest.mark.usefixtures("every_epoch")
def test_lost_weights_are_an_error_that_says_so(digits, tmp_path):
    sweep(small, SPACE, digits, run_dir=tmp_path, **TWO)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with left_out():
        read = read_result(tmp_path, small)
    with pytest.raises(runs.DamagedError, match="weights of member 1 are lost"):
        read.member(1)


@pytest.mark.usefixtures("every_epoch")
def test_a_run_resumes_from_the_state_before_a_damaged_one(digits, tmp_path):
    first = sweep(small, SPACE, digits, run_dir=tmp_path, **TWO)
    damage(max((tmp_path / "checkpoints").iterdir(), key=lambda p: int(p.stem)))
    with left_out(), trained_blocks() as blocks:
        assert_same_result(first, sweep(small, SPACE, digits, run_dir=tmp_path, **TWO))
    assert [(b.first, b.until) for b in blocks] == [(3, 4)]


@pytest.mark.usefixtures("every_epoch")
def test_a_state_that_follows_a_damaged_one_leaves_the_disk(digits, tmp_path):
    first = sweep(small, SPACE, digits, run_dir=tmp_path, **TWO)
    files = tmp_path / "checkpoints"
    assert {p.name for p in files.iterdir()} == {"3.bin", "4.bin"}
    damage(files / "3.bin")
    with left_out():
        assert_same_result(first, sweep(small, SPACE, digits, run_dir=tmp_path, **TWO))
    assert {p.name for p in files.iterdir()} == {"7.bin", "8.bin"}


@pytest.mark.usefixtures("every_epoch")
def test_members_that_restart_and_are_interrupted_resume_from_there(digits, tmp_path):
    settings = {"members": 2, "epochs": 6, "run_dir": tmp_path}
    first = sweep(small, SPACE, digits, **settings)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with left_out(), cut_after(2):
        sweep(small, SPACE, digits, **settings)
    with trained_blocks() as blocks:
        assert_same_result(first, sweep(small, SPACE, digits, **settings))
    assert blocks[0].first == 2


@pytest.mark.usefixtures("every_epoch")
def test_members_that_restart_may_share_a_block_with_some_that_begin(
    digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(crew, "hand_devices", lambda: jax.devices()[:1])
    # Member 0 diverges at once, so member 1 shares its next block with member 2.
    space = {"rate": np.array([1e38, 0.1, 0.1, 0.1], np.float32)}
    settings = {"members": 4, "epochs": 6, "run_dir": tmp_path}
    with cut_after(4):  # of the first block; the second one has not begun
        sweep(small, space, digits, **settings)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with left_out(), trained_blocks() as blocks:
        again = sweep(small, space, digits, **settings)
    assert blocks[0].members.tolist() == [1, 2] and blocks[0].first == 0
    read = read_result(tmp_path, small)
    np.testing.assert_array_equal(read.status, again.status)
    for name, curve in again.metrics.items():
        np.testing.assert_array_equal(read.metrics[name], curve)


def flip(path, _, draws):
    content = bytearray(path.read_bytes())
    content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    path.write_bytes(content)


def truncate(path, _, draws):
    os.truncate(path, draws.randrange(path.stat().st_size))


def delete(path, _, draws):
    path.unlink()


def swap(path, other, _):
    content = path.read_bytes()
    other.replace(path)
    other.write_bytes(content)


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("harm", [flip, truncate, delete, swap])
def test_members_of_a_harmed_file_are_trained_again(
    harm, times, finished, digits, tmp_path
):
    whole, first = finished
    for seed in range(times):
        folder, draws = tmp_path / str(seed), random.Random(seed)
        shutil.copytree(whole, folder)
        files = sorted((folder / "checkpoints").iterdir())
        harm(*draws.sample(files, 2), draws)
        with left_out(), trained_blocks() as blocks:
            again = sweep(small, SPACE, digits, run_dir=folder, **FOUR)
        assert_same_result(first, again)
        trained = {int(block.members[0]) for block in blocks}
        assert len(trained) == 1 or harm is swap
        assert not runs.doctor(folder).problems
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cut_in_a_rung(digits, tmp_path_factory):
    """Returns a function that makes a run of a search, cut in its third rung.

    The folder has the files of all three rungs. The function also returns the
    settings of the run and the result of the same sweep without an interruption.
    """

    @functools.cache
    def cut(search):
        folder = tmp_path_factory.mktemp("runs") / "cut"
        settings = FOUR | {"plan": dl.Plan(4), "search": search}
        with cut_after(3):
            sweep(small, SPACE, digits, run_dir=folder, **settings)
        return folder, settings, sweep(small, SPACE, digits, **settings)

    return cut


@pytest.mark.parametrize(
    ("search", "number"),
    [
        pytest.param(HALVING, 0, id="halving-before", marks=pytest.mark.heavy),
        pytest.param(HALVING, 1, id="halving-last"),
        pytest.param(PBT, 1, id="pbt-last"),
    ],
)
def test_a_rung_is_trained_again(search, number, cut_in_a_rung, digits, tmp_path):
    folder, settings, whole = cut_in_a_rung(search)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    *_, before, last = sorted((tmp_path / "checkpoints").iterdir())
    damage((before, last)[number])
    with left_out():
        again = sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    assert_same_result(whole, again)


def drop_first(folder):
    """Drops the arrays of the first record, as a rung more does."""
    with contextlib.closing(sqlite3.connect(folder / "run.sqlite")) as connection:
        connection.execute("UPDATE records SET kept = 'none' WHERE id = 1")
        connection.commit()
    (folder / "checkpoints" / "1.bin").unlink()


def test_all_rungs_train_again_if_no_record_is_left(cut_in_a_rung, digits, tmp_path):
    folder, settings, whole = cut_in_a_rung(PBT)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with left_out():
        again = sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    assert_same_result(whole, again)


def test_lost_weights_of_other_members_are_an_error_that_says_so(
    cut_in_a_rung, digits, tmp_path
):
    folder, settings, _ = cut_in_a_rung(PBT)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    drop_first(tmp_path)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with left_out():
        with pytest.raises(
            runs.DamagedError, match=r"\[0, 1, 2, 3\] are lost .* again in"
        ):
            sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    with pytest.raises(runs.DamagedError, match="came from other members"):
        sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    with left_out():
        read = read_result(tmp_path, small)
    assert read.status.tolist() == [Status.RUNNING] * 4
    assert np.isfinite(read.metrics["dev_error"][:, 0]).all()  # what is left
