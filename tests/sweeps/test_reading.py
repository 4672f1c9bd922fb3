"""Runs that are read again, while they train and afterwards."""

import concurrent.futures
import contextlib
import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import NamedTuple

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
import tests.small
from jaxdl import nn, runs
from jaxdl.engine import pace
from jaxdl.engine.population import Population
from jaxdl.report.scales import varying
from jaxdl.runs import database, groups
from jaxdl.spaces.plain import to_plain
from jaxdl.spaces.structures import label
from jaxdl.sweeps import read_result, reading
from jaxdl.train import Status
from jaxdl.train.outline import trace_recipe
from tests.sweeps.formats import recipe as formats
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    damage,
    small,
    sweep,
)

FOUR = {"members": 4, "epochs": 3, "plan": dl.Plan(4)}
JUNK = (None, -1, 2**70, "x", [[]], {})
MORE_JUNK = (0, 1.5, "", [], {"x": 1}, True, [1] * 9)
RUNNING, FINISHED, CUT_SHORT = Status.RUNNING, Status.FINISHED, Status.CUT_SHORT


def test_another_program_is_refused_with_the_versions_then_and_now(
    finished, monkeypatch
):
    now = reading.kind_here()
    later = now._replace(versions=now.versions | {"jaxdl": "9.9"})
    monkeypatch.setattr(reading, "kind_here", lambda: later)

    def other(hp):
        return small(hp)._replace(penalty=nn.l2(0.5))

    versions = "jax {jax} .this is {jax}. and jaxdl {jaxdl} .this is 9.9.$"
    with pytest.raises(runs.RunMismatchError, match=versions.format(**now.versions)):
        read_result(finished[0], other)


def test_a_finished_run_is_read_to_the_bit(finished, digits):
    folder, first = finished
    read = read_result(folder, small)
    assert_same_result(first, read)
    assert read.rows() == first.rows()
    assert read.task.plan == first.task.plan and read.task.data is None
    member = dl.load_member(folder, small, 3)
    assert_same_member(member, first.member(3))
    assert member.evaluate(digits.test) == first.member(3).evaluate(digits.test)


@pytest.mark.parametrize(
    "junks", [JUNK, pytest.param(MORE_JUNK, marks=pytest.mark.heavy)]
)
def test_a_hostile_specification_is_refused(junks, finished, tmp_path):
    folder, _ = finished
    path = tmp_path / "run.sqlite"
    path.write_bytes((folder / "run.sqlite").read_bytes())
    (tmp_path / "checkpoints").symlink_to(folder / "checkpoints")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        parts = dict(connection.execute("SELECT part, value FROM specification"))
        for part, value in parts.items():
            for junk in junks:
                database.specify(connection, {part: json.dumps(junk)})
                connection.commit()
                # Either nothing reads the part, or it is refused in plain words.
                with contextlib.suppress(OSError, runs.RunMismatchError):
                    assert len(read_result(tmp_path, small).status) <= 9
            database.specify(connection, {part: value})
            connection.commit()
    assert read_result(tmp_path, small).status.tolist() == [FINISHED] * 4


# while it trains


def read_after(records, search, digits, folder):
    """Returns what there is of a run of a block of 4 that is cut after some records."""
    with cut_after(records):
        sweep(small, SPACE, digits, run_dir=folder, search=search, **FOUR)
    return read_result(folder, small)


