"""The progress of a sweep, against counts by hand and a real sweep."""

import re

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import terminal
from jaxdl.engine import memory, progress
from jaxdl.engine.crew import Threads
from jaxdl.engine.population import Population
from jaxdl.searches import Rung
from jaxdl.train import Status
from tests.engine.training import make_task
from tests.sweeps.kept import SPACE, small, sweep

RUNNING, STOPPED, DIVERGED = Status.RUNNING, Status.STOPPED, Status.DIVERGED


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def make_meter(members=6, epochs=4):
    task = make_task(small, SPACE, members=members, epochs=epochs)
    population = Population(task, np.zeros((members, 2), np.uint32), {})
    population.enter(Rung(np.arange(members), {}, np.full(members, epochs)))
    return progress.Meter(population, Threads())


def report(meter, members, epoch, status, errors, steps, last=False):
    meter.report(
        np.array(members), epoch, np.array(status), np.array(errors), steps, last=last
    )


def test_members_errors_pace_and_time_are_counted(clock):
    meter = make_meter()
    meter.expect(2, 400)
    clock[0] += 2
    report(meter, [0, 1, 2], 1, [RUNNING] * 3, [0.5, 0.4, 0.9], 50)
    clock[0] += 3
    ended = [RUNNING, STOPPED, DIVERGED]
    report(meter, [3, 4, 5], 4, ended, [0.1, 0.2, 0.0], 50, last=True)
    clock[0] += 1
    assert meter.progress() == dl.engine.SweepProgress(
        rung=1, members=6, alive=4, stopped=1, diverged=1, block=1, blocks=2,
        epoch=4, epochs=4, done=0.25, metric="dev_error", best=0.1, median=0.4,
        member_steps_per_second=20,  # 100 steps in 5 seconds
        seconds_left=14,  # 300 steps more, a second ago
        memory_bytes=pytest.approx(memory.used_bytes(jax.devices()), rel=0.1),
    )  # fmt: skip


def test_the_best_is_the_largest_where_larger_is_better():
    meter = make_meter(3)
    meter.rank_by, meter.curve = "-auc", "dev_auc"
    report(meter, [0, 1, 2], 1, [RUNNING] * 3, [0.5, 0.9, 0.8], 1)
    now = meter.progress()
    assert (now.metric, now.best, now.median) == ("dev_auc", 0.9, 0.8)
    assert "dev auc now 0.9 best, 0.8 median" in progress._words(now, alone=True)[1]


def test_an_error_is_that_of_the_last_epoch_that_a_member_trained():
    meter = make_meter(2)
    report(meter, [0, 1], 1, [RUNNING, RUNNING], [0.5, 0.25], 1)
    report(meter, [0, 1], 2, [RUNNING, STOPPED], [0.75, np.nan], 1)
    now = meter.progress()
    assert (now.best, now.median) == (0.25, 0.5)


def test_with_patience_a_value_is_that_of_the_best_epoch_so_far():
    """Its weights are kept, so the best never gets worse."""
    meter = make_meter(2)
    meter.keeps_best = True
    report(meter, [0, 1], 1, [RUNNING, RUNNING], [0.5, 0.25], 1)
    report(meter, [0, 1], 2, [RUNNING, RUNNING], [0.375, 0.75], 1)
    now = meter.progress()
    assert (now.best, now.median) == (0.25, 0.3125)
    meter.rank_by = "-error"
    report(meter, [0, 1], 3, [RUNNING, STOPPED], [0.25, 0.5], 1)
    now = meter.progress()
    assert (now.best, now.median) == (0.5, 0.4375)


def test_the_best_of_several_repeats_is_the_best_mean():
    """Configuration 1 has 0.3 and 0.5, configuration 2 a member that diverged."""
    meter = make_meter(6)
    meter.num_variants = 2
    report(meter, [0, 1, 4], 1, [RUNNING] * 3, [0.5, 0.7, 0.1], 1)
    assert meter.progress().best == 0.1  # of what has trained
    report(meter, [2, 3, 5], 1, [RUNNING, RUNNING, DIVERGED], [0.3, 0.5, 0.1], 1)
    now = meter.progress()
    assert (now.best, now.median) == (0.4, 0.5)


def test_the_last_line_with_patience_and_a_search_agrees_with_the_table(digits, capsys):
    settings = {"members": 8, "epochs": 8, "patience": 1, "search": dl.halving(2)}
    result = sweep(small, SPACE, digits, progress=True, **settings)
    lines = [x for x in capsys.readouterr().err.splitlines() if "epoch" in x]
    assert f"dev error now {result.scores().min():.4g} best" in lines[-1]
    assert not [line for line in lines if "block" in line]


