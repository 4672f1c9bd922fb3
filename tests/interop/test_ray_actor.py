"""What goes between a sweep and a process of a cluster, and what that refuses."""

import functools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine.crew import Threads
from jaxdl.engine.kind import THREADS, kind_here
from jaxdl.engine.layout import Block, lay_out
from jaxdl.engine.outlines import make_outlines, ranked
from jaxdl.engine.task import Task, check_task
from jaxdl.interop import ray_actor
from jaxdl.interop.ray_actor import Actor
from jaxdl.interop.ray_wire import Numbering, from_wire, sent_task, wire_shapes
from jaxdl.searches.shards import Shard
from jaxdl.spaces.structures import structures
from jaxdl.sweeps.repeats import data_of, with_variants
from jaxdl.train.keys import as_numbers
from tests.sweeps.kept import KEY, SIZED, SPACE, noisy, sized, small

WIDTH = 2
ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(digits):
    """Returns a function that makes a task, its outlines and its blocks."""

    def task_of(recipe=small, space=SPACE, *, members=2, **settings):
        plan = dl.Plan(WIDTH, order="own" if settings else "shared")
        task = Task(recipe, space, digits, KEY, members, 3, plan=plan, **settings)
        task, whole = with_variants(check_task(task))
        sets = {v.facts: data_of(v, whole) for v in task.variants}
        hparams = dl.sample(KEY, space, members)
        outlines = make_outlines(task, hparams, sets)
        ids = np.arange(members)
        each = task, hparams, ids, 0 * ids, 0 * ids + 2
        return ranked(task, outlines)._replace(data=whole), outlines, lay_out(*each)

    return task_of


@pytest.fixture
def actor(monkeypatch):
    """A process that leaves the settings of this one alone."""
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(ray_actor, "enable_compilation_cache", lambda: None)
    return Actor(2, None, {}, [])


def sent(value):
    """Returns what another process gets."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301


def shown(numbering, block):
    return numbering.sent(block, None, last=False)


def test_a_process_says_who_it_is_and_has_the_hands_it_was_given(actor):
    card = actor.card()
    assert card.kind == kind_here() and ", process " in card.name
    assert actor.crew.size == 2


def test_settings_and_folders_come_before_everything_else(monkeypatch, tmp_path):
    updates = []
    monkeypatch.setattr(jax.config, "update", lambda *a: updates.append(a))
    monkeypatch.setattr(ray_actor, "enable_compilation_cache", lambda: None)
    monkeypatch.setattr(sys, "path", ["there"])
    monkeypatch.delenv(THREADS, raising=False)
    folders = ["there", str(tmp_path), "/no/such/folder"]
    Actor(1, 3, {"jax_enable_x64": True}, folders)
    assert os.environ[THREADS] == "3"
    assert updates == [("jax_platforms", "cpu"), ("jax_enable_x64", True)]
    assert sys.path == ["there", str(tmp_path)]
    updates.clear()
    Actor(None, None, {}, [])
    assert not updates  # JAX finds the accelerators


def test_what_is_sent_is_pickled_and_has_numbers_for_programs(make):
    task, outlines, (block,) = make(sized, SIZED)
    given = sent(sent_task(task, outlines))
    assert given.task.search is None and given.task.key.dtype == np.uint32
    assert given.digests == {(0, 0): next(iter(outlines.values())).program}
    again = Numbering(given.task).block(sent(shown(Numbering(task), block)))
    assert again.family == block.family and again.first == 0 and again.until == 2
    np.testing.assert_array_equal(again.members, block.members)
    assert again.structure.names == block.structure.names


def test_a_block_that_is_sent_is_of_the_configurations_of_its_shard(make):
    """Shard 1 of 3 of six, in which configuration 0 is number 2; of two repeats."""
    task, _, _ = make(repeats=2)
    numbering = Numbering(task._replace(shard=Shard(number=1, count=3, whole=6)))
    (structure,), (family,) = numbering.structures, numbering.families
    traced = {"rate": np.ones(3)}
    block = Block(structure, family, np.array([0, 1, 2]), traced, 0, 1, 2, 2)
    again = numbering.block(sent(shown(numbering, block)))
    assert again.configurations.tolist() == [2, 2, 3]
    assert again.variants.tolist() == [0, 1, 0]


def test_programs_are_counted_by_structure_and_family(make):
    train, dev = np.arange(100, 400), np.arange(100)
    task, outlines, _ = make(folds=[(train, dev), (train, dev[:50])])
    numbering = Numbering(task)
    (structure,) = structures(task.bounded, 64)
    families = [*dict.fromkeys(v.family for v in task.variants)]
    assert len(families) == 2
    numbers = [numbering.number(structure, family) for family in families]
    assert numbers == [(0, 0), (0, 1)]
    assert {*sent_task(task, outlines).digests} == {*numbers}


def test_a_block_comes_back_as_threads_train_it(make, actor):
    """It has keys in the layers' state, and two sets of weights."""
    task, outlines, (block,) = make(noisy, patience=1)
    here = Threads(jax.devices()[:1])
    here.begin(task, outlines)
    here.prepare([block], lambda stage: None)
    numbering, found = Numbering(task), next(iter(outlines.values()))
    hands, words, _ = actor.prepare(
        sent_task(task, outlines), [shown(numbering, block)], {}
    )
    assert hands == 2 and "a block takes" in words
    state = None
    for first, last in ((0, False), (1, True)):
        part = block._replace(first=first, until=first + 1)
        hand, told = here.take(NEVER), []
        report = functools.partial(_note, told)
        expected = hand.train(part, state, report, last=last)
        here.give(hand)
        given = numbering.sent(part, state, last=last)
        *epochs, record = (one for told in actor.train(given) for one in told)
        assert repr(epochs) == repr(told)
        trained = from_wire(wire_shapes(task, found), part, record, last=last)
        n = len(block.members)
        for name in ("status", "stopped_at", "steps", "kept_epoch", "metrics"):
            same(getattr(trained, name), getattr(expected, name))
        for name in ("params", "state", "carry"):
            same(getattr(trained, name), first_of(getattr(expected, name), n))
        state = None if last else trained.state_of_members()


