"""Results made by hand, and names that a library may choke on."""

import jax
import numpy as np
import pytest

import jaxdl as dl

HOSTILE = (
    "", ".", "..", "../../up", "/etc", "a/b", "a_b", "a b", "<script>alert(1)</script>",
    "_wandb", "per%cent", 'quote"s', "line\nbreak", "λ", "x" * 300,
)  # fmt: skip


def made(
    dev_error, *, hparams=None, status=None, kept_epoch=None, patience=None, repeats=1,
    untrained=(),
):  # fmt: skip
    """Returns the result of a sweep with such dev errors, `[members, epochs]`."""
    dev_error = np.asarray(dev_error, np.float32)
    members, epochs = dev_error.shape
    places = np.stack([np.zeros(members, int), np.arange(members)], axis=1)
    places[list(untrained)] = -1
    last = (~np.isnan(dev_error)).sum(axis=1) - 1
    return dl.SweepResult(
        recipe=None,
        hparams=hparams or {"rate": np.arange(members, dtype=np.float32)},
        metrics={
            "train_loss": dev_error + 3,
            "train_error": dev_error + 2,
            "dev_loss": dev_error + 1,
            "dev_error": dev_error,
        },
        status=np.array(status or ["finished"] * members),
        stopped_at=np.full(members, -1),
        kept_epoch=last if kept_epoch is None else np.array(kept_epoch),
        space=None,
        key=jax.random.key(0),
        patience=patience,
        plan=dl.Plan(1),
        precisions=(),
        rungs=(),
        blocks=(),
        places=places,
        repeats=repeats,
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
        status=["finished", "diverged", "stopped", "finished"],
        kept_epoch=[2, 0, 1, 2],
    )


@pytest.fixture
def hostile():
    """A result whose hyperparameters have bad names."""
    names = {name: np.array([float(i)]) for i, name in enumerate(HOSTILE)}
    return made([[0.5, 0.25]], hparams=names)


def within(folder):
    """Returns the files of a folder, and sees to it that it holds no links out."""
    return [path for path in folder.rglob("*") if path.is_file()]