def test_a_rung_whose_members_all_diverged_has_no_error_and_no_time_left(clock):
    meter = make_meter(2)
    meter.expect(1, 800)
    assert meter.progress().seconds_left is None and meter.progress().done == 0
    clock[0] += 1
    report(meter, [0, 1], 1, [DIVERGED] * 2, [np.nan, 0.5], 200, last=True)
    meter.end()
    now = meter.progress()
    assert (now.alive, now.diverged, now.done) == (0, 2, 1.0)
    assert now.best is now.median is None
    done, words = progress._words(now, alone=True)
    assert done == 1 and "0 alive, 2 diverged" in words
    assert not [word for word in words if "error" in word or "left" in word]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"),
                           (3600, "1:00:00"), (90061, "25:01:01")]
)  # fmt: skip
def test_time_is_shown_as_on_a_clock(seconds, shown):
    assert progress._duration(seconds) == shown


def test_a_callback_gets_every_rung(digits, monkeypatch):
    monkeypatch.setattr(progress, "CALL_EVERY", 0.0)
    calls = []
    result = sweep(
        small, SPACE, digits, members=8, search=dl.halving(2), progress=calls.append
    )
    last = {call.rung: call for call in calls if call.done == 1}
    assert [last[r].members for r in sorted(last)] == [8, 4, 2]
    assert [last[r].epoch for r in sorted(last)] == [1, 2, 4]
    assert all(call.block == call.blocks for call in last.values())
    first = [call for call in calls if call.rung == 1]
    assert [call.block for call in first] == [1, 2, 3, 4] and first[0].blocks == 4
    errors = result.metrics["dev_error"]
    for rung, epoch in ((1, 1), (2, 2), (3, 4)):
        asked = errors[result.rungs[rung - 1].members, epoch - 1]
        trained = errors[:, :epoch]  # also of members that the search gave up
        ends = [row[np.isfinite(row)][-1] for row in trained]
        assert last[rung].best == min(ends)
        assert last[rung].median == pytest.approx(np.median(asked))


def test_a_callback_sees_members_that_stop_and_diverge(digits):
    calls, given = [], {"rate": np.array([1e-9, 0.1, np.inf, 0.1])}
    settings = {"members": 4, "epochs": 8, "patience": 2}
    result = sweep(small, given, digits, progress=calls.append, **settings)
    end = calls[-1]
    assert end.alive + end.stopped + end.diverged == end.members == 4
    assert end.diverged == 1 and end.stopped >= 1 and end.done == 1
    assert end.stopped == (result.status == Status.STOPPED).sum()


def test_a_callback_that_fails_ends_the_sweep(digits):
    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sweep(small, SPACE, digits, progress=fail)


def test_what_is_shown_names_the_rung_if_others_may_follow(digits, capsys):
    settings = {"members": 4, "epochs": 2, "progress": True}
    sweep(small, SPACE, digits, search=dl.halving(2), **settings)
    lines = [x for x in capsys.readouterr().err.splitlines() if "epoch" in x]
    assert any("rung 1, block 1/2, epoch 1/1  4 alive" in line for line in lines)
    assert "100%  rung 2, block 1/1, epoch 2/2  2 alive" in lines[-1]


def test_what_is_shown_has_the_layout_and_how_the_sweep_goes(digits, capfd):
    sweep(small, SPACE, digits, members=3, epochs=2, progress=True)
    *before, last = capfd.readouterr().err.splitlines()
    layout = "\n".join(before)
    assert "3 members in 2 blocks of 2; padded to 1.33x mem" in layout
    assert re.search(r"a block takes [\d,]+ MiB, 2 at once", layout)
    assert "  0%  programs: 0/1 traced, 0/1 compiled  0:00" in before
    assert re.search("^100%  programs: 1/1 traced, 1/1 compiled", layout, re.MULTILINE)
    assert re.fullmatch(
        r"100%  block 2/2, epoch 2/2  3 alive  dev error now 0\.\d+ best, 0\.\d+ "
        r"median  [\d,]+ member-steps/s(  [\d,]+ MiB)?", last
    )  # fmt: skip


def test_programs_are_counted_by_stage_while_they_compile(capfd, clock, monkeypatch):
    monkeypatch.setattr(terminal, "LINE_EVERY", 0.0)
    with progress.counted(["traced", "compiled"], 2, enabled=True) as count:
        count("traced")
        clock[0] += 61
        count("compiled")
        count("traced")
    assert capfd.readouterr().err.splitlines() == [
        "  0%  programs: 0/2 traced, 0/2 compiled  0:00",
        " 25%  programs: 1/2 traced, 0/2 compiled  0:00",
        " 50%  programs: 1/2 traced, 1/2 compiled  1:01",
        " 75%  programs: 2/2 traced, 1/2 compiled  1:01",
        " 75%  programs: 2/2 traced, 1/2 compiled  1:01",
    ]


def test_what_compiles_is_not_shown_without_progress(digits, capfd):
    sweep(small, SPACE, digits, members=3, epochs=2, progress=False)
    sweep(small, SPACE, digits, members=3, epochs=2, progress=lambda _: None)
    assert capfd.readouterr() == ("", "")
