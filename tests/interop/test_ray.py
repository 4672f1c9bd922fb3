"""A sweep on a Ray cluster has the bits of the sweep on this machine."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import jax
import pytest

import jaxdl as dl
from jaxdl import optim, runs
from jaxdl.engine import pace
from jaxdl.runs import doctor
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result
from tests.sweeps.kept import (
    SIZED,
    SPACE,
    assert_same_result,
    cut_after,
    noisy,
    sized,
    small,
    sweep,
)

ray = pytest.importorskip("ray")
from tests.interop.clusters import ROOT, TRAINS, Cluster, wait_until  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one machine with two cores, to which this process is connected."""
    one = Cluster(cpus=2)
    yield one
    ray.shutdown()
    one.close()


def crew_of(cluster, **needs):
    return dl.interop.ray(cluster.address, **needs)


def mixed(hp):
    """A recipe with a static value, a size and options with hyperparameters."""
    how, size = hp["how"], hp["batch"]
    rate = how.values["rate"]
    optimizer = optim.adam(rate) if how.name == "adam" else optim.momentum(rate)
    return sized(hp | {"rate": 0.1})._replace(optimizer=optimizer, batch_size=size)


MIXED = {
    "units": dl.AsSize(dl.IntUniform(4, 6)),
    "batch": dl.Static([128, 256]),
    "how": dl.Either(
        {
            "adam": {"rate": dl.LogUniform(1e-3, 1e-1)},
            "momentum": {"rate": dl.LogUniform(1e-2, 1.0)},
        }
    ),
}
SETTINGS = {
    "random": {},
    "halving": {"search": dl.halving(2, first=1), "members": 8},
    "hyperband": {"search": dl.hyperband(2), "members": 12},
    "pbt": {"search": dl.pbt(every=2), "members": 8},
    "repeats": {"repeats": 2},
    "folds": {"folds": 3, "members": 4},
    "patience": {"patience": 1, "epochs": 8},
    "own steps": {"every": 3},
    "shard": {"shard": (1, 2)},
}
RECIPES = {"sizes": (sized, SIZED), "mixed": (mixed, MIXED), "keys": (noisy, SPACE)}


def test_a_sweep_on_a_cluster_has_the_bits_of_one_machine(cluster, digits, tmp_path):
    crew = crew_of(cluster)
    result = sweep(small, SPACE, digits, crew=crew, run_dir=tmp_path / "run")
    assert_same_result(result, sweep(small, SPACE, digits))


@pytest.mark.heavy
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_sweep_has_the_bits_of_one_machine(settings, cluster, digits):
    crew = crew_of(cluster)
    result = sweep(small, SPACE, digits, crew=crew, **settings)
    assert_same_result(result, sweep(small, SPACE, digits, **settings))


@pytest.mark.heavy
@pytest.mark.parametrize(("recipe", "space"), RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("patience", [None, 1])
def test_every_recipe_has_the_bits_of_one_machine(
    recipe, space, patience, cluster, digits
):
    settings = {"members": 8, "patience": patience}
    result = sweep(recipe, space, digits, crew=crew_of(cluster), **settings)
    assert_same_result(result, sweep(recipe, space, digits, **settings))


@pytest.mark.heavy
def test_float64_has_the_bits_of_one_machine(cluster, digits):
    with jax.enable_x64(True):
        result = sweep(small, SPACE, digits, crew=crew_of(cluster))
        assert_same_result(result, sweep(small, SPACE, digits))


FEW_SWEEPS = 20  # in which hands or machines are killed, however fast they end
LONG = {"members": 24, "epochs": 2000, "plan": dl.Plan(4), "patience": None}


@pytest.fixture
def kills(request):
    """How many processes a test kills: `--kills` of pytest."""
    return request.config.getoption("--kills")


@pytest.fixture
def machines():
    """A cluster of a head without CPUs and three machines with one each."""
    ray.shutdown()
    one = Cluster(cpus=0)
    for _ in range(3):
        one.add()
    yield one
    ray.shutdown()
    one.close()


@contextlib.contextmanager
def faults(act, least, most, times=1):
    """Calls a function within, again and again after a random time; counts the calls.

    Args:
        act: returns whether it has done something.
        least: seconds between two calls.
        most: the same.
        times: that it does something, at most.
    """
    done, ended, moments = [], threading.Event(), random.Random(0)

    def run():
        while not ended.wait(moments.uniform(least, most)):
            if len(done) < times and act():
                done.append(time.monotonic())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@pytest.mark.heavy
def test_processes_that_are_killed_change_no_bit(
    kills, machines, digits, monkeypatch, tmp_path
):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.3)
    expected = sweep(small, SPACE, digits, **LONG)

    def kill():
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(random.choice(machines.actors(TRAINS)), signal.SIGKILL)
            return True

    killed = 0
    for number in range(FEW_SWEEPS + kills):
        if killed >= kills:
            break
        run = tmp_path / f"run{number}"
        with faults(kill, 6.0, 12.0, kills - killed) as done:
            result = sweep(
                small, SPACE, digits, crew=crew_of(machines), run_dir=run, **LONG
            )
        assert_same_result(result, expected)
        assert doctor(run).problems == []
        killed += len(done)
        print("killed", killed)
    assert killed >= kills


