"""Paths as people write them."""

from pathlib import Path

import numpy as np
import pytest

from jaxdl import data, interop, report
from jaxdl.experiment import load
from jaxdl.paths import as_path
from tests.small import EXPERIMENT


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A user's folder, and another one to work in."""
    folder, here = tmp_path / "home", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.chdir(here)
    return folder


@pytest.mark.parametrize("path", ["~/a", Path("~/a")])
def test_the_user_s_folder_is_expanded(home, path):
    assert as_path(path) == home / "a"


def test_other_paths_stay_as_they_are():
    assert as_path("a/~/b") == Path("a/~/b")


def test_an_empty_path_is_refused():
    with pytest.raises(ValueError, match="got an empty path"):
        as_path("")


READERS = {
    "csv": (lambda path: data.read_csv(path, label="y"), b"x,y\n1,2\n"),
    "idx": (data.read_idx, b"\0\0\x08\1\0\0\0\1\7"),
    "experiment": (load, EXPERIMENT.encode()),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_expands_the_user_s_folder(home, name):
    read, content = READERS[name]
    (home / "file").write_bytes(content)
    read("~/file")
    read(Path("~/file"))


def test_arrays_are_read_from_the_user_s_folder(home):
    np.savez(home / "a.npz", x=[1.0])
    assert data.read_npz("~/a.npz")["x"].tolist() == [1.0]


WRITERS = {
    "table": (lambda result, path: interop.table(result, path), "a.csv"),
    "page": (report.report, "a.html"),
    "export": (lambda result, path: interop.export(result.best(), path), "a.json"),
    "tensorboard": (lambda result, path: log(result, interop.tensorboard(path)), "a"),
    "mlflow": (lambda result, path: log(result, interop.mlflow(path)), "a"),
    "wandb": (lambda result, path: log(result, interop.wandb(path)), "a"),
    "journal": (
        lambda result, path: log(
            result, interop.optuna_study(path, "a", result.task.space)
        ),
        "a",
    ),
}
NEEDS = {
    "page": "matplotlib", "export": "safetensors", "tensorboard": "tensorboardX",
    "journal": "optuna",
}  # fmt: skip


SLOW = ("mlflow", "page", "wandb")


def log(result, logger):
    interop.log(result, logger, interop.best)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.heavy if n in SLOW else ()) for n in WRITERS],
)
def test_every_writer_expands_the_user_s_folder(home, small_sweep, name):
    pytest.importorskip(NEEDS.get(name, name) if name != "table" else "numpy")
    write, written = WRITERS[name]
    path = "~/a" if name == "export" else f"~/{written}"
    write(small_sweep, path)
    assert (home / written).exists()
    assert list(Path().iterdir()) == []
