"""A small run, and what tests do to it in processes of their own.

    python processes.py TASK FOLDER

loads `jaxdl.runs` alone: no JAX, so that a process starts and forks quickly, and is
proof that it needs nothing of other floors.
"""

import contextlib
import functools
import itertools
import os
import shutil
import signal
import sqlite3
import sys
import time
import types
import warnings
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).parents[2]
    package = types.ModuleType("jaxdl")
    package.__path__ = [str(ROOT / "jaxdl")]
    sys.modules["jaxdl"] = package
    warnings.simplefilter("error")

import numpy as np

from jaxdl import runs

SPECIFICATION = {
    "space": {"learning_rate": "LogUniform(0.0001, 1.0)"},
    "epochs": 4,
    "metrics": ["dev_error"],
}
MEMBERS = [0, 1, 2]
HPARAMS = {"learning_rate": [0.1, 0.2, 0.3]}
CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "ftruncate")
LOG = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
FOLLOWING = range(1, 40)


def record(until=2, *, first=0, rung=0, members=(0, 1), seed=0):
    """A record whose numbers all follow from its arguments."""
    n, draws = len(members), np.random.default_rng([rung, seed])
    metrics = {"dev_error": draws.random((until - first, n), np.float32)}
    ones = np.ones(n, np.int32)
    return runs.Record(
        rung, np.array(members), first, until, ones, until * ones, 10 * until * ones,
        -ones, metrics,
        [draws.random((n, 3, 5)), draws.integers(0, 9, n), draws.random((n, 200))],
    )  # fmt: skip


def follow_up(k):
    """The k-th record after the first: of the epoch that follows."""
    return record(k + 2, first=k + 1, seed=k)


def begin(folder):
    """A run of one rung with one record, whose id is 1."""
    with runs.open_run(folder, SPECIFICATION) as store:
        store.enter(0, MEMBERS, HPARAMS, 4)
        store.commit(record())


def query(folder, text):
    """What a tool reads that does not know this package."""
    with contextlib.closing(sqlite3.connect(folder / "run.sqlite")) as connection:
        return connection.execute(text).fetchall()


def same(one, other):
    """Whether two records are equal, but for ids and arrays that were dropped."""
    arrays = [one.arrays, other.arrays]
    if None in arrays:
        arrays = [None, None]
    else:
        arrays = [[x.tobytes() for x in leaves] for leaves in arrays]
    numbers = [
        (r.rung, r.members.tolist(), r.first, r.until, r.status.tolist(),
         r.stopped_at.tolist(), r.steps.tolist(), r.kept_epoch.tolist(),
         {k: v.astype(np.float64).tobytes() for k, v in r.metrics.items()})
        for r in (one, other)
    ]  # fmt: skip
    return numbers[0] == numbers[1] and arrays[0] == arrays[1]


def cycle(folder, acknowledge):
    """Everything that writes, once: five steps, each acknowledged."""
    with runs.open_run(folder, SPECIFICATION) as store:
        acknowledge()
        store.commit(record(4))
        store.flush()
        acknowledge()
        store.enter(1, MEMBERS[:2], {"learning_rate": [0.1, 0.2]}, 8)
        acknowledge()
        store.drop([1])
        store.flush()
        acknowledge()
        store.finish(2)
        acknowledge()


def state(folder):
    """How many steps of `cycle` a run has made; the run is whole and can be resumed."""
    with runs.open_run(folder, SPECIFICATION) as store:
        found, rungs, finished = store.load(0), len(store.rungs()), store.finished
        kept = [one.arrays is not None for one in found]
        steps = [
            ([True], 1, False), ([True, True], 1, False), ([True, True], 2, False),
            ([False, True], 2, False), ([False, True], 2, True),
        ]  # fmt: skip
        made = steps.index((kept, rungs, finished)) + 1
        assert all(map(same, found, (record(), record(4))))
        assert set(os.listdir(folder / "checkpoints")) == store.files()
        store.commit(record(members=(2,)))
        assert same(store.load(0)[-1], record(members=(2,)))
    assert not runs.doctor(folder).problems
    return made


