"""Runs whose files are damaged: what is lost trains again."""

import pytest

from jaxdl import runs
from jaxdl.search import engine, read_result
from tests.search.kept import cut_after, damage, same, sweep, trained_blocks


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
