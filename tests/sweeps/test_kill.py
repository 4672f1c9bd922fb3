"""Processes that are killed or ended at random, and started again until done."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = """
import hashlib, sys
import jax
import jaxdl as dl
from jaxdl.search import engine
from experiments import digits

dl.enable_compilation_cache()
engine.KEEP_SECONDS = 0.1
result = dl.sweep(
    digits.recipe, digits.space, digits.data, key=jax.random.key(0), members=64,
    epochs=12, progress=False, run_dir=sys.argv[1], search=dl.halving(2, first=3),
)
digest = hashlib.sha256()
for name, curve in sorted(result.metrics.items()):
    digest.update(name.encode() + curve.tobytes())
for i in range(64):
    for leaf in jax.tree.leaves((result.member(i).params, result.member(i).state)):
        digest.update(leaf.tobytes())
print(digest.hexdigest())
"""


def environment(tmp_path):
    """Returns one in which compiled programs are kept, in a folder of the test's."""
    kept = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    kept |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    return kept


def start(command, tmp_path):
    return subprocess.Popen(
        [sys.executable, *command], env=environment(tmp_path), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finished(command, tmp_path):
    """Returns what a process prints that is left alone, and how long it took."""
    began = time.monotonic()
    with start(command, tmp_path) as process:
        printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed, time.monotonic() - began


@pytest.mark.parametrize(
    "kills", [10, pytest.param(200, marks=pytest.mark.heavy)]
)  # fmt: skip
def test_a_run_that_is_killed_at_random_ends_with_the_same_bits(kills, tmp_path):
    finished(["-c", TRAIN, str(tmp_path / "first")], tmp_path)  # which compiles
    whole, seconds = finished(["-c", TRAIN, str(tmp_path / "whole")], tmp_path)
    moments, folder, killed = random.Random(kills), 0, 0
    while killed < kills:
        command = ["-c", TRAIN, str(tmp_path / f"run{folder}")]
        with start(command, tmp_path) as process:
            try:
                printed, errors = process.communicate(
                    timeout=moments.uniform(0, seconds)
                )
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                continue
        assert process.returncode == 0, errors
        assert printed == whole
        folder += 1  # it is done: another one
    assert finished(["-c", TRAIN, str(tmp_path / f"run{folder}")], tmp_path)[0] == whole


@pytest.mark.heavy
def test_the_same_sweep_has_one_hash(tmp_path):
    hashes = [finished(["-c", TRAIN, str(tmp_path / f"run{i}")], tmp_path)[0]
              for i in range(20)]  # fmt: skip
    assert len(set(hashes)) == 1


@pytest.mark.parametrize(
    "ends", [4, pytest.param(100, marks=pytest.mark.heavy)]
)  # fmt: skip
def test_a_command_that_is_ended_goes_on_where_it_was(ends, tmp_path):
    main = """
import sys
from jaxdl.cli import main
print("imported", flush=True)
sys.exit(main(sys.argv[1:]))
"""
    sweep = ["sweep", "experiments/digits.py", "--members", "32", "--epochs", "6"]
    command = ["-c", main, *sweep, "--out"]
    finished([*command, str(tmp_path / "first")], tmp_path)
    _, seconds = finished([*command, str(tmp_path / "whole")], tmp_path)
    moments, ended, folder = random.Random(ends), 0, 0
    while ended < ends:
        with start([*command, str(tmp_path / f"run{folder}")], tmp_path) as process:
            assert process.stdout.readline() == "imported\n"
            time.sleep(moments.uniform(0.05, seconds))
            process.send_signal(moments.choice([signal.SIGTERM, signal.SIGINT]))
            began = time.monotonic()
            printed, errors = process.communicate(timeout=30)
            assert time.monotonic() - began < 10
        if "results in" in printed:  # it was done before it was ended
            folder += 1
            continue
        assert process.returncode == 75, errors
        assert "the same command goes on from what is kept" in errors
        ended += 1
    finished([*command, str(tmp_path / f"run{folder}")], tmp_path)
    for name in ("members.csv", "run.json"):
        one, other = (tmp_path / run / name for run in ("whole", f"run{folder}"))
        assert one.read_bytes() == other.read_bytes()