@pytest.mark.parametrize("pause, groups", [(0.0, [1, 1, 1, 1]), (1e9, [1, 2, 1])])
def test_epochs_are_told_when_the_pause_is_over(pause, groups, make, actor):
    """The first one at once, the rest before the record."""
    task, outlines, (block,) = make()
    numbering = Numbering(task)
    actor.prepare(sent_task(task, outlines), [shown(numbering, block)], {})
    whole = numbering.sent(block._replace(until=3), None, last=True)
    told = [*actor.train(whole._replace(pause=pause))]
    assert [len(group) for group in told] == groups
    *epochs, record = (one for group in told for one in group)
    assert [number for number, _, _ in epochs] == [0, 1, 2]
    assert isinstance(record, runs.Record)


def _note(told, *epoch):
    told.append(epoch)


def first_of(tree, n):
    return jax.tree.map(lambda x: x[:n], tree)


class Never:
    """Stands for a stop that never comes."""

    def is_set(self):
        return False


NEVER = Never()


def same(a, b):
    """Checks that two trees are equal to the bit; keys may be in them."""
    numbers = [as_numbers(x) for x in (a, b)]
    assert jax.tree.structure(numbers[0]) == jax.tree.structure(numbers[1])
    for left, right in zip(*map(jax.tree.leaves, numbers), strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_an_error_amid_a_block_is_raised_where_it_is_heard(make, actor):
    task, outlines, (block,) = make()
    numbering = Numbering(task)
    actor.prepare(sent_task(task, outlines), [shown(numbering, block)], {})
    broken = shown(numbering, block)._replace(members=np.arange(0))
    with pytest.raises((IndexError, ValueError)):
        list(actor.train(broken))


def test_another_program_is_refused(make, actor):
    task, outlines, (block,) = make()
    given, one = sent_task(task, outlines), shown(Numbering(task), block)
    with pytest.raises(runs.RunMismatchError, match="expected the same program on all"):
        actor.prepare(given._replace(task=given.task._replace(recipe=noisy)), [one], {})


def test_what_is_ready_stays_as_it_is(make, actor, compilations):
    task, outlines, (block,) = make()
    given = sent_task(task, outlines), [shown(Numbering(task), block)], {}
    assert actor.prepare(*given) == actor.prepare(*given)
    assert compilations == [1]


PROCESS = """
import pickle, sys
from pathlib import Path
import jax
import numpy as np
import jaxdl as dl
from jaxdl.engine.layout import lay_out
from jaxdl.engine.outlines import make_outlines, ranked
from jaxdl.engine.task import Task, check_task
from jaxdl.interop.ray_actor import Actor
from jaxdl.interop.ray_wire import Numbering, sent_task
from jaxdl.sweeps.repeats import data_of, with_variants
from tests.sweeps.kept import KEY, SPACE, small

given, kept = map(Path, sys.argv[1:])
actor = Actor(1, 1, {}, [])
task = Task(small, SPACE, dl.data.load("digits"), KEY, 2, 1, plan=dl.Plan(2, "shared"))
task, data = with_variants(check_task(task))
sets = {v.facts: data_of(v, data) for v in task.variants}
hparams, ids = dl.sample(KEY, SPACE, 2), np.arange(2)
outlines = make_outlines(task, hparams, sets)
task = ranked(task, outlines)._replace(data=data)
(block,) = lay_out(task, hparams, ids, 0 * ids, 0 * ids + 1)
told = []
jax.monitoring.register_event_listener(lambda event, **_: told.append(event))
one = Numbering(task).sent(block, None, last=True)
programs = pickle.loads(given.read_bytes()) if given.exists() else {}
*_, compiled = actor.prepare(sent_task(task, outlines), [one], programs)
hits, misses = (sum(x.endswith(f"cache_{n}") for x in told) for n in ("hits", "misses"))
*_, (record,) = actor.train(one)
kept.write_bytes(pickle.dumps(compiled))
print(hits, misses, *compiled)
print(record.metrics, *record.arrays)
"""


@pytest.mark.heavy
def test_a_process_loads_what_another_one_has_compiled(tmp_path):
    """Their caches are two folders of one path, as those of two machines are."""

    def run(name, given):
        command = [sys.executable, "-c", PROCESS, given, tmp_path / f"{name}.programs"]
        inherited = {k: v for k, v in os.environ.items() if "CACHE" not in k}
        own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, env=inherited | own, cwd=ROOT, capture_output=True, text=True
        )
        (tmp_path / "cache").rename(tmp_path / name)
        assert done.returncode == 0, done.stderr
        told, bits = done.stdout.split("\n", 1)
        return *told.split(), bits

    hits, misses, *keys, bits = run("first", tmp_path / "none")
    assert hits == "0" and len(keys) >= int(misses) >= 2
    assert any("epochs" in key for key in keys) and any("starts" in key for key in keys)
    assert run("second", tmp_path / "first.programs") == (misses, "0", bits)
