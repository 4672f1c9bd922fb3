"""Runs that are cut short, gone on with, read again and replayed to the bit."""

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, runs
from jaxdl.runs import digests
from jaxdl.search import SpaceError, engine, read_result
from jaxdl.search.keep import Keeper

KEY = jax.random.key(0)


class Cut(Exception):
    """Stands for the end of a process."""


def sweep(recipe, space, data, **settings):
    defaults = {"key": KEY, "members": 6, "epochs": 4, "plan": dl.Plan(2)}
    return dl.sweep(recipe, space, data, progress=False, **defaults | settings)


def same(a, b):
    """Checks that two results are equal to the bit."""
    for name, curve in a.metrics.items():
        np.testing.assert_array_equal(curve, b.metrics[name], strict=True)
    for what in ("status", "stopped_at", "kept_epoch"):
        np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
    for i in range(len(a.status)):
        for x, y in zip(*(jax.tree.leaves((r.member(i).params, r.member(i).state))
                          for r in (a, b)), strict=True):  # fmt: skip
            np.testing.assert_array_equal(x, y, strict=True)


@pytest.fixture
def cut_after(monkeypatch):
    """Makes the n-th record from now on the last that a process makes."""

    def set_cut(n):
        left, keep = [n], Keeper.keep

        def limited(self, number, trained):
            kept = keep(self, number, trained)
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            return kept

        monkeypatch.setattr(Keeper, "keep", limited)

    yield set_cut
    monkeypatch.undo()


