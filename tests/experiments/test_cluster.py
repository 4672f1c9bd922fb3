"""The simulation of a cluster by hand, and the real driver with hands that sleep."""

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("sklearn")  # for its digits

from experiments.bench import cluster, cluster_costs
from experiments.bench.cluster_hands import Part, Times
from experiments.bench.cluster_model import few_left, simulate, utilization


def never():
    return itertools.repeat(math.inf)


def test_two_workers_train_three_blocks():
    """The driver takes a second for a block: at 0 to 2, 11, 12, and 22."""
    parts, ended = simulate(2, [10.0, 10.0, 10.0], 1.0, never(), 3.0)
    assert parts == [Part(1.0, 10.0), Part(2.0, 10.0), Part(12.0, 10.0)]
    assert ended == 23.0
    assert utilization(parts, 2, ended) == 30 / 46
    parts, _ = simulate(2, [10.0] * 5, 1.0, never(), 3.0)
    assert few_left(parts, 2) == 13.0  # the fourth of five begins
    assert utilization(parts, 2, 13.0) == 21 / 26


def test_a_worker_that_dies_trains_its_block_again():
    deaths = iter([math.inf, 4.0, math.inf])  # at 14 of 20; back at 17
    parts, ended = simulate(1, [10.0, 10.0], 0.0, deaths, 3.0)
    assert parts == [Part(0.0, 10.0), Part(17.0, 10.0)]
    assert ended == 27.0


def test_a_lost_block_goes_before_those_that_have_not_begun():
    deaths = iter([4.0, math.inf, math.inf, math.inf])
    parts, ended = simulate(2, [10.0, 6.0, 5.0], 0.0, deaths, 1.0)
    assert parts == [Part(0.0, 6.0), Part(5.0, 10.0), Part(6.0, 5.0)]
    assert ended == 15.0


def test_a_driver_that_is_too_slow_binds():
    """A block each half second, whose second of training nine others wait for."""
    parts, ended = simulate(10, [1.0] * 100, 0.5, never(), 0.0)
    assert few_left(parts, 10) == 45.5  # the 91st of a hundred begins
    assert utilization(parts, 10, 45.5) == 89.5 / 455


def test_shards_end_each_by_itself(monkeypatch):
    """They take 3 s to start, and 1 s before and after a block: 15 and 25 s."""
    monkeypatch.setattr(cluster, "drawn", lambda count: ([10.0, 20.0], never()))
    found = cluster.shards(2, 1, 1.0, 3.0)
    assert found["full"] == 30 / 40 and found["whole"] == 30 / 50
    assert found["rate"] == 2 / 25 and found["load"] == 2 / 40


def test_times_have_the_mean_that_they_say():
    """The standard errors are 0.12 and 1.1."""
    times = Times(mean=10.0, sigma=0.5, life=50.0)
    blocks = [times.block(n) for n in range(2_000)]
    assert np.mean(blocks) == pytest.approx(10.0, abs=0.5)
    assert np.std(np.log(blocks)) == pytest.approx(0.5, abs=0.03)
    assert np.mean([times.death(n) for n in range(2_000)]) == pytest.approx(50, abs=5)
    assert Times(sigma=0.0).block(7) == 10.0
    drawn, deaths = cluster.drawn(2_000)
    assert np.mean(drawn) == pytest.approx(cluster.TIMES.mean, abs=0.5)
    few = [*itertools.islice(deaths, 2_000)]
    assert np.mean(few) == pytest.approx(3600, abs=360) and len({*few}) == 2_000


@pytest.fixture(scope="module")
def driven():
    times = Times(mean=0.2, sigma=0.5, life=1.0, restart=0.05)
    return times, cluster_costs.driven_here(12, 3, times, folder=True, keep=1)


@pytest.mark.heavy
def test_the_real_driver_drives_hands_that_sleep_and_die(driven):
    times, costs = driven
    assert 0.1 < costs["whole"] <= costs["full"] < 1
    assert 0 < costs["threads_milliseconds"] <= costs["milliseconds"]
    # Batch norm has 4 numbers a unit, and the units' count.
    weights = 64 * 64 + 64 * 64 + 64 * 10 + 10 + 2 * (4 * 64 + 1)
    assert costs["weights_bytes"] == 16 * 4 * weights
    assert costs["disk_bytes"] * 12 >= costs["weights_bytes"]


@pytest.mark.heavy
def test_the_table_says_what_binds(driven):
    _, costs = driven
    one = {"driver": "all of it", **cluster.driver(4, 5, 0.01)}
    slow = {"driver": "all of it", **cluster.driver(400, 5, 0.5)}
    record = {
        "name": "n-cluster",
        "settings": {"repeats": 1},
        "surroundings": {
            "processor": "p", "cores": 2, "memory_bytes": 2**30, "python": "3.11",
            "packages": {}, "commit": None, "changed": None, "flags": [],
        },
        "at_once": {cluster.USUAL: [costs]},
        "timed": {"3 hands": [costs]}, "ray": {}, "start": [4.0],
        "simulated": [one, slow],
    }  # fmt: skip
    text = cluster.markdown(record)
    assert text.splitlines()[-2].count("| nothing |") == 1
    assert text.splitlines()[-1].count("| the driver |") == 1
    assert "| here, 10 s: 3 hands |" in text
