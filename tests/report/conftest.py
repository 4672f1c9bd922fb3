"""A small sweep on digits, and results that other sweeps could have had."""

import base64
import dataclasses
import importlib
import importlib.util
import io
import zlib

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.report.style import save
from jaxdl.searches import Rung
from jaxdl.train import Status

# Without matplotlib there is nothing to look at; its extra is part of `test`.
collect_ignore_glob = [] if importlib.util.find_spec("matplotlib") else ["test_*.py"]

KEY = jax.random.key(0)


@pytest.fixture(scope="package", autouse=True)
def few_trees():
    """Makes the importance cheap: here it matters what is drawn of it."""
    module = importlib.import_module("jaxdl.diagnose.importance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TREES", 4)
        yield


@pytest.fixture(scope="session")
def result(small_sweep):
    return small_sweep


@pytest.fixture(scope="session")
def repeated(result):
    """Four configurations of four members, two repeats of two folds each."""
    few = part(result, 16)
    rows = np.repeat(np.arange(4), 4)
    hparams = jax.tree.map(lambda c: c[rows], few.hparams)
    task = few.task._replace(members=4, repeats=2, folds=2)
    return dataclasses.replace(few, task=task, hparams=hparams)


@pytest.fixture(scope="session")
def halved(result):
    """Nine members, of which 1, 4 and 7 train for two epochs and 4 for three."""
    few, rungs = part(result, 9), []
    for epoch, ids in enumerate((np.arange(9), np.array([1, 4, 7]), np.array([4]))):
        hparams = jax.tree.map(lambda c, ids=ids: c[ids], few.hparams)
        rungs.append(Rung(ids, hparams, np.full(len(ids), epoch + 1)))
    metrics = {name: curves.copy() for name, curves in few.metrics.items()}
    for curves in metrics.values():
        curves[np.setdiff1d(np.arange(9), [1, 4, 7]), 1:] = np.nan
        curves[[1, 7], 2] = np.nan
    kept = np.zeros(9, int)
    kept[[1, 7]], kept[4] = 1, 2
    return dataclasses.replace(
        few, metrics=metrics, kept_epoch=kept, rungs=tuple(rungs)
    )


PARENTS = ([0, 1, 2, 3], [2, 1, 2, 3], [0, 1, 2, 0])  # of each rung's members
RATES = ([0.001, 0.01, 0.1, 1.0], [0.01, 0.01, 0.1, 1.0], [0.01, 0.01, 0.1, 0.1])


@pytest.fixture(scope="session")
def bred(result):
    """Four members that exchange twice; member 3, the best, went on from 0, from 2."""
    few = part(result, 4)
    hparams = [few.hparams._replace(learning_rate=np.array(rates)) for rates in RATES]
    rungs = tuple(
        Rung(np.arange(4), hparams[i], np.full(4, i + 1), np.array(parents))
        for i, parents in enumerate(PARENTS)
    )
    metrics = {name: curves.copy() for name, curves in few.metrics.items()}
    metrics["dev_error"][:, -1] = [0.2, 0.4, 0.3, 0.1]
    return dataclasses.replace(
        few, metrics=metrics, hparams=hparams[-1], rungs=(
            rungs[0]._replace(parents=None), *rungs[1:]
        ),
    )  # fmt: skip


def part(result, members=None, epochs=None):
    """Returns the first members and epochs of a result of a random search."""
    m, e = members or len(result.status), epochs or result.metrics["dev_loss"].shape[1]
    rung = result.rungs[0]
    return dataclasses.replace(
        result,
        hparams=jax.tree.map(lambda c: c[:m], result.hparams),
        metrics={n: curves[:m, :e] for n, curves in result.metrics.items()},
        status=result.status[:m],
        stopped_at=result.stopped_at[:m],
        kept_epoch=np.minimum(result.kept_epoch[:m], e - 1),
        rungs=(
            rung._replace(members=rung.members[:m], until=rung.until[:m].clip(0, e)),
        ),
        places=result.places[:m],
        task=result.task._replace(members=m, epochs=e),
    )


