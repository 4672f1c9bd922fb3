"""Shards are trained apart, and merged into the run that one sweep leaves."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, runs
from jaxdl.engine import pace
from jaxdl.runs import copying
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import merge, merging, read_result
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    damage,
    small,
    sweep,
    trained_blocks,
)

SETTINGS = {
    "random": {},
    "sobol": {"search": dl.sobol(), "patience": 1, "epochs": 4},
    "portfolio": {"search": dl.portfolio(), "epochs": 1},
    "grid": {"search": dl.grid_search(7)},
    "repeats and folds": {"repeats": 2, "folds": 2, "epochs": 1},
}
HEAVY = {*SETTINGS} - {"random"}
PLAIN = {"members": 7, "epochs": 2, "every": 5}


def dropping(hp):
    """A recipe that draws in each step."""
    return small(hp)._replace(model=nn.serial(nn.dropout(0.5), nn.dense(10)))


def train_shards(folder, count, data, **settings):
    for i in range(count):
        place = {"shard": (i, count), "run_dir": folder / str(i)}
        sweep(dropping, SPACE, data, **settings, **place)


@pytest.fixture(scope="module")
def shards(digits, tmp_path_factory):
    """A folder of three shards of seven members; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "shards"
    train_shards(folder, 3, digits, **PLAIN)
    return folder


@pytest.fixture(scope="module")
def plain(digits):
    """The sweep that they are parts of."""
    return sweep(dropping, SPACE, digits, **PLAIN)


@pytest.fixture
def copied(shards, tmp_path):
    """A copy of the shards."""
    return shutil.copytree(shards, tmp_path / "copied")


def contents(folder):
    """Returns the bytes of all files in the folders of shards, but the owner's."""
    files = (path for path in folder.glob("[0-9]/**/*") if path.is_file())
    return {p: p.read_bytes() for p in files if p.name != "owner"}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(settings, id=name, marks=[pytest.mark.heavy] * (name in HEAVY))
        for name, settings in SETTINGS.items()
    ],
)
def test_merged_shards_are_the_plain_sweep_to_the_bit(settings, digits, tmp_path):
    settings = PLAIN | settings
    whole = sweep(dropping, SPACE, digits, **settings)
    train_shards(tmp_path, 3, digits, **settings)
    before = contents(tmp_path)
    assert merge(tmp_path, progress=False) == len(whole.status)
    assert contents(tmp_path) == before
    merged = read_result(tmp_path, dropping)
    assert_same_result(whole, merged)
    for a, b in zip(whole.steps, merged.steps, strict=True):
        np.testing.assert_array_equal(a.loss, b.loss)
    with trained_blocks() as blocks:
        again = sweep(dropping, SPACE, digits, run_dir=tmp_path, **settings)
    assert not blocks
    assert_same_result(whole, again)
    assert runs.doctor(tmp_path).problems == []
    last = len(whole.status) - 1
    again = dl.replay(tmp_path, dropping, digits, last, progress=False)
    assert_same_member(whole.member(last), again)


def test_a_shard_is_its_part_of_the_sweep(shards, plain, digits):
    """Of 7 members shard 1 of 3 has ids 2 and 3: 7 / 3 and 14 / 3, rounded down."""
    part = read_result(shards / "1", dropping)
    assert len(part.status) == 2
    for own, whole in ((0, 2), (1, 3)):
        assert_same_member(part.member(own), plain.member(whole))
    again = dl.replay(part, dropping, digits, 1, progress=False)
    assert_same_member(again, plain.member(3))


def test_a_merged_run_takes_further_members_and_epochs(copied, digits):
    merge(copied, progress=False)
    settings = {"members": 9, "every": 5}
    more = sweep(dropping, SPACE, digits, run_dir=copied, extend=True, **settings)
    assert_same_result(sweep(dropping, SPACE, digits, **settings), more)


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("between the batches", marks=pytest.mark.heavy),
        "between files and rows",
    ],
)
def test_a_merge_that_is_killed_continues(at, copied, plain):
    """The second batch of one record is where a process kills itself."""
    name = "copy" if at == "between the batches" else "_copy"
    code = f"""
import os, signal
from jaxdl.runs import copying, store
from jaxdl.sweeps import merge, merging
merging.BATCH, left = 1, [2]
def dies(act):
    def die(*arguments):
        left[0] -= 1
        left[0] or os.kill(os.getpid(), signal.SIGKILL)
        return act(*arguments)
    return die
if {name!r} == "copy":
    store.Store.copy = dies(store.Store.copy)
else:
    copying.write_rows = dies(copying.write_rows)
merge({str(copied)!r}, progress=False)
"""
    died = subprocess.run([sys.executable, "-c", code], env=os.environ)
    assert died.returncode == -signal.SIGKILL
    with runs.read_run(copied) as store:
        assert not store.finished and len(store.load(0)) == 1
    taken, copy = [], copying.write_rows

    def counted(connection, ids, records, names):
        taken.extend(records)
        copy(connection, ids, records, names)

    with mock.patch.object(copying, "write_rows", counted):
        merge(copied, progress=False)
    with runs.read_run(copied) as store:
        assert len(taken) == len(store.load(0)) - 1 > 2
    assert_same_result(plain, read_result(copied, dropping))
    names = {path.name for path in (copied / "checkpoints").iterdir()}
    with runs.read_run(copied) as store:
        assert names == store.files()


