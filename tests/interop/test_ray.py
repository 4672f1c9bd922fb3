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
from jaxdl.sweeps import read_result
from tests.sweeps.kept import (
    SIZED,
    SPACE,
    assert_same_result,
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


MOST_SWEEPS = 20  # in which hands or machines are killed, however fast they end
LONG = {"members": 24, "epochs": 2000, "plan": dl.Plan(4), "patience": None}


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
def faults(act, least, most):
    """Calls a function within, again and again after a random time; counts the calls.

    Args:
        act: returns whether it has done something.
        least: seconds between two calls.
        most: the same.
    """
    done, ended, moments = [], threading.Event(), random.Random(0)

    def run():
        while not ended.wait(moments.uniform(least, most)):
            if act():
                done.append(time.monotonic())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@pytest.mark.heavy
@pytest.mark.parametrize("kills", [3])
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
    for number in range(MOST_SWEEPS):
        if killed >= kills:
            break
        run = tmp_path / f"run{number}"
        with faults(kill, 6.0, 12.0) as done:
            result = sweep(
                small, SPACE, digits, crew=crew_of(machines), run_dir=run, **LONG
            )
        assert_same_result(result, expected)
        assert doctor(run).problems == []
        killed += len(done)
        print("killed", killed)
    assert killed >= kills


@pytest.mark.heavy
@pytest.mark.parametrize("kills", [3])
def test_machines_that_die_and_join_change_no_bit(kills, machines, digits, monkeypatch):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.3)
    expected = sweep(small, SPACE, digits, **LONG)

    def kill():
        machines.kill(machines.nodes.pop(0))
        machines.add()
        return True

    killed = 0
    for _ in range(MOST_SWEEPS):
        if killed >= kills:
            break
        with faults(kill, 4.0, 8.0) as done:
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
def test_a_process_that_is_stopped_for_a_while_changes_no_bit(machines, digits):
    expected = sweep(small, SPACE, digits, **LONG)
    stopped = []

    def stop():
        if not stopped and machines.actors():
            stopped.append(machines.actors()[0])
            os.kill(stopped[0], signal.SIGSTOP)
            threading.Timer(10, os.kill, (stopped[0], signal.SIGCONT)).start()
            return True

    with faults(stop, 3.0, 3.0) as done:
        result = sweep(small, SPACE, digits, crew=crew_of(machines), **LONG)
    assert_same_result(result, expected)
    assert done


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


@pytest.mark.heavy
@pytest.mark.parametrize("ends", [[signal.SIGKILL, signal.SIGINT, signal.SIGKILL]])
def test_a_command_that_is_ended_resumes(ends, cluster, digits, tmp_path):
    """Its processes on the cluster end with it."""
    file, run = tmp_path / "experiment.py", tmp_path / "run"
    file.write_text(EXPERIMENT)
    command = [
        sys.executable, "-c", COMMAND, "sweep", str(file), "--ray", cluster.address,
        "--members", "24", "--epochs", "400", "--block-width", "4", "--out", str(run),
    ]  # fmt: skip
    for number, end in enumerate(ends):
        with subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            trains = wait_until(lambda: cluster.actors(TRAINS), 120)
            time.sleep(1 + number)
            process.send_signal(end)
            began = time.monotonic()
            _, told = process.communicate(timeout=30)
            assert time.monotonic() - began < 10
        assert process.returncode == (75 if end == signal.SIGINT else -end), told
        wait_until(lambda trains=trains: not {*trains} & {*cluster.actors()}, 10)
        assert doctor(run).problems == []
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert doctor(run).problems == []
    plan = {"plan": dl.Plan(4), "progress": False}
    plain = dl.sweep(small, SPACE, digits, key=0, members=24, epochs=400, **plan)
    assert_same_result(read_result(run, small), plain)
    assert not [path for path in run.rglob("*") if is_pickle(path)]


def is_pickle(path):
    """Returns whether a file begins as a pickle of protocol 2 or later does."""
    return path.is_file() and path.read_bytes()[:1] == b"\x80"
