"""The engine: what it reports, saves and retries while blocks train."""

import time
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import crew, engine, memory, pace
from jaxdl.engine.crew import Threads
from jaxdl.engine.hands import Lost
from tests.engine.test_crew import no_memory
from tests.sweeps.kept import SPACE, assert_same_result, small, sweep, trained_blocks


def test_a_sweep_without_room_is_refused_before_it_trains(digits, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    monkeypatch.setattr(crew, "train_block", refuse)
    with pytest.raises(MemoryError, match="block_width=|not even one"):
        sweep(small, SPACE, digits)


def test_a_block_that_runs_out_of_memory_ends_with_the_same_bits(digits, monkeypatch):
    expected, train_block, failed = sweep(small, SPACE, digits), crew.train_block, []

    def short(programs, block, width, shared, carry, report, *, last):
        def once(number, *rest):
            report(number, *rest)
            if number == 1 and not failed:
                failed.append(block.members[0])
                raise no_memory()

        return train_block(programs, block, width, shared, carry, once, last=last)

    monkeypatch.setattr(crew, "train_block", short)
    assert_same_result(sweep(small, SPACE, digits), expected)
    assert len(failed) == 1


def test_an_error_of_the_users_callback_costs_no_hand(digits):
    def short(progress):
        raise MemoryError("of the user")

    with pytest.raises(MemoryError, match="of the user"):
        sweep(small, SPACE, digits, progress=short)


@pytest.mark.parametrize(
    ("seconds", "spans"),
    [(0.0, [(0, 1), (1, 2), (2, 3), (3, 4)]), (1e9, [(0, 1), (1, 4)])],
)
def test_a_block_is_saved_about_every_so_many_seconds(
    seconds, spans, digits, tmp_path, monkeypatch
):
    """After its first epoch, from which the pace is known."""
    monkeypatch.setattr(pace, "KEEP_SECONDS", seconds)
    with trained_blocks() as blocks:
        sweep(small, SPACE, digits, members=2, run_dir=tmp_path)
    assert [(block.first, block.until) for block in blocks] == spans


def test_without_a_folder_a_block_trains_at_once(digits):
    with trained_blocks() as blocks:
        sweep(small, SPACE, digits)
    assert sorted(block.members.tolist() for block in blocks) == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]
    assert {(block.first, block.until) for block in blocks} == {(0, 4)}