@pytest.mark.heavy
def test_machines_that_die_and_join_change_no_bit(kills, machines, digits, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.3)
    expected = sweep(small, SPACE, digits, **LONG)

    def kill():
        machines.kill(machines.nodes.pop(0))
        machines.add()
        return True

    killed = 0
    for _ in range(FEW_SWEEPS + kills):
        if killed >= kills:
            break
        with faults(kill, 4.0, 8.0, kills - killed) as done:
            result = sweep(small, SPACE, digits, crew=crew_of(machines), **LONG)
        assert_same_result(result, expected)
        killed += len(done)
        print("killed", killed)
    assert killed >= kills


@pytest.mark.heavy
def test_a_cluster_without_cpus_waits_for_a_machine(digits):
    ray.shutdown()
    one = Cluster(cpus=0)
    later = threading.Timer(20, one.add)
    later.start()
    try:
        result = sweep(small, SPACE, digits, crew=crew_of(one))
        assert_same_result(result, sweep(small, SPACE, digits))
    finally:
        later.join()
        ray.shutdown()
        one.close()


@pytest.mark.heavy
def test_a_machine_with_other_flags_is_left_out(digits, capsys):
    ray.shutdown()
    one = Cluster(cpus=0)
    one.add(XLA_FLAGS="--xla_cpu_max_isa=AVX2")
    try:
        began = time.monotonic()
        with pytest.raises(runs.RunMismatchError, match="XLA_FLAGS .*max_isa=AVX2"):
            sweep(small, SPACE, digits, crew=crew_of(one))
        assert time.monotonic() - began < 60
        one.add()
        result = sweep(small, SPACE, digits, crew=crew_of(one))
        assert_same_result(result, sweep(small, SPACE, digits))
        assert "is left out: got XLA_FLAGS" in capsys.readouterr().err
    finally:
        ray.shutdown()
        one.close()


@pytest.mark.heavy
def test_a_run_is_not_resumed_on_another_kind(cluster, digits, tmp_path):
    """Processes of one core each have one thread of XLA, and other bits."""
    run = {"run_dir": tmp_path / "run"}
    with cut_after(2):
        sweep(small, SPACE, digits, crew=crew_of(cluster, cpus=1), **run)
    began, words = time.monotonic(), "got threads .* 2 instead of 1; .*and 1 thread of"
    with pytest.raises(runs.RunMismatchError, match=words):
        sweep(small, SPACE, digits, crew=crew_of(cluster, cpus=2), **run)
    assert time.monotonic() - began < 60
    result = sweep(small, SPACE, digits, crew=crew_of(cluster, cpus=1), **run)
    assert_same_result(result, sweep(small, SPACE, digits))