def diverged(result, members):
    """Returns a result in which some members diverged at the end."""
    metrics = {name: curves.copy() for name, curves in result.metrics.items()}
    for curves in metrics.values():
        curves[members, -1] = np.nan
    status = result.status.copy()
    status[members] = Status.DIVERGED
    return dataclasses.replace(result, metrics=metrics, status=status)


def untrained(result):
    """Returns what a sweep is before its first record."""
    return dataclasses.replace(
        result,
        metrics={n: np.full_like(c, np.nan) for n, c in result.metrics.items()},
        kept_epoch=np.full_like(result.kept_epoch, -1),
        places=np.full_like(result.places, -1),
        blocks=(),
    )


def constant(result):
    """Returns a result whose members have the first one's hyperparameters."""
    same = jax.tree.map(lambda c: np.repeat(c[:1], len(c)), result.hparams)
    return dataclasses.replace(result, hparams=same)


def with_space(result, space, hparams):
    """Returns a result of another space, whose models are those of the result."""

    class Other(dl.SweepResult):
        def member(self, i, *, weights=True):
            return result.member(i, weights=weights)

    task = result.task._replace(space=space)
    return Other(**vars(result) | {"task": task, "hparams": hparams})


def renamed(result, name):
    """Returns a result with other names of hyperparameters, of which one is given."""
    space, hparams = (
        dict(zip((name, *"bcde"), tree, strict=True))
        for tree in (result.task.space, result.hparams)
    )
    return with_space(result, space, hparams)


def drawn(figure):
    """Returns a figure after it was drawn, which is when matplotlib warns."""
    file = io.BytesIO()
    save(figure, file, "png", dpi=40)
    assert file.getvalue().startswith(b"\x89PNG")
    return figure


def texts(figure):
    """Returns all that is written in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def widened(result, times, longer=1):
    """Returns a result of as many times the members and epochs, a little different."""
    n, m = times * len(result.status), len(result.status)
    noise = np.random.default_rng(0).uniform(0.9, 1, (n, 1))
    hparams = dl.sample(KEY, result.task.space, n)
    epochs = longer * result.metrics["dev_loss"].shape[1]
    return dataclasses.replace(
        result,
        task=result.task._replace(members=n, epochs=epochs),
        hparams=hparams,
        metrics={
            name: noise * np.tile(curves, (times, longer))
            for name, curves in result.metrics.items()
        },
        status=np.tile(result.status, times),
        stopped_at=np.tile(result.stopped_at, times),
        kept_epoch=np.full(n, epochs - 1),
        rungs=(Rung(np.arange(n), hparams, np.full(n, epochs)),),
        places=result.places[np.arange(n) % m],
    )


def unpacked(data):
    """Returns the codes `[axes, members]` and the curves `[members, epochs]` of a page.

    Codes go from 1, the low end of an axis, to 65,535; 0 is absent. All their low bytes
    stand before all their high bytes.
    """
    halves = np.frombuffer(zlib.decompress(base64.b64decode(data["numbers"])), np.uint8)
    low, high = halves.reshape(2, -1).astype(int)
    codes, members = low + 256 * high, len(data["rows"])
    axes, rest = np.split(codes, [len(data["axes"]) * members])
    parts = [(m, part) for m in data["measures"] for part in m["curves"]]
    curves = rest.reshape(len(parts), members, len(data["epochs"]))
    named = {}
    for (measure, part), code in zip(parts, curves, strict=True):
        place = np.where(code == 0, np.nan, (code - 1) / 65_534)
        low, high = measure["low"], measure["high"]
        named[f"{part}_{measure['name']}"] = (
            low * (high / low) ** place
            if measure["log"]
            else low + (high - low) * place
        )
    return axes.reshape(-1, members), named


def ends(data, name):
    """Returns the ends of the axis of a curve, such as `dev_loss`."""
    what = name.partition("_")[2]
    (found,) = (m for m in data["measures"] if m["name"] == what)
    return found["low"], found["high"]
