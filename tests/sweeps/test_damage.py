"""Runs whose files are damaged: what is lost trains again."""

import functools
import os
import random
import shutil

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import engine
from jaxdl.sweeps import read_result
from tests.sweeps.kept import (
    SPACE,
    cut_after,
    damage,
    same,
    small,
    sweep,
    trained_blocks,
)

HALVING, PBT = dl.halving(2), dl.pbt(1)
FOUR = {"members": 4, "epochs": 4}


def test_damaged_arrays_are_trained_again(recipe, space, digits, tmp_path):
    first = sweep(recipe, space, digits, run_dir=tmp_path)
    files = sorted((tmp_path / "checkpoints").glob("*.bin"))
    damage(files[0])
    left_out = pytest.warns(UserWarning, match="left out")
    with left_out, trained_blocks() as blocks:
        again = sweep(recipe, space, digits, run_dir=tmp_path)
    same(first, again)
    assert len({int(i) for b in blocks for i in b.members}) == 2


def test_weights_that_are_lost_are_told(recipe, space, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=4)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="left out"):
        left = read_result(tmp_path, recipe)
    with pytest.raises(runs.DamagedError, match="weights of member 1 are lost"):
        left.member(1)


def test_the_state_before_a_damaged_one_is_gone_on_from(
    recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    first = sweep(recipe, space, digits, run_dir=tmp_path, members=2)
    damage(max((tmp_path / "checkpoints").iterdir(), key=lambda p: int(p.stem)))
    left_out = pytest.warns(UserWarning, match="left out")
    with left_out, trained_blocks() as blocks:
        same(first, sweep(recipe, space, digits, run_dir=tmp_path, members=2))
    assert [(b.first, b.until) for b in blocks] == [(3, 4)]


def test_what_follows_a_damaged_state_leaves_the_disk(
    recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    first = sweep(recipe, space, digits, run_dir=tmp_path, members=2)
    files = tmp_path / "checkpoints"
    assert {p.name for p in files.iterdir()} == {"3.bin", "4.bin"}
    damage(files / "3.bin")
    with pytest.warns(UserWarning, match="left out"):
        same(first, sweep(recipe, space, digits, run_dir=tmp_path, members=2))
    assert {p.name for p in files.iterdir()} == {"7.bin", "8.bin"}


def test_who_starts_over_and_is_cut_short_goes_on_from_there(
    recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    settings = {"members": 2, "epochs": 6, "run_dir": tmp_path}
    first = sweep(recipe, space, digits, **settings)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="left out"), cut_after(2):
        sweep(recipe, space, digits, **settings)
    with trained_blocks() as blocks:
        same(first, sweep(recipe, space, digits, **settings))
    assert blocks[0].first == 2


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """A run of two blocks, each in a file, and its result; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return folder, sweep(small, SPACE, digits, run_dir=folder, **FOUR)


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


@pytest.mark.parametrize("times", [2, pytest.param(100, marks=pytest.mark.heavy)])
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
        left_out = pytest.warns(UserWarning, match="left out")
        with left_out, trained_blocks() as blocks:
            same(first, sweep(small, SPACE, digits, run_dir=folder, **FOUR))
        again = {int(block.members[0]) for block in blocks}
        assert len(again) == 1 or harm is swap
        assert not runs.examine(folder).problems
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cut_in_a_rung(digits, tmp_path_factory):
    """Returns what makes a run in rungs, cut in the third, and what it was to be.

    The files of its last two rungs are there.
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
    [(HALVING, 0), (HALVING, 1), (PBT, 1)],
    ids=["halving-before", "halving-last", "pbt-last"],
)
def test_a_rung_is_trained_again(search, number, cut_in_a_rung, digits, tmp_path):
    folder, settings, whole = cut_in_a_rung(search)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    *_, before, last = sorted((tmp_path / "checkpoints").iterdir())
    damage((before, last)[number])
    with pytest.warns(UserWarning, match="left out"):
        same(whole, sweep(small, SPACE, digits, run_dir=tmp_path, **settings))


def test_weights_that_came_from_others_and_are_lost_are_told(
    cut_in_a_rung, digits, tmp_path
):
    folder, settings, _ = cut_in_a_rung(PBT)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="left out"):
        with pytest.raises(runs.DamagedError, match=r"\[0, 1, 2, 3\] are lost .* anew"):
            sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    with pytest.raises(runs.DamagedError, match="they come from other members"):
        sweep(small, SPACE, digits, run_dir=tmp_path, **settings)
    with pytest.warns(UserWarning, match="left out"):
        read = read_result(tmp_path, small)
    assert read.status.tolist() == ["running"] * 4
    assert np.isfinite(read.metrics["dev_error"][:, 0]).all()  # what is left