def test_a_member_is_running_until_the_search_drops_it(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    early = read_after(2, None, digits, tmp_path / "random")
    assert early.status.tolist() == [RUNNING] * 4
    assert early.stopped_at.tolist() == [-1] * 4 and "running" in early.table()
    assert early.member(0).status == RUNNING and early.member(0).stopped_at is None
    # After a rung the search may ask for each of its members; in the next it has asked.
    folder, search = tmp_path / "halving", dl.halving(2)
    assert read_after(1, search, digits, folder).status.tolist() == [RUNNING] * 4
    later = read_after(1, search, digits, folder)
    assert sorted(later.status) == [RUNNING] * 2 + [CUT_SHORT] * 2
    assert (later.stopped_at[later.status == CUT_SHORT] > 0).all()
    assert not runs.is_finished(folder)
    done = read_after(9, search, digits, folder)
    assert sorted(done.status) == [FINISHED] + [CUT_SHORT] * 3
    assert runs.is_finished(folder)


def test_three_readers_of_a_sweep_that_writes_see_what_it_had(
    digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    had, commit, ended = {}, Population.commit, threading.Event()

    def noted(self, trained, stop):
        had[trained.block.until] = trained.params
        committed = commit(self, trained, stop)
        self.store.flush()
        return committed

    def look():
        """Returns after how many epochs it saw the members."""
        seen = set()
        while not ended.is_set():
            with contextlib.suppress(FileNotFoundError):  # it has not begun yet
                read = read_result(tmp_path, small)
                seen.add(epochs := int(max(read.kept_epoch)) + 1)
                if epochs:
                    params = jax.tree.map(lambda x: x[1], had[epochs])
                    chex.assert_trees_all_equal(read.member(1).params, params)
        return seen

    monkeypatch.setattr(Population, "commit", noted)
    settings = {"members": 2, "epochs": 16, "run_dir": tmp_path}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(look) for _ in range(3)]
        try:
            first = sweep(small, SPACE, digits, **settings)
        finally:
            ended.set()
        assert sum(len(reader.result()) for reader in readers) > 6
    assert_same_result(first, read_result(tmp_path, small))


def test_members_whose_weights_are_lost_are_running(digits, tmp_path):
    sweep(small, SPACE, digits, run_dir=tmp_path, **FOUR)
    damage(next((tmp_path / "checkpoints").iterdir()))
    with pytest.warns(UserWarning, match="left out"):
        read = read_result(tmp_path, small)
    assert read.status.tolist() == [RUNNING] * 4


# what a run remembers of its space

EVERYTHING = SPACE | {
    "uniform": dl.Uniform(0.25, 0.75),
    "near_1": dl.OneMinusLogUniform(0.9, 0.999),
    "whole": dl.IntUniform(1, 9),
    "decades": dl.spaces.IntLogUniform(1, 1000),
    "choice": dl.Choice([0.5, 2.0]),
    "static": dl.Static([0.1]),  # a float that float32 does not have
    "units": dl.AsSize(dl.IntUniform(10, 12)),
    "other_units": dl.AsSize(dl.Choice([8])),
    "either": dl.Either(
        {"some": {"share": dl.Uniform(0.1, 1.0),
                  "inner": dl.Either({"only": (dl.IntUniform(1, 2), None)})}}
    ),
    "given": np.float32([0.1, 0.2, np.nan, 0.4]),
    "constants": [1, 2.5, "text", True, None, {"b": 3, "a": ()}],
}  # fmt: skip


def everything(hp):
    assert hp["static"] == 0.1 and hp["constants"][5]["b"] == 3
    share = hp["either"].values["share"]
    hidden = nn.serial(nn.dense(hp["units"]), nn.dense(10))
    return small({"rate": hp["rate"] * share})._replace(model=hidden)


@pytest.fixture(scope="module")
def remembered(digits, tmp_path_factory):
    """The folder of a run with hyperparameters of every kind, and its result."""
    folder = tmp_path_factory.mktemp("runs") / "everything"
    settings = {"members": 4, "epochs": 1, "run_dir": folder}
    return folder, sweep(everything, EVERYTHING, digits, **settings)


def test_a_run_remembers_its_space_with_equal_leaves(remembered):
    folder, live = remembered
    read = read_result(folder, everything)
    assert to_plain(read.task.space) == to_plain(EVERYTHING)
    assert jax.tree.structure(read.task.space) == jax.tree.structure(EVERYTHING)
    pairs = zip(*map(jax.tree.leaves, (read.task.space, EVERYTHING)), strict=True)
    for ours, theirs in pairs:
        assert type(ours) is type(theirs)
        np.testing.assert_equal(ours, theirs)
    assert_same_result(live, read)


def test_members_of_a_run_have_the_hyperparameters_that_they_had(remembered, digits):
    folder, live = remembered
    read = dl.load_member(folder, everything, 1)
    original = live.member(1)
    assert read.structure == original.structure
    assert str(read.hparams) == str(original.hparams)
    assert isinstance(read.hparams["units"], nn.Size)
    again = dl.replay(folder, everything, digits, member=1, progress=False)
    assert_same_member(again, original)


def test_a_space_that_was_read_is_refined_as_the_live_one(remembered):
    folder, live = remembered
    read = read_result(folder, everything)
    narrow = [
        dl.refine(r.task.space | {"given": 0.1}, r.hparams | {"given": np.full(4, 0.1)},
                  r.final()["dev_error"], 2)
        for r in (read, live)
    ]  # fmt: skip
    assert to_plain(narrow[0]) == to_plain(narrow[1]) != to_plain(EVERYTHING)
    assert isinstance(narrow[0]["near_1"], dl.OneMinusLogUniform)


def test_the_scales_of_a_figure_of_a_folder_are_those_of_the_live_result(remembered):
    folder, live = remembered
    found = [
        [(s.name, s.kind, s.at.tolist(), s.names) for s in varying(result)]
        for result in (read_result(folder, everything), live)
    ]
    assert str(found[0]) == str(found[1])  # as NaN differs from itself
    kinds = {name: kind for name, kind, *_ in found[0]}
    assert kinds["near_1"] == "reversed log" and kinds["rate"] == "log"


class Named(NamedTuple):
    rate: object


NAMED = Named(SPACE["rate"])


def by_name(hp):
    return small({"rate": hp.rate})


@pytest.fixture(scope="module")
def named(digits, tmp_path_factory):
    """The folder of a run whose space is a NamedTuple, and its result."""
    folder = tmp_path_factory.mktemp("runs") / "named"
    settings = {"members": 2, "epochs": 1, "run_dir": folder}
    return folder, sweep(by_name, NAMED, digits, **settings)


def test_a_namedtuple_has_to_be_given(named, digits):
    folder, first = named
    for read in (
        lambda: read_result(folder, by_name),
        lambda: dl.load_member(folder, by_name, 0),
        lambda: dl.replay(folder, by_name, digits, 0, progress=False),
    ):
        with pytest.raises(runs.RunMismatchError, match="holds Named, .*space=..."):
            read()
    assert_same_result(first, read_result(folder, by_name, space=NAMED))
    member = dl.load_member(folder, by_name, 1, space=NAMED)
    assert_same_member(member, first.member(1))
    assert isinstance(member.hparams, Named)
    again = dl.replay(folder, by_name, digits, 1, space=NAMED, progress=False)
    assert_same_member(again, first.member(1))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            Named(dl.LogUniform(1e-3, 1.0)),
            "rate: got .*1.0.* recorded .*0.1",
        ),
        (Named(dl.Uniform(1e-3, 1e-1)), "rate: got Uniform.* recorded LogUniform"),
        (Named(0.1), "rate: got 0.1, recorded"),
        (SPACE, "the recorded leaves in a tree of other classes"),
        (SPACE | {"l2": 0.1}, "hyperparameters: got l2, .*recorded"),
    ],
)
def test_another_space_is_refused_and_the_leaf_named(space, message, named):
    with pytest.raises(runs.RunMismatchError, match=message):
        read_result(named[0], by_name, space=space)