def test_members_that_still_train_are_packed_into_fewer_blocks(digits, monkeypatch):
    given = {"rate": np.array([0.1, 1e-9, 0.1, 1e-9])}
    settings = {"members": 4, "epochs": 9, "patience": 2}
    monkeypatch.setattr(pace, "PAUSE_SHARE", np.inf)  # a pause costs nothing
    with trained_blocks() as blocks:
        result = sweep(small, given, digits, **settings)
    stopped = np.isfinite(result.metrics["dev_loss"]).sum(axis=1)
    by_first = {}
    for block in blocks:
        by_first.setdefault(block.first, []).extend(block.members.tolist())
        assert block.until == (3 if block.first == 0 else block.first + 1)
    for first, members in by_first.items():
        assert sorted(members) == np.flatnonzero(stopped > first).tolist()
        count = sum(block.first == first for block in blocks)
        assert count == -(-len(members) // 2)  # blocks of 2
    assert len(set(stopped)) > 1


def test_a_carry_leaves_the_memory_when_no_member_trains_on(digits):
    result = sweep(small, SPACE, digits, search=dl.halving(2))
    assert all(block.carry is None for block in result.blocks if block)


class Remote(Threads):
    """Threads that stand for the hands of other machines."""

    remote = True

    def __init__(self, devices=None):
        super().__init__(devices)
        self.asked = []

    def train_on(self, device, block, state, report, *, last):
        self.asked.append((block.first, block.until, last))
        return super().train_on(device, block, state, report, last=last)


def test_a_crew_trains_a_sweep_and_is_closed(digits):
    hired = Threads()
    result = sweep(small, SPACE, digits, crew=hired)
    assert_same_result(result, sweep(small, SPACE, digits))
    assert hired.size == 0


def test_what_remote_hands_train_comes_back_before_its_end(digits, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # after each epoch
    hired = Remote(jax.devices()[:1])
    result = sweep(small, SPACE, digits, members=2, crew=hired)
    assert hired.asked == [(0, 1, False), (1, 2, False), (2, 3, False), (3, 4, True)]
    assert_same_result(result, sweep(small, SPACE, digits, members=2))


class Losing(Remote):
    """Loses each hand once, after an epoch; notes when it gave one."""

    def __init__(self, devices=None):
        super().__init__(devices)
        self.taken = []

    def take(self, stop):
        hand = super().take(stop)
        self.taken.append(time.monotonic())
        return hand

    def lose(self, hand, error):
        self.give(hand)

    def train_on(self, *place, last):
        trained = super().train_on(*place, last=last)
        if len(self.taken) % 2:
            raise Lost
        return trained


def test_the_pace_is_that_of_the_hand_that_gave_the_block_back(digits, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # after each epoch
    noted = []
    monkeypatch.setattr(pace.Pace, "note", lambda self, of, times: noted.append(times))
    hired = Losing(jax.devices()[:1])
    sweep(small, SPACE, digits, members=2, epochs=2, crew=hired)
    assert len(hired.taken) == 4 and [len(times) for times in noted] == [3, 3]
    assert noted[0][0] >= hired.taken[1] and noted[1][0] >= hired.taken[3]


def test_other_machines_tell_nothing_of_the_speed_of_this_one(digits, monkeypatch):
    monkeypatch.setattr(engine, "LEAST_SECONDS", 0.0)
    kept = []
    monkeypatch.setattr(engine, "keep_speed", lambda *_, **known: kept.append(known))
    sweep(small, SPACE, digits, crew=Remote())
    assert not kept
    sweep(small, SPACE, digits, crew=Threads())
    assert [*kept[0]] == ["work"]


@pytest.mark.parametrize(
    ("platform", "seconds"),
    [("cpu", 4.0), ("gpu", 2 * 30.0)],  # of the processor; of two hands on the wall
)
def test_other_processes_do_not_make_a_cpu_slow(platform, seconds, monkeypatch):
    kept, clock = [], {"monotonic": lambda: 130.0, "process_time": lambda: 14.0}
    monkeypatch.setattr(engine, "keep_speed", lambda *_, **known: kept.append(known))
    monkeypatch.setattr(engine, "work_of", lambda *_: 100.0)
    monkeypatch.setattr(engine, "time", SimpleNamespace(**clock))
    hired = SimpleNamespace(size=2, remote=False)
    task = SimpleNamespace(block_width=4)
    one = SimpleNamespace(task=task, outlines={}, crew=hired, platform=platform)
    engine.Engine._note(one, [None] * 3, 0.5, 100.0, 10.0)
    assert kept == [{"work": pytest.approx(150 / seconds)}]
    engine.Engine._note(one, [], 0.5, 100.0, 10.0)
    assert len(kept) == 1


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize("crew", ["auto", 3, dl])
def test_what_is_no_crew_is_refused(crew, digits):
    with pytest.raises(TypeError, match=r"expected None, or a crew such as .*ray"):
        sweep(small, SPACE, digits, crew=crew)


@pytest.mark.parametrize("wanted", [("a block", True), None])
def test_what_a_hand_trains_is_decided_when_it_is_there(wanted):
    """A wait for a hand takes time, which a part of a block then has no more."""
    steps = []

    def train(block, state, report, *, last):
        steps.append((block, state, last))
        return "trained"

    hands = SimpleNamespace(
        take=lambda stop: steps.append("take") or SimpleNamespace(train=train),
        give=lambda hand: steps.append("give"),
    )
    reporter = SimpleNamespace(stop=None, begin=lambda: None)
    asked = SimpleNamespace(crew=hands)
    found = engine.Engine.ask(
        asked, lambda: steps.append("part") or wanted, "state", reporter
    )
    assert found == (None if wanted is None else "trained")
    trained = [] if wanted is None else [("a block", "state", True)]
    assert steps == ["take", "part", *trained, "give"]
