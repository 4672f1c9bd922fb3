"""Processes that are killed or ended at random, and started again until done."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxdl import runs
from jaxdl.sweeps import read_result
from tests.sweeps.kept import assert_same_result, small

ROOT = Path(__file__).parents[2]
TRAIN = """
import hashlib, json, sys
import jax
import jaxdl as dl
from jaxdl.engine import pace
from tests.sweeps.kept import SPACE, small

dl.enable_compilation_cache()
pace.KEEP_SECONDS = 0.0
data = dl.data.load("digits")
print("imported", flush=True)
settings = json.loads(sys.argv[1])
name, number = settings.pop("search", ["", 0])
search = getattr(dl, name)(number) if name else dl.halving(2, first=3)
result = dl.sweep(
    small, SPACE, data, key=0, epochs=12, progress=False, plan=dl.Plan(4),
    search=search, run_dir=sys.argv[2], **settings,
)
digest = hashlib.sha256()
for name, curve in sorted(result.metrics.items()):
    digest.update(name.encode() + curve.tobytes())
for i in range(len(result.status)):
    for leaf in jax.tree.leaves((result.member(i).params, result.member(i).state)):
        digest.update(leaf.tobytes())
print(digest.hexdigest())
"""
ENDS = 100  # of a command, by two signals
PLAIN = json.dumps({"members": 16})
VARIED = json.dumps({"members": 4, "repeats": 4, "folds": 3, "patience": 2})
THAWING = json.dumps({"members": 16, "search": ["freeze_thaw", 60]})
SEVERAL = json.dumps({"members": 16, "search": ["multi_pbt", 1]})
EXPERIMENT = """
import jaxdl as dl
from tests.sweeps.kept import SPACE as space, small as recipe
data = dl.data.load("digits")
"""
COMMAND = """
import sys
from jaxdl.cli import main
print("imported", flush=True)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder with the compiled programs of all these processes."""
    return tmp_path_factory.mktemp("cache")


def start(command, cache):
    """Returns a process that has imported everything, and has its programs in a folder.

    A folder of its own, so that a kill harms no program of another test.
    """
    inherited = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    own = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", *command], env=inherited | own, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "imported\n", process.communicate()
    return process


def finish(command, cache):
    """Returns what an undisturbed process prints, and how long it took."""
    with start(command, cache) as process:
        began = time.monotonic()
        printed, errors = process.communicate(timeout=300)
        seconds = time.monotonic() - began
    assert process.returncode == 0, errors
    return printed, seconds


@pytest.mark.parametrize(
    ("settings", "kills"),
    [
        (PLAIN, 1),
        pytest.param(PLAIN, 200, marks=pytest.mark.heavy),
        pytest.param(VARIED, 50, marks=pytest.mark.heavy),
        pytest.param(THAWING, 20, marks=pytest.mark.heavy),
        pytest.param(SEVERAL, 20, marks=pytest.mark.heavy),
    ],
)
def test_a_run_that_is_killed_at_random_ends_with_the_same_bits(
    settings, kills, cache, tmp_path
):
    train = [TRAIN, settings]
    whole, seconds = finish([*train, str(tmp_path / "whole")], cache)
    moments, folder, killed = random.Random(kills), 0, 0
    while killed < kills:
        with start([*train, str(tmp_path / f"run{folder}")], cache) as process:
            try:
                moment = moments.uniform(0, seconds)
                printed, errors = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                continue
        assert process.returncode == 0, errors
        assert printed == whole
        # It was done before, as one that finds its programs compiled: another one.
        folder, seconds = folder + 1, min(seconds, moment)
    assert finish([*train, str(tmp_path / f"run{folder}")], cache)[0] == whole


@pytest.mark.heavy
def test_the_same_sweep_has_one_hash(cache, tmp_path):
    hashes = [finish([TRAIN, PLAIN, str(tmp_path / f"run{i}")], cache)[0]
              for i in range(20)]  # fmt: skip
    assert len(set(hashes)) == 1


@pytest.mark.heavy
def test_a_command_that_is_ended_resumes(cache, tmp_path):
    file = tmp_path / "experiment.py"
    file.write_text(EXPERIMENT)
    sweep = ["sweep", str(file), "--members", "32", "--epochs", "12"]
    command = [COMMAND, *sweep, "--block-width", "4", "--out"]
    _, seconds = finish([*command, str(tmp_path / "whole")], cache)
    moments, ended, folder = random.Random(ENDS), 0, 0
    while ended < ENDS:
        with start([*command, str(tmp_path / f"run{folder}")], cache) as process:
            time.sleep(moment := moments.uniform(0.05, seconds))
            process.send_signal(moments.choice([signal.SIGTERM, signal.SIGINT]))
            began = time.monotonic()
            printed, errors = process.communicate(timeout=30)
            assert time.monotonic() - began < 10
        if "results in" in printed:  # it was done before it was ended
            folder, seconds = folder + 1, min(seconds, moment)
            continue
        assert process.returncode == 75, errors
        assert "the same command" in errors
        ended += 1
    finish([*command, str(tmp_path / f"run{folder}")], cache)
    whole, resumed = (tmp_path / run for run in ("whole", f"run{folder}"))
    assert runs.is_finished(resumed)
    assert_same_result(read_result(whole, small), read_result(resumed, small))