@pytest.mark.heavy
def test_a_process_that_is_stopped_for_a_while_changes_no_bit(machines, digits):
    expected = sweep(small, SPACE, digits, **LONG)
    stopped = []

    def stop():
        if machines.actors():
            stopped.append(machines.actors()[0])
            os.kill(stopped[0], signal.SIGSTOP)
            threading.Timer(10, os.kill, (stopped[0], signal.SIGCONT)).start()
            return True

    with faults(stop, 3.0, 3.0) as done:
        result = sweep(small, SPACE, digits, crew=crew_of(machines), **LONG)
    assert_same_result(result, expected)
    assert done


@pytest.mark.heavy
def test_a_sweep_that_time_ends_resumes_to_the_same_bits(cluster, digits, tmp_path):
    """Each call is back in time, also one in which a process hangs."""
    run, calls, seconds = tmp_path / "run", 0, 25
    with cut_after(2):
        sweep(small, SPACE, digits, **LONG, crew=crew_of(cluster), run_dir=run)

    def hang():
        pids = cluster.actors(TRAINS) if calls == 0 else ()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # until the crew ends it
        return bool(pids)

    while not runs.is_finished(run):
        began, crew = time.monotonic(), crew_of(cluster)
        settings = LONG | {"crew": crew, "run_dir": run, "seconds": seconds}
        with contextlib.suppress(TimeoutError, SpaceError), faults(hang, 0.2, 0.2):
            sweep(small, SPACE, digits, **settings)
        assert time.monotonic() - began < seconds + 5
        calls += 1
        assert calls < 20
    assert calls > 1 and doctor(run).problems == []
    result = sweep(small, SPACE, digits, **LONG, run_dir=run)
    assert_same_result(result, sweep(small, SPACE, digits, **LONG))


EXPERIMENT = """
import jaxdl as dl
from tests.sweeps.kept import SPACE as space, small as recipe
data = dl.data.load("digits")
"""
COMMAND = """
import sys
from jaxdl.engine import pace
pace.KEEP_SECONDS = 0.3
from jaxdl.cli import main
sys.exit(main(sys.argv[1:]))
"""


ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


@pytest.mark.heavy
def test_a_command_that_is_killed_resumes(kills, cluster, digits, tmp_path):
    """Its processes on the cluster end with it."""
    file, number, killed, moments = tmp_path / "experiment.py", 0, 0, random.Random(0)
    file.write_text(EXPERIMENT)
    command = [
        sys.executable, "-c", COMMAND, "sweep", str(file), "--ray", cluster.address,
        "--members", "24", "--epochs", "400", "--block-width", "4", "--out",
    ]  # fmt: skip
    plan = {"plan": dl.Plan(4), "progress": False}
    plain = dl.sweep(small, SPACE, digits, key=0, members=24, epochs=400, **plan)

    def check():
        assert doctor(run).problems == []
        assert_same_result(read_result(run, small), plain)
        assert not [path for path in run.rglob("*") if is_pickle(path)]

    while killed < kills:
        run = tmp_path / f"run{number}"
        with subprocess.Popen(
            [*command, str(run)],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            trains = wait_until(lambda: ended(process) or cluster.actors(TRAINS), 600)
            time.sleep(moments.uniform(0, 3))
            end = ENDS[killed % len(ENDS)]
            process.send_signal(end)
            began = time.monotonic()
            _, told = process.communicate(timeout=30)
            assert time.monotonic() - began < 10
        if process.returncode == 0:  # it was done before it was ended
            check()
            number += 1
            continue
        assert process.returncode == (-end if end == signal.SIGKILL else 75), told
        wait_until(lambda trains=trains: not {*trains} & {*cluster.actors()}, 5)
        assert doctor(run).problems == []
        killed += 1
        print("killed", killed)
    done = subprocess.run(
        [*command, str(run)], cwd=ROOT, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    check()


def ended(process):
    """Returns whether a process has ended, as a list that is true if it has."""
    return [] if process.poll() is None else [process.pid]


def is_pickle(path):
    """Returns whether a file begins as a pickle of protocol 2 or later does."""
    return path.is_file() and path.read_bytes()[:1] == b"\x80"