@pytest.mark.parametrize(
    "settings",
    [{}, {"search": dl.halving(2)}, {"search": dl.pbt(1)}, {"patience": 1},
     {"repeats": 2, "members": 3}],
    ids=["random", "halving", "pbt", "patience", "repeats"],
)  # fmt: skip
def test_a_run_goes_on_to_the_same_bits(
    settings, recipe, space, digits, tmp_path, cut_after, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    whole = sweep(recipe, space, digits, **settings)
    folder = tmp_path / "run"
    for cut in (0, 2, 3):
        cut_after(cut)
        with pytest.raises(Cut) if cut == 0 else contextlib.suppress(Cut):
            sweep(recipe, space, digits, run_dir=folder, **settings)
        monkeypatch.undo()
        monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    again = sweep(recipe, space, digits, run_dir=folder, **settings)
    same(whole, again)


def trained_blocks(monkeypatch):
    """Returns a list that every block trained from now on is added to."""
    blocks, train_block = [], engine.train_block

    def noted(programs, block, *rest, **settings):
        blocks.append(block)
        return train_block(programs, block, *rest, **settings)

    monkeypatch.setattr(engine, "train_block", noted)
    return blocks


def test_a_finished_run_is_returned_and_trains_nothing(
    recipe, space, digits, tmp_path, monkeypatch
):
    first = sweep(recipe, space, digits, run_dir=tmp_path)
    blocks = trained_blocks(monkeypatch)
    again = sweep(recipe, space, digits, run_dir=tmp_path)
    assert not blocks
    same(first, again)
    read = read_result(tmp_path, recipe)
    same(first, read)
    member = dl.load_member(tmp_path, recipe, 3)
    assert member.evaluate(digits.test) == first.member(3).evaluate(digits.test)
    assert float(member.hparams.learning_rate) == first.hparams.learning_rate[3]


@pytest.mark.parametrize("search", [None, dl.pbt(1)], ids=["random", "pbt"])
def test_a_member_is_replayed_to_the_bit(search, recipe, space, digits, tmp_path):
    result = sweep(recipe, space, digits, run_dir=tmp_path, search=search)
    again = dl.replay(tmp_path, recipe, digits, member=4, progress=False)
    once_more = dl.replay(result, recipe, digits, member=4, progress=False)
    for member in (again, once_more):
        for x, y in zip(
            jax.tree.leaves(member.params),
            jax.tree.leaves(result.member(4).params),
            strict=True,
        ):
            np.testing.assert_array_equal(x, y)


def test_another_sweep_is_refused_and_the_difference_named(
    recipe, make_recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.bin")}
    for changes, name in (
        ({"key": jax.random.key(1)}, "key"),
        ({"epochs": 2}, "epochs"),
        ({"plan": dl.Plan(4)}, "plan"),
        ({"patience": 3}, "patience"),
    ):
        with pytest.raises(runs.RunMismatchError, match=name):
            settings = {"members": 2, "epochs": 1, "run_dir": tmp_path} | changes
            sweep(recipe, space, digits, **settings)
    settings = {"members": 2, "epochs": 1, "run_dir": tmp_path}
    fewer = digits._replace(train=jax.tree.map(lambda x: x[:500], digits.train))
    with pytest.raises(runs.RunMismatchError, match="data"):
        sweep(recipe, space, fewer, **settings)
    with pytest.raises(runs.RunMismatchError, match="programs"):
        sweep(make_recipe(batch_size=32), space, digits, **settings)
    with pytest.raises(runs.RunMismatchError, match="not the run's"):
        dl.load_member(tmp_path, make_recipe(batch_size=32), 0)
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*.bin")}


def test_damaged_arrays_are_trained_again(recipe, space, digits, tmp_path, monkeypatch):
    first = sweep(recipe, space, digits, run_dir=tmp_path)
    files = sorted((tmp_path / "checkpoints").glob("*.bin"))
    damage(files[0])
    blocks = trained_blocks(monkeypatch)
    with pytest.warns(UserWarning, match="left out"):
        again = sweep(recipe, space, digits, run_dir=tmp_path)
    same(first, again)
    assert len({int(i) for b in blocks for i in b.members}) == 2


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_members_and_epochs_are_added_to_a_finished_run(
    recipe, space, digits, tmp_path, monkeypatch
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=3, epochs=2)
    blocks = trained_blocks(monkeypatch)
    more = sweep(recipe, space, digits, run_dir=tmp_path, extend=True)
    same(sweep(recipe, space, digits), more)
    old = [b for b in blocks if 0 in b.members]
    assert min(b.first for b in old[:1]) == 2  # what was trained is not trained again
    blocks.clear()
    same(more, sweep(recipe, space, digits, run_dir=tmp_path))
    assert not blocks
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(recipe, space, digits, run_dir=tmp_path, members=3, extend=True)
    with pytest.raises(runs.RunMismatchError, match="members"):
        sweep(recipe, space, digits, run_dir=tmp_path, members=8)


@pytest.mark.parametrize("settings", [{}, {"search": dl.halving(2), "run_dir": "a"}])
def test_what_cannot_be_extended_is_refused(settings, recipe, space, digits):
    with pytest.raises(ValueError, match="expected the folder of a run"):
        sweep(recipe, space, digits, extend=True, **settings)


def test_a_run_goes_on_with_another_number_of_devices_and_blocks(
    recipe, space, digits, tmp_path, cut_after, monkeypatch
):
    whole = sweep(recipe, space, digits)
    cut_after(1)
    with pytest.raises(Cut):
        sweep(recipe, space, digits, run_dir=tmp_path)
    monkeypatch.undo()
    module = sys.modules["jaxdl.search.sweep"]
    monkeypatch.setattr(module, "worker_devices", lambda: jax.devices()[:1])
    same(whole, sweep(recipe, space, digits, run_dir=tmp_path))


def test_a_second_process_is_refused_with_the_first_ones_name(
    recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    with runs.read_run(tmp_path) as store:
        said = store.specification
    with runs.open_run(tmp_path, said):
        with pytest.raises(runs.RunOwnedError, match=str(os.getpid())):
            sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
        assert read_result(tmp_path, recipe).member(0).status == "finished"


JUNK = (None, -1, 0, 2**70, 1.5, "x", "", [], [[]], {}, {"x": 1}, True, [1] * 9)


def test_a_hostile_specification_is_refused(recipe, space, digits, tmp_path):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    path = tmp_path / "run.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        parts = dict(database.execute("SELECT part, value FROM specification"))
        for part, value in parts.items():
            for junk in JUNK:
                database.execute(
                    "UPDATE specification SET value = ? WHERE part = ?",
                    (json.dumps(junk), part),
                )
                signed = parts | {part: json.dumps(junk)}
                digests.put(database, "specification", 0, signed)
                database.commit()
                # Either nobody reads the part, or it is refused in plain words.
                with contextlib.suppress(OSError, runs.RunMismatchError):
                    assert len(read_result(tmp_path, recipe).status) <= 9
            database.execute(
                "UPDATE specification SET value = ? WHERE part = ?", (value, part)
            )
            digests.put(database, "specification", 0, parts)
            database.commit()
    assert read_result(tmp_path, recipe).status.tolist() == ["finished"] * 2


def test_what_is_superseded_leaves_the_disk(
    recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    seen, keep = [], Keeper.keep

    def counted(self, number, trained):
        kept = keep(self, number, trained)
        seen.append(len(list((tmp_path / "checkpoints").iterdir())))
        return kept

    monkeypatch.setattr(Keeper, "keep", counted)
    result = sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=8)
    assert len(seen) == 8 and max(seen) == 3  # the new one, before it, and one to go
    assert sum(block is not None for block in result.blocks) == 1


class Mixed(NamedTuple):
    optimizer: object
    units: object
    share: object
    names: object


MIXED = Mixed(
    dl.Either({"adam": {"rate": dl.LogUniform(1e-3, 1e-1)}, "fixed": {}}),
    dl.AsSize(dl.IntUniform(10, 12)),
    dl.Static([0.1]),  # a float that float32 does not have
    {"b": 3, "c": None},
)


def mixed(hp):
    assert hp.share == 0.1 and hp.names["c"] is None
    rate = hp.optimizer.values["rate"] if hp.optimizer.name == "adam" else hp.share
    return dl.Recipe(
        model=nn.serial(nn.dense(hp.units), nn.relu, nn.dense(10)),
        optimizer=optim.adam(rate),
        loss=nn.softmax_cross_entropy,
    )


def test_hyperparameters_of_every_kind_are_read_again(digits, tmp_path):
    first = sweep(mixed, MIXED, digits, members=5, epochs=1, run_dir=tmp_path)
    read = read_result(tmp_path, mixed)
    same(first, read)
    assert read.rows()[0] == first.rows()[0]
    member, original = dl.load_member(tmp_path, mixed, 1), first.member(1)
    assert member.hparams.optimizer.name == original.hparams.optimizer.name
    assert member.hparams.units == original.hparams.units
    replayed = dl.replay(tmp_path, mixed, digits, member=1, progress=False)
    np.testing.assert_array_equal(
        replayed.params[0]["kernel"], original.params[0]["kernel"]
    )


def test_a_recipe_that_asks_for_other_hyperparameters_is_not_called_damage(
    recipe, space, digits, tmp_path
):
    sweep(recipe, space, digits, run_dir=tmp_path, members=2, epochs=1)
    with pytest.raises(runs.RunMismatchError, match="fails on.* beta1, .*got decay"):
        read_result(tmp_path, lambda hp: recipe(hp)._replace(batch_size=hp.decay))

    def by_place(hp):
        return recipe(type("Placed", (), {"l2": hp[3]}))

    with pytest.raises(runs.RunMismatchError, match="by name, as attributes or keys"):
        read_result(tmp_path, by_place)


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
    blocks = trained_blocks(monkeypatch)
    with pytest.warns(UserWarning, match="left out"):
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


def test_hyperparameters_that_are_not_finite_are_kept(recipe, space, digits, tmp_path):
    rates = np.array([0.01, np.nan, np.inf])
    given = space._replace(learning_rate=rates)
    settings = {"members": 3, "epochs": 1, "run_dir": tmp_path}
    first = sweep(recipe, given, digits, **settings)
    assert first.status.tolist() == ["finished", "diverged", "diverged"]
    same(first, sweep(recipe, given, digits, **settings))
    np.testing.assert_array_equal(
        read_result(tmp_path, recipe).hparams.learning_rate, np.float32(rates)
    )
    with pytest.raises(runs.RunMismatchError, match="space"):
        other = space._replace(learning_rate=np.array([0.01, np.inf, np.inf]))
        sweep(recipe, other, digits, **settings)
    with pytest.raises(SpaceError, match="expected finite ones, to be kept"):
        sweep(recipe, space._replace(l2=dl.Static([0.1, np.inf])), digits, **settings)


@pytest.mark.parametrize("search", [None, dl.pbt(1)], ids=["random", "pbt"])
def test_a_member_of_a_run_that_goes_on_is_replayed_as_far_as_it_is(
    search, recipe, space, digits, tmp_path, cut_after, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    cut_after(3)
    with pytest.raises(Cut):
        sweep(recipe, space, digits, run_dir=tmp_path, search=search)
    monkeypatch.undo()
    result = read_result(tmp_path, recipe)
    trained = np.isfinite(result.metrics["dev_loss"]).sum(axis=1)
    assert 0 < trained.max() < 4
    again = dl.replay(tmp_path, recipe, digits, member=trained.argmax(), progress=False)
    assert np.isfinite(again.metrics["dev_loss"]).sum() == trained.max()


def test_other_weights_are_not_taken_for_a_replay(recipe, space, digits):
    result = sweep(recipe, space, digits, members=2, epochs=1)
    (block,) = result.blocks
    block.params[0]["kernel"] = 2 * block.params[0]["kernel"]
    with pytest.raises(runs.RunMismatchError, match="same metrics and other weights"):
        dl.replay(result, recipe, digits, member=1, progress=False)


def test_who_starts_over_and_is_cut_short_goes_on_from_there(
    recipe, space, digits, tmp_path, cut_after, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    settings = {"members": 2, "epochs": 6, "run_dir": tmp_path}
    first = sweep(recipe, space, digits, **settings)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    cut_after(1)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(Cut):
        sweep(recipe, space, digits, **settings)
    monkeypatch.undo()
    blocks = trained_blocks(monkeypatch)
    same(first, sweep(recipe, space, digits, **settings))
    assert blocks[0].first == 2
