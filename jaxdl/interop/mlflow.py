"""MLflow: a run for the sweep with the members' runs below it, in a local database."""

import logging
import os
import re
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from jaxdl.extras import library, quiet
from jaxdl.interop.log import Logger, Run
from jaxdl.paths import as_path

STATUS = {"diverged": "FAILED", "cut short": "KILLED"}
LONGEST = 200  # letters of a parameter's name; MLflow takes 250


def mlflow(
    folder: str | os.PathLike[str], experiment: str = "jaxdl", name: str = "sweep"
) -> Logger:
    """Returns the logger that `mlflow ui` shows, started in the folder.

    It writes `mlflow.db`, an SQLite database, which is where MLflow looks by default.
    Each call makes a run for the sweep and, below it, a run for each that is given. A
    metric's step is its epoch, from 1; `kept/dev_error` and the like are those of the
    epoch whose weights are kept. A run that diverged is marked as failed, one that the
    search cut short as killed. The tag `status` has its status.

    Parameters have the names of the hyperparameters, with `_` for letters that MLflow
    refuses.

    Args:
        folder: of the database, which may hold other experiments.
        experiment: that the runs are of.
        name: of the sweep's own run.

    Raises:
        ImportError: MLflow is not installed, or what it writes databases with.
        OSError: when it writes, the folder cannot be made, or its path has a ? or %.
    """
    with _quiet():
        # Otherwise MLflow reports its use to its makers, from the import on.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        purpose = "runs of MLflow"
        module = library("mlflow", "mlflow", purpose)
        library("mlflow.store.tracking.sqlalchemy_store", "mlflow", purpose)

    def write(runs: list[Run]) -> None:
        place = as_path(folder).resolve()
        if {"?", "%"} & {*str(place)}:
            raise OSError(
                f"got the folder {place}; expected one without ? and %, which mean "
                "something else in a database's URL"
            )
        place.mkdir(parents=True, exist_ok=True)
        with _quiet():
            client = module.MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
            found = client.get_experiment_by_name(experiment)
            artifacts = (place / "mlartifacts").as_uri()
            number = (
                found.experiment_id
                if found
                else client.create_experiment(experiment, artifacts)
            )
            parent = client.create_run(number, run_name=name).info.run_id
            for run in runs:
                _write(client, number, parent, run)
            client.set_terminated(parent)

    return write


def _write(client: Any, experiment: str, parent: str, run: Run) -> None:
    from mlflow.entities import Metric, Param

    tags = {"mlflow.parentRunId": parent, "status": run.status}
    made = client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
    now = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now, epoch)
        for epoch, values in (*run.epochs, run.kept)
        for name, value in values.items()
    ]
    keys = zip(_keys(run.hparams), run.hparams.values(), strict=True)
    params = [Param(key, str(value)) for key, value in keys]
    client.log_batch(made, metrics=metrics, params=params)
    if run.status != "running":
        client.set_terminated(made, STATUS.get(run.status, "FINISHED"))


def _keys(names: Iterable[str]) -> list[str]:
    """Returns names that MLflow accepts, all different."""
    keys: list[str] = []
    for name in names:
        key = re.sub(r"[^\w\-. ]", "_", name)[:LONGEST]
        if not key or key.startswith("."):  # of which some are folders
            key = f"_{key}"
        while key in keys:
            key += "_"
        keys.append(key)
    return keys


def _quiet() -> AbstractContextManager[None]:
    """Silences the reports of MLflow and its libraries on their own work."""
    logger = logging.getLogger("mlflow.store.db.utils")
    return quiet(logger.level, logger.setLevel)
