"""A sweep on a disk that refuses for a while, or forgets: the same bits, and no end.

`pytest -m heavy tests/sweeps/test_faults.py` takes a minute; FAULT_MINUTES=30 in the
environment makes it longer.
"""

import contextlib
import errno
import itertools
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from jaxdl import runs
from jaxdl.engine import pace
from jaxdl.runs import database, faults
from tests.runs.power import record_calls, states
from tests.sweeps.kept import SPACE, assert_same_result, in_rungs, small, sweep

MINUTES = float(os.environ.get("FAULT_MINUTES", "1"))
SETTINGS = {"members": 8, "epochs": 6, "search": in_rungs}
TRAIN = """
import sys
import jaxdl as dl
from jaxdl.engine import pace
from tests.sweeps.kept import SPACE, in_rungs, small, sweep

pace.KEEP_SECONDS = 0.0
data = dl.data.load("digits")
sweep(small, SPACE, data, run_dir=sys.argv[1], members=8, epochs=6, search=in_rungs)
"""


@pytest.fixture
def often(monkeypatch):
    """Puts each epoch of a block on disk, and tries a disk that refuses again soon."""
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(faults, "FIRST", 0.001)
    monkeypatch.setattr(faults, "LONGEST", 0.01)
    monkeypatch.setattr(database, "SECONDS", 0.001)


class Weather:
    """Faults of a disk that come and go at random."""

    def __init__(self, seed, patch):
        self.draws, self.refuses, self.told = random.Random(seed), None, []
        self.waits, self.ends = 0, threading.Event()
        for name in ("fsync", "write", "replace"):
            patch.setattr(os, name, self.wrap(getattr(os, name)))
        patch.setattr(faults, "_tell", self.told.append)
        outlast = faults.outlast

        def counted(*arguments):
            self.waits += 1
            return outlast(*arguments)

        for module in (runs.store, runs.writer):
            patch.setattr(module, "outlast", counted)

    def wrap(self, function):
        def call(*arguments, **options):
            if self.refuses == "slow":
                time.sleep(0.02)
            elif self.refuses is not None:
                raise OSError(self.refuses, os.strerror(self.refuses))
            return function(*arguments, **options)

        return call

    def change(self, folder):
        """Changes the weather, until `ends` is set."""
        while not self.ends.wait(self.draws.uniform(0, 0.1)):
            seconds = self.draws.uniform(0, 0.1)
            kinds = ("lock", errno.ENOSPC, errno.EIO, errno.EINTR, "slow")
            kind = self.draws.choice(kinds)
            if kind == "lock":
                self.lock(folder / database.NAME, seconds)
            else:
                self.refuses = kind
                time.sleep(seconds)
                self.refuses = None

    def lock(self, path, seconds):
        """Holds the lock of a database, as a browser with an open edit does."""
        with contextlib.suppress(sqlite3.Error):
            other = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0.1)
            with contextlib.closing(other):
                other.isolation_level = None
                other.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)


@contextlib.contextmanager
def weather_of(seed):
    """Has faults come and go from when a run is open until the sweep within ends."""
    with pytest.MonkeyPatch.context() as patch:
        weather, opened, winds = Weather(seed, patch), runs.open_run, []

        def and_then(*arguments, **options):
            store = opened(*arguments, **options)
            winds.append(threading.Thread(target=weather.change, args=(store.folder,)))
            winds[0].start()
            return store

        patch.setattr(runs, "open_run", and_then)
        try:
            yield weather
        finally:
            weather.ends.set()
            winds[0].join()


@pytest.mark.heavy
@pytest.mark.usefixtures("often")
def test_passing_faults_change_no_bit_and_end_nothing(digits, tmp_path):
    whole = sweep(small, SPACE, digits, **SETTINGS)
    end, waits = time.monotonic() + 60 * MINUTES, 0
    for number in itertools.count():
        if time.monotonic() > end:
            break
        folder = tmp_path / str(number)
        with weather_of(number) as weather:
            found = sweep(small, SPACE, digits, run_dir=folder, **SETTINGS)
        assert_same_result(whole, found)
        assert len(weather.told) == weather.waits
        assert not runs.doctor(folder).problems
        waits += weather.waits
        shutil.rmtree(folder)
    assert waits > 10 * MINUTES


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.usefixtures("often")
def test_a_sweep_resumes_after_a_power_loss_with_the_same_bits(digits, tmp_path):
    run, copy = tmp_path / "run", tmp_path / "copy"
    whole = sweep(small, SPACE, digits, **SETTINGS)
    root = Path(__file__).parents[2]
    calls = record_calls(
        [sys.executable, "-c", TRAIN, run], run, tmp_path / "log", root
    )
    draws, tried = random.Random(0), 0
    for name, _ in states(calls, run, copy):
        if draws.random() < 0.05:
            tried += 1
            again = sweep(small, SPACE, digits, run_dir=copy, **SETTINGS)
            print(name)
            assert_same_result(whole, again)
    assert tried > 40


@pytest.mark.usefixtures("often", "ctrl_c")
def test_ctrl_c_ends_a_sweep_that_waits_for_a_full_disk(digits, tmp_path, monkeypatch):
    def interrupt(_):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    whole = sweep(small, SPACE, digits, **SETTINGS)
    opened = runs.open_run

    def on_a_full_disk(*arguments, **options):
        store = opened(*arguments, **options)
        monkeypatch.setattr(os, "fsync", full)
        return store

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runs, "open_run", on_a_full_disk)
    monkeypatch.setattr(runs.writer, "MOST_BYTES", 10)
    monkeypatch.setattr(faults, "_tell", interrupt)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sweep(small, SPACE, digits, run_dir=tmp_path, **SETTINGS)
    assert time.monotonic() - began < 30
    monkeypatch.undo()
    again = sweep(small, SPACE, digits, run_dir=tmp_path, **SETTINGS)
    assert_same_result(whole, again)


def test_a_recipe_that_changes_the_folder_changes_no_path(
    digits, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def moving(hp):
        os.chdir(tmp_path / "elsewhere")
        return small(hp)

    sweep(moving, SPACE, digits, run_dir="run", members=2, epochs=1)
    assert runs.is_finished(tmp_path / "run")
    assert not os.listdir(tmp_path / "elsewhere")