def test_a_recipe_of_other_hyperparameters_is_not_called_damage(named, finished):
    def decays(hp):
        return by_name(hp)._replace(batch_size=hp.decay)

    with pytest.raises(runs.RunMismatchError, match="fails on.* rate .*decay"):
        read_result(named[0], decays, space=NAMED)
    with pytest.raises(runs.RunMismatchError, match="fails on.* rate"):
        read_result(finished[0], lambda hp: small({"rate": hp["rates"]}))


def by_place(hp):
    (rate, (options, _)), units = hp
    model = nn.dense(units)
    return small({"rate": rate * options.values[0]})._replace(model=model)


def test_hyperparameters_by_place_are_read_again(digits, tmp_path):
    some = dl.Either({"some": (dl.Uniform(0.1, 1.0),)})
    space = ((dl.LogUniform(1e-3, 1e-1), [some, None]), dl.Static([10]))
    settings = {"members": 3, "epochs": 1, "run_dir": tmp_path}
    first = sweep(by_place, space, digits, **settings)
    assert_same_result(first, read_result(tmp_path, by_place))
    assert_same_result(first, read_result(tmp_path, by_place, space=space))
    member = dl.load_member(tmp_path, by_place, 2)
    assert str(member.hparams) == str(first.member(2).hparams)
    assert_same_member(
        dl.replay(tmp_path, by_place, digits, 2, progress=False), first.member(2)
    )


def test_a_run_that_was_written_in_format_4_is_read(monkeypatch, tmp_path):
    """Its folder was made once; only the digests of programs may follow JAX."""
    folder = tmp_path / "4"
    shutil.copytree(Path(__file__).parent / "formats" / "4", folder)
    with runs.read_run(folder) as store:
        programs = store.specification["programs"]

    def traced(recipe, types, structure, *known):
        outline = trace_recipe(recipe, types, structure, *known)
        return outline._replace(program=programs[label(structure)])

    monkeypatch.setattr(reading, "trace_recipe", traced)
    read = read_result(folder, formats.recipe)
    assert read.task.space == formats.SPACE
    plan = dl.Plan(2, "shared")
    assert (read.task.members, read.task.epochs, read.task.plan) == (3, 2, plan)
    cut, finished = Status.CUT_SHORT, Status.FINISHED
    assert read.status.tolist() == [cut, cut, finished]
    assert read.metrics["dev_error"][2].tolist() == [0.0625, 0.0]
    assert read.hparams["units"].tolist() == [2, 3, 3]
    assert read.member(2).params[0]["kernel"].shape == (1, 3)
    assert not runs.doctor(folder).problems


def test_a_run_that_is_followed_is_traced_and_loaded_once(
    small_sweep, run_dir, monkeypatch
):
    traced, loaded = [], []
    original, load = reading.trace_recipe, groups.read
    monkeypatch.setattr(
        reading, "trace_recipe", lambda *a: traced.append(a) or original(*a)
    )
    monkeypatch.setattr(groups, "read", lambda *a: loaded.append(a[2].id) or load(*a))
    read = reading.follow(run_dir, tests.small.recipe)
    for found in (read(tests.small.SPACE), read(tests.small.SPACE)):
        np.testing.assert_array_equal(
            found.metrics["dev_error"], small_sweep.metrics["dev_error"]
        )
    assert len(traced) == len(small_sweep.inferences)
    assert len(loaded) == len({*loaded}) > 0