class Fault:
    """Does something before, or after, the n-th call to the disk or the database."""

    def __init__(self, n, act, *, after=False):
        self.left, self.act, self.after = n, act, after

    def __call__(self, function, *args, **options):
        self.left -= 1
        now = self.left == 0
        if now and not self.after:
            self.act(function)
        result = function(*args, **options)
        if now and self.after:
            self.act(function)
        return result

    def install(self, patch):
        """Wraps what the store calls; `patch` is like `setattr`."""
        for name in CALLS:
            patch(os, name, functools.partial(self, getattr(os, name)))
        fault, connect = self, sqlite3.connect

        class Connection(sqlite3.Connection):
            def execute(self, *args):
                return fault(super().execute, *args)

            def executemany(self, *args):
                return fault(super().executemany, *args)

        patch(sqlite3, "connect", functools.partial(connect, factory=Connection))


def forked(function):
    """Runs a function in a fork of this process and returns how that ended."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    return pid


def killed_everywhere(folder, task):
    """Kills `task` at its first, second, ... call, each time on a copy of the folder.

    Yields the copy and how many steps were acknowledged, until the task ends alive.
    """
    for n in itertools.count(1):
        copy, log = folder.with_name(f"{n}"), os.open(folder.with_name("log"), LOG)
        if folder.exists():
            shutil.copytree(folder, copy)

        def run(copy=copy, log=log, n=n, write=os.write):
            kill = Fault(n, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            kill.install(setattr)
            task(copy, lambda: write(log, b"."))

        end = os.waitpid(forked(run), 0)[1]
        if end == 0:
            assert n > 40, "there are fewer calls than the task must make"
            return
        assert end == signal.SIGKILL, end
        yield copy, os.fstat(log).st_size
        os.close(log)
        shutil.rmtree(copy)


def kill_cycle(folder):
    """An acknowledged step of `cycle` is there; the next one may be."""
    begin(folder)
    for copy, steps in killed_everywhere(folder, cycle):
        assert state(copy) in {max(steps, 1), min(steps + 1, 5)}, copy


def kill_begin(folder):
    """A run whose making was interrupted is made again, or resumed."""
    for copy, _ in killed_everywhere(folder, lambda folder, _: begin(folder)):
        with runs.open_run(copy, SPECIFICATION) as store:
            assert [same(r, record()) for r in store.load(0)] in ([], [True])
            store.enter(0, MEMBERS, HPARAMS, 4)
            store.commit(record(members=(2,)))
        assert not runs.doctor(copy).problems


def acknowledge(folder):
    """Begins a run and does all steps of `cycle`; prints a byte when each is done."""
    begin(folder)
    cycle(folder, lambda: os.write(1, b"."))


def own(folder):
    """Holds a run until it is killed."""
    with runs.open_run(folder, SPECIFICATION):
        print("owned", flush=True)
        time.sleep(60)


def leave_child(folder):
    """Ends without closing a run, and leaves a child that is still alive."""
    runs.open_run(folder, SPECIFICATION)
    forked(lambda: (print(os.getpid(), flush=True), time.sleep(60)))
    os._exit(0)


def look(folder):
    """Examines a run, and tries to resume it."""
    runs.doctor(folder)
    with contextlib.suppress(OSError):
        runs.open_run(folder, SPECIFICATION).close()


def without_streams(folder):
    """Writes a run while what code prints finds no stream."""
    for number in range(3):
        os.close(number)
    replace = os.replace

    def print_to_streams(*paths):
        for number in range(3):
            with contextlib.suppress(OSError):
                os.write(number, b"printed")
        replace(*paths)

    os.replace = print_to_streams
    begin(folder)


def poll(folder):
    """Eight processes read while this one adds records, then rungs."""
    begin(folder)
    pids = [forked(lambda: follow(folder)) for _ in range(8)]
    with runs.open_run(folder, SPECIFICATION) as store:
        old = 1
        for k in FOLLOWING:
            new = store.commit(follow_up(k))
            store.drop([old])
            store.flush()
            old = new
        for rung in range(1, 20):
            store.enter(rung, MEMBERS, HPARAMS, 4)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * len(pids)


def follow(folder):
    """Reads until the last rung; all records that were there stay whole."""
    rungs, count, expected = 0, 0, [record(), *map(follow_up, FOLLOWING)]
    while rungs < 20:
        with runs.read_run(folder) as store:
            for _ in range(3):
                found = store.load(0)
                assert all(map(same, found, expected))
                assert len(found) >= count and len(store.rungs()) >= rungs
                count, rungs = len(found), len(store.rungs())


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
