"""What is not as it was written is seen, set aside and trained again; never used."""

import os
import shutil

import numpy as np
import pytest

from jaxdl import runs
from tests.runs.harm import OTHER, flip, left
from tests.runs.processes import (
    HPARAMS,
    MEMBERS,
    SPECIFICATION,
    begin,
    record,
    same,
    state,
)


def swap(folder):
    one, two = folder / "checkpoints" / "1.bin", folder / "checkpoints" / "2.bin"
    one.rename(folder / "x"), two.rename(one), (folder / "x").rename(two)


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
        assert len(store.load(0)) == 2
    assert not runs.doctor(folder).problems


def test_two_records_of_the_same_shapes_are_told_apart(folder):
    with runs.open_run(folder, SPECIFICATION) as store:
        store.commit(record(4, first=2, seed=7))
        store.commit(record(6, first=4, seed=8))
    (folder / "checkpoints" / "4.bin").rename(folder / "checkpoints" / "3.bin")
    with runs.open_run(folder, SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="record [34] .* left out"):
            assert [r.id for r in store.load(0)] == [1, 2]


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
            store.load(0)
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
                store.load(0)
        assert len(store.load(0)) == 2


def test_the_writer_works_after_damage(tmp_path):
    begin(tmp_path / "run")
    flip(tmp_path / "run" / "checkpoints" / "1.bin", 99)
    with runs.open_run(tmp_path / "run", SPECIFICATION) as store:
        with pytest.warns(UserWarning, match="left out"):
            assert store.load(0) == []
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.commit(record())
    assert state(tmp_path / "run") == 1
    assert np.array_equal(os.listdir(tmp_path / "run" / "damaged"), ["1.0.bin"])
