"""Results made by hand, and names that a library may choke on."""

import itertools
import math
from importlib.util import find_spec

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import pace, placing
from jaxdl.engine.task import Task
from jaxdl.interop import ray_crew, ray_process, ray_roster
from jaxdl.train import Status
from tests.interop.faked_crew import Local
from tests.sweeps.kept import SPACE, small, sweep

# Models of both libraries are in one file, so these tests need both.
collect_ignore = (
    []
    if find_spec("equinox") and find_spec("flax")
    else ["test_equinox.py", "test_flax.py", "test_foreign.py"]
)
HOSTILE = (
    "", ".", "..", "../../up", "/etc", "a/b", "a_b", "a b", "<script>alert(1)</script>",
    "_wandb", "per%cent", 'quote"s', "line\nbreak", "λ", "x" * 300,
)  # fmt: skip


def made(
    dev_error, *, hparams=None, status=None, kept_epoch=None, patience=None, repeats=1,
    folds=None, untrained=(),
):  # fmt: skip
    """Returns the result of a sweep with such dev errors, `[members, epochs]`."""
    dev_error = np.asarray(dev_error, np.float32)
    members, epochs = dev_error.shape
    places = np.stack([np.zeros(members, int), np.arange(members)], axis=1)
    places[list(untrained)] = -1
    last = (~np.isnan(dev_error)).sum(axis=1) - 1
    task = Task(
        recipe=None,
        space=None,
        data=None,
        key=jax.random.key(0),
        members=members // (repeats * (folds or 1)),
        epochs=epochs,
        patience=patience,
        repeats=repeats,
        folds=folds,
        plan=dl.Plan(1),
    )
    return dl.SweepResult(
        task=task,
        hparams=hparams or {"rate": np.arange(members, dtype=np.float32)},
        metrics={
            "train_loss": dev_error + 3,
            "train_error": dev_error + 2,
            "dev_loss": dev_error + 1,
            "dev_error": dev_error,
        },
        status=np.array(status or [Status.FINISHED] * members, np.int32),
        stopped_at=np.full(members, -1, np.int32),
        kept_epoch=np.array(last if kept_epoch is None else kept_epoch, np.int32),
        precisions=(),
        rungs=(),
        blocks=(),
        places=places,
        specification=None,
    )


@pytest.fixture
def result():
    """Member 1 diverged, 2 was cut short by its search, 0 has the lowest dev error."""
    nan = np.nan
    return made(
        [[0.7, 0.1, 0.2], [0.5, nan, nan], [0.9, 0.6, nan], [0.8, 0.4, 0.3]],
        hparams={
            "rate": np.array([0.1, 1e3, 0.001, 0.02], np.float32),
            "act": np.array(["relu", None, "tanh", nan], object),
            "units": np.array([3, 4, 5, 6], np.int32),
        },
        status=[
            Status.FINISHED,
            Status.DIVERGED,
            Status.CUT_SHORT,
            Status.FINISHED,
        ],  # fmt: skip
        kept_epoch=[2, 0, 1, 2],
    )


@pytest.fixture
def hostile():
    """A result whose hyperparameters have bad names."""
    names = {name: np.array([float(i)]) for i, name in enumerate(HOSTILE)}
    return made([[0.5, 0.25]], hparams=names)


def within(folder):
    """Returns the files of a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def quick(monkeypatch):
    """Keeps and tells of each epoch, and looks often."""
    monkeypatch.setattr(ray_process, "Actor", Local)
    monkeypatch.setattr(Local, "numbers", itertools.count())
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(ray_crew, "MOST_TOLD", math.inf)
    monkeypatch.setattr(placing, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(ray_process, "LOOK_SECONDS", 0.02)
    for name in ("FOLLOW_SECONDS", "RETRY_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(ray_roster, name, 0.02)
    monkeypatch.setattr(ray_roster, "HOPE_SECONDS", 0.3)


@pytest.fixture(scope="module")
def expected(digits):
    return sweep(small, SPACE, digits)