def test_merging_again_changes_nothing(copied):
    merge(copied, progress=False)
    with mock.patch.object(runs.Store, "copy", side_effect=AssertionError):
        assert merge(copied, progress=False) == 7


def test_bytes_are_copied_where_files_have_one_name(copied, plain, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    merge(copied, progress=False)
    shutil.rmtree(copied / "0")
    assert_same_result(plain, read_result(copied, dropping))


def test_shards_that_are_missing_are_named(copied, digits, tmp_path):
    shutil.rmtree(copied / "1")
    with pytest.raises(FileNotFoundError, match=r"2 of 3 shards .* 1 of 0-2 are miss"):
        merge(copied)
    with pytest.raises(FileNotFoundError, match="no folder holds a run"):
        merge(tmp_path / "nowhere")


def test_a_shard_that_has_not_finished_is_named(copied, plain, digits, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    shutil.rmtree(copied / "2")
    settings = PLAIN | {"shard": (2, 3), "run_dir": copied / "2"}
    with cut_after(1):
        sweep(dropping, SPACE, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match="not finished: 2 of 0-2"):
        merge(copied)
    sweep(dropping, SPACE, digits, **settings)
    merge(copied, progress=False)
    assert_same_result(plain, read_result(copied, dropping))


def test_a_shard_that_is_there_twice_is_named(copied):
    shutil.copytree(copied / "1", copied / "other")
    with pytest.raises(runs.RunMismatchError, match=r"shard 1 of 3 twice, .*other"):
        merge(copied)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"epochs": 3}, "epochs: got 3, and 2"),
        ({"key": 7}, "seed: got 7, recorded 0"),
        ({"members": 8}, "members: got 8, and 7"),
        ({"shard": (1, 4)}, "shards: got one of 4, and one of 3"),
    ],
    ids=["epochs", "key", "members", "count"],
)
def test_shards_of_other_sweeps_are_refused_by_what_differs(
    other, words, copied, digits
):
    shutil.rmtree(copied / "1")
    settings = {**PLAIN, "shard": (1, 3), "run_dir": copied / "1"} | other
    sweep(dropping, SPACE, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match=words):
        merge(copied)
    assert not runs.has_run(copied)


def test_a_plain_run_among_shards_is_refused(copied, digits):
    sweep(dropping, SPACE, digits, **PLAIN, run_dir=copied / "whole")
    with pytest.raises(runs.RunMismatchError, match="the run of a whole sweep"):
        merge(copied)


def test_a_damaged_shard_is_refused_and_trained_again(copied, plain, digits):
    damage(next((copied / "1" / "checkpoints").iterdir()))
    with pytest.raises(runs.DamagedError, match="shard 1 of 3 .* run its command"):
        merge(copied, progress=False)
    with pytest.warns(UserWarning, match="train again"):
        sweep(
            dropping, SPACE, digits, **PLAIN, shard=(1, 3), run_dir=copied / "1"
        )  # fmt: skip
    merge(copied, progress=False)
    assert_same_result(plain, read_result(copied, dropping))


def test_other_rows_in_a_shard_are_refused(copied):
    with sqlite3.connect(copied / "0" / "run.sqlite") as connection:
        connection.execute("UPDATE metrics SET dev_error = 0.0")
    connection.close()
    with pytest.raises(runs.DamagedError, match="shard 0 of 3"):
        merge(copied, progress=False)


def test_the_folder_of_another_run_is_left_alone(copied, digits):
    sweep(dropping, SPACE, digits, **PLAIN | {"members": 3}, run_dir=copied)
    with pytest.raises(runs.RunMismatchError, match="members: got 7, recorded 3"):
        merge(copied)


def test_a_shard_of_other_number_does_not_resume(copied, digits):
    with pytest.raises(runs.RunMismatchError, match="shard: got 2 of 3, recorded 1"):
        sweep(dropping, SPACE, digits, **PLAIN, shard=(2, 3), run_dir=copied / "1")
    with pytest.raises(runs.RunMismatchError, match="got the whole sweep, recorded 1"):
        sweep(dropping, SPACE, digits, **PLAIN, run_dir=copied / "1")


def test_a_shard_is_not_extended(digits, tmp_path, nothing_compiles):
    with pytest.raises(SpaceError, match="merge the shards"):
        sweep(
            dropping, SPACE, digits, shard=(0, 2), extend=True, run_dir=tmp_path
        )  # fmt: skip


def test_ranges_are_those_of_a_job_array():
    assert merging._ranges({3, 7, 8, 9, 12}) == "3,7-9,12"
    assert merging._ranges({*range(0, 40, 2)}) == "0,2,4,6,8,10,12,14,16,18,..."
