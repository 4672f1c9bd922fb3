"""MLflow's database, read back by its own client."""

import os
import sqlite3

import numpy as np
import pytest

from jaxdl import interop
from tests.interop.conftest import HOSTILE, made

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is imported
pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")

METRICS = ("train_loss", "train_error", "dev_loss", "dev_error")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a database is, which takes MLflow seconds to make."""
    folder = tmp_path_factory.mktemp("mlflow") / "a #1" / "b"
    interop.log(made([[0.5]]), interop.mlflow(folder))
    return folder


@pytest.fixture
def client(folder):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def runs_of(client, experiment):
    """Returns the sweep's run and its members' by name."""
    number = client.get_experiment_by_name(experiment).experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([number])}
    sweep = runs.pop("sweep")
    assert all(
        run.data.tags["mlflow.parentRunId"] == sweep.info.run_id
        for run in runs.values()
    )
    assert sweep.info.status == "FINISHED"
    return runs


def curve(client, run, name):
    history = client.get_metric_history(run.info.run_id, name)
    return {metric.step: metric.value for metric in history}


def test_members_are_runs_below_that_of_the_sweep(result, folder, client):
    interop.log(result, interop.mlflow(folder, "members"))
    runs = runs_of(client, "members")
    ended = {name: (r.info.status, r.data.tags["status"]) for name, r in runs.items()}
    assert ended == {
        "member 0": ("FINISHED", "finished"),
        "member 1": ("FAILED", "diverged"),
        "member 2": ("KILLED", "cut short"),
        "member 3": ("FINISHED", "finished"),
    }
    for i in range(4):
        run = runs[f"member {i}"]
        for name in METRICS:
            curves = result.metrics[name]
            alive = np.flatnonzero(np.isfinite(curves[i]))
            assert curve(client, run, name) == {e + 1: curves[i, e] for e in alive}
            last = result.kept_epoch[i]
            kept = {} if i == 1 else {last + 1: curves[i, last]}
            assert curve(client, run, f"kept/{name}") == kept
    rate = str(float(np.float32(0.1)))
    assert runs["member 0"].data.params == {"rate": rate, "act": "relu", "units": "3"}
    assert runs["member 1"].data.params["act"] == "None"
    assert "act" not in runs["member 3"].data.params


def test_bad_names_become_names_that_mlflow_takes(hostile, folder, client):
    interop.log(hostile, interop.mlflow(folder, "hostile"))
    params = runs_of(client, "hostile")["member 0"].data.params
    assert sorted(map(float, params.values())) == list(range(len(HOSTILE)))
    assert {"λ", "a b", "a_b", "a_b_", "_", "_.", "_..", "_wandb"} < set(params)


def test_more_than_mlflow_writes_at_once(folder, client):
    hparams = {f"h{i}": np.ones(1) for i in range(150)}
    interop.log(made(np.ones((1, 300)), hparams=hparams), interop.mlflow(folder, "big"))
    run = runs_of(client, "big")["member 0"]
    assert len(run.data.params) == 150 and len(curve(client, run, "dev_error")) == 300


def test_quantiles_are_runs_without_parameters(result, folder, client):
    interop.log(result, interop.mlflow(folder, "q"), interop.quantiles(0.5))
    run = runs_of(client, "q")["quantile 0.5"]
    assert not run.data.params and run.info.status == "FINISHED"
    assert curve(client, run, "dev_error")[2] == np.float32(0.4)


def test_an_experiment_may_have_several_sweeps(result, folder, client):
    for name in ("one", "two"):
        interop.log(result, interop.mlflow(folder, "both", name), interop.best)
    number = client.get_experiment_by_name("both").experiment_id
    names = [run.info.run_name for run in client.search_runs([number])]
    assert sorted(names) == ["member 0", "member 0", "one", "two"]


def test_all_is_in_the_database_of_the_folder(folder):
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]
    with sqlite3.connect(folder / "mlflow.db") as database:
        (ok,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    assert ok == "ok"


@pytest.mark.parametrize("name", ["a?b", "a%20b"])
def test_a_folder_that_a_url_cannot_say_is_refused(tmp_path, name):
    with pytest.raises(OSError, match="expected one without"):
        interop.log(made([[0.5]]), interop.mlflow(tmp_path / name))
    assert not [*tmp_path.iterdir()]
