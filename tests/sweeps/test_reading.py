"""Runs that are read again, while they go on and afterwards."""

import concurrent.futures
import contextlib
import json
import sqlite3
import threading
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, runs
from jaxdl.engine import engine
from jaxdl.engine.checkpoints import Keeper
from jaxdl.runs import digests
from jaxdl.sweeps import read_result
from tests.sweeps.kept import SPACE, cut_after, damage, same, small, sweep
from jaxdl.train import Status

FOUR = {"members": 4, "epochs": 3, "plan": dl.Plan(4)}
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


def read_after(records, search, digits, folder):
    """Returns what there is of a run of a block of 4 that is cut after some records."""
    with cut_after(records):
        sweep(small, SPACE, digits, run_dir=folder, search=search, **FOUR)
    return read_result(folder, small)


def test_who_will_train_on_is_running_and_not_stopped(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    begun = read_after(2, None, digits, tmp_path / "random")
    assert begun.status.tolist() == ["running"] * 4
    assert begun.stopped_at.tolist() == [-1] * 4 and "running" in begun.table()
    assert begun.member(0).status == Status.RUNNING and begun.member(0).stopped_at is None
    # After a rung nobody knows whom the search will ask for; in the next it is known.
    folder, search = tmp_path / "halving", dl.halving(2)
    assert read_after(1, search, digits, folder).status.tolist() == ["running"] * 4
    later = read_after(1, search, digits, folder)
    assert sorted(later.status) == ["running"] * 2 + ["stopped"] * 2
    assert (later.stopped_at[later.status == Status.STOPPED] > 0).all()
    done = read_after(9, search, digits, folder)
    assert sorted(done.status) == ["finished"] + ["stopped"] * 3


def test_eight_readers_of_a_sweep_that_writes_see_what_it_had(
    digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    had, keep, ended = {}, Keeper.keep, threading.Event()

    def noted(self, number, trained):
        had[trained.block.until] = trained.params
        return keep(self, number, trained)

    def look():
        """Returns after how many epochs it saw the members."""
        seen = set()
        while not ended.is_set():
            with contextlib.suppress(FileNotFoundError):  # it has not begun yet
                read = read_result(tmp_path, small)
                seen.add(epochs := int(max(read.kept_epoch)) + 1)
                if epochs:
                    params = jax.tree.map(lambda x: x[1], had[epochs])
                    jax.tree.map(
                        np.testing.assert_array_equal, read.member(1).params, params
                    )
        return seen

    monkeypatch.setattr(Keeper, "keep", noted)
    settings = {"members": 2, "epochs": 16, "plan": dl.Plan(2), "run_dir": tmp_path}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(look) for _ in range(8)]
        try:
            first = sweep(small, SPACE, digits, **settings)
        finally:
            ended.set()
        assert sum(len(reader.result()) for reader in readers) > 16
    same(first, read_result(tmp_path, small))


def test_whose_weights_are_lost_will_train_again(digits, tmp_path):
    sweep(small, SPACE, digits, run_dir=tmp_path, **FOUR)
    damage(next((tmp_path / "checkpoints").iterdir()))
    with pytest.warns(UserWarning, match="left out"):
        read = read_result(tmp_path, small)
    assert read.status.tolist() == ["running"] * 4


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

    with pytest.raises(runs.RunMismatchError, match="by name, .*or give its space"):
        read_result(tmp_path, by_place)


def by_place(hp):
    (rate, (options, _)), units = hp
    return dl.Recipe(
        nn.serial(nn.dense(units), nn.dense(10)),
        optim.gradient_descent(rate * options.values[0]),
        nn.softmax_cross_entropy,
    )


def test_hyperparameters_by_place_are_read_again_with_the_space(digits, tmp_path):
    some = dl.Either({"some": (dl.Uniform(0.1, 1.0),)})
    space = ((dl.LogUniform(1e-3, 1e-1), [some, None]), dl.Static([4]))
    first = sweep(by_place, space, digits, run_dir=tmp_path, **FOUR)
    same(first, read_result(tmp_path, by_place, space))
    member = dl.load_member(tmp_path, by_place, 3, space=space)
    assert str(member.hparams) == str(first.member(3).hparams)
    dl.replay(tmp_path, by_place, digits, member=3, space=space, progress=False)
    with pytest.raises(runs.RunMismatchError, match="parameters 0, 1; .* 0.1.1, 1"):
        read_result(tmp_path, by_place, (0.1, 3))
