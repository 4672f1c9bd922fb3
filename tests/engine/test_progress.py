"""What is said of a sweep while it goes on, against the hand-made and the real."""

import re

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import optim
from jaxdl.engine import memory, progress
from jaxdl.engine.population import Population
from jaxdl.searches.rungs import Rung
from jaxdl.train import Status

KEY = jax.random.key(0, impl="threefry2x32")


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def make_watch(members=6, epochs=4):
    population = Population(np.zeros((members, 2), np.uint32), epochs)
    rung = Rung(np.arange(members), {}, np.full(members, epochs))
    population.enter(rung)
    return progress.Meter(population, jax.devices())


def report(progress, members, epoch, fate, errors, steps, last=False):
    progress.report(
        np.array(members), epoch, np.array(fate), np.array(errors), steps, last=last
    )


def test_members_errors_pace_and_time_are_counted(clock):
    seen = make_watch()
    seen.lay_out(2, 400)
    clock[0] += 2
    report(seen, [0, 1, 2], 1, [Status.RUNNING] * 3, [0.5, 0.4, 0.9], 50)
    clock[0] += 3
    report(seen, [3, 4, 5], 4, [Status.RUNNING, Status.STOPPED, Status.DIVERGED], [0.1, 0.2, 0.0], 50, True)
    clock[0] += 1
    status = seen.status()
    assert status[:9] == (1, 6, 4, 1, 1, 1, 2, 4, 4)
    assert status.done == 0.25
    assert status.best_dev_error == 0.1 and status.median_dev_error == 0.4
    assert status.member_steps_per_second == 20  # 100 steps in 5 seconds
    assert status.seconds_left == 14  # 300 steps more, a second ago
    assert status.rung == 1 and status.memory_bytes == memory.used_bytes(jax.devices())


def test_an_error_is_that_after_the_last_epoch_that_a_member_ran(clock):
    seen = make_watch(2)
    report(seen, [0, 1], 1, [Status.RUNNING, Status.RUNNING], [0.5, 0.25], 1)
    report(seen, [0, 1], 2, [Status.RUNNING, Status.STOPPED], [0.75, np.nan], 1)
    status = seen.status()
    assert (status.best_dev_error, status.median_dev_error) == (0.25, 0.5)


def test_who_all_diverged_has_no_error_and_nobody_is_waited_for(clock):
    seen = make_watch(2)
    seen.lay_out(1, 800)
    assert seen.status().seconds_left is None and seen.status().done == 0
    clock[0] += 1
    report(seen, [0, 1], 1, [Status.DIVERGED] * 2, [np.nan, 0.5], 200, last=True)
    seen.end()
    status = seen.status()
    assert (status.alive, status.diverged, status.done) == (0, 2, 1.0)
    assert status.best_dev_error is status.median_dev_error is None
    done, words = progress._words(status, alone=True)
    assert done == 1 and "0 alive, 2 diverged" in words
    assert not [word for word in words if "error" in word or "left" in word]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"),
                          (3600, "1:00:00"), (90061, "25:01:01")]
)  # fmt: skip
def test_time_is_said_as_on_a_clock(seconds, said):
    assert progress._duration(seconds) == said


def test_memory_is_that_of_the_process_or_of_the_devices(monkeypatch, tmp_path):
    devices = jax.devices()
    resident = memory.used_bytes(devices)
    if resident is not None:
        assert 2**26 < resident < 2**36
    statm = tmp_path / "statm"
    monkeypatch.setattr(memory, "STATM", str(statm))
    assert memory.used_bytes(devices) is None
    statm.write_text("900 300 20 1 0 50 0\n")
    assert memory.used_bytes(devices) == 300 * memory.os.sysconf("SC_PAGE_SIZE")

    class Gpu:
        platform = "gpu"

        def __init__(self, stats):
            self.memory_stats = lambda: stats

    one, other = Gpu({"bytes_in_use": 5}), Gpu({"bytes_in_use": 7})
    assert memory.used_bytes([one, other, one]) == 12
    assert memory.used_bytes([one, Gpu(None)]) is None


def test_a_function_is_told_of_every_rung(digits, recipe, space, monkeypatch):
    monkeypatch.setattr(progress, "CALL_EVERY", 0.0)
    told = []
    result = dl.sweep(
        recipe, space, digits, key=KEY, members=8, epochs=4, search=dl.halving(2),
        plan=dl.Plan(2), progress=told.append,
    )  # fmt: skip
    ends = [s for s in told if s.done == 1]
    last = {s.rung: s for s in ends}
    assert [last[r].members for r in sorted(last)] == [8, 4, 2]
    assert [last[r].epoch for r in sorted(last)] == [1, 2, 4]
    assert all(s.block == s.blocks for s in last.values())
    first = [s for s in told if s.rung == 1]
    assert [s.block for s in first] == [1, 2, 3, 4] and first[0].blocks == 4
    errors = result.metrics["dev_error"]
    for rung, epoch in ((1, 1), (2, 2), (3, 4)):
        asked = errors[result.rungs[rung - 1].members, epoch - 1]
        assert last[rung].best_dev_error == asked.min()
        assert last[rung].median_dev_error == pytest.approx(np.median(asked))


def test_early_stopping_and_divergence_are_seen(digits, make_recipe, space):
    told = []
    hparams = space._replace(
        learning_rate=np.array([1e-9, 0.1, 1e38, 0.1]), l2=0.0
    )  # fmt: skip
    recipe = make_recipe(optimizer=optim.gradient_descent)
    dl.sweep(
        recipe, hparams, digits, key=KEY, members=4, epochs=30, patience=2,
        progress=told.append,
    )  # fmt: skip
    status = told[-1]
    assert status.alive + status.stopped + status.diverged == status.members == 4
    assert status.diverged == 1 and status.stopped >= 1 and status.done == 1


def test_what_is_printed_names_the_rung_where_others_may_follow(
    digits, recipe, space, capsys
):
    search = dl.halving(2)
    dl.sweep(recipe, space, digits, key=KEY, members=4, epochs=2, search=search)
    lines = [x for x in capsys.readouterr().err.splitlines() if "epoch" in x]
    assert any("rung 1, block 1/1, epoch 1/1  4 alive" in line for line in lines)
    assert "100%  rung 2, block 1/1, epoch 2/2  2 alive" in lines[-1]


def test_what_is_printed_names_everything(digits, recipe, space, capsys):
    dl.sweep(recipe, space, digits, key=KEY, members=4, epochs=2)
    *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"100%  block 1/1, epoch 2/2  4 alive  dev error 0\.\d+ best, 0\.\d+ "
        r"median  [\d,]+ member-steps/s(  \d\.\d\d GB)?", last
    )  # fmt: skip
