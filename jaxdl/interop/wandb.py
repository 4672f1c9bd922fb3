"""Weights & Biases: runs on disk, which `wandb sync` can upload."""

import os

from jaxdl.extras import library
from jaxdl.interop.log import Logger, Run
from jaxdl.paths import as_path

# A run describes a member, not this process: no output, packages or CPU load.
NOTHING_ELSE = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


def wandb(
    folder: str | os.PathLike[str], project: str = "jaxdl", group: str = "sweep"
) -> Logger:
    """Returns the logger that writes offline runs of Weights & Biases.

    Nothing is sent. `wandb sync FOLDER/wandb/offline-run-*` sends them. The
    hyperparameters are the configuration, a metric's step is its epoch, from 1, and the
    summary has the status and, as `kept/dev_error`, the metrics of the epoch whose
    weights are kept. A run that diverged is marked as failed. Each call makes new runs.

    Args:
        folder: in which the folder `wandb` is.
        project: that the runs are of.
        group: of these runs, one for each sweep.

    Raises:
        ImportError: wandb is not installed.
        OSError: when it writes, the folder cannot be made.
    """
    # Otherwise wandb asks its makers' server whether to report its use.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    module = library("wandb", "wandb", "runs of Weights & Biases")
    known = module.Settings.model_fields  # those that begin with x come and go
    settings = {name: x for name, x in NOTHING_ELSE.items() if name in known}

    def write(runs: list[Run]) -> None:
        place = as_path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for run in runs:
            written = module.init(
                mode="offline",
                reinit="create_new",
                project=project,
                group=group,
                name=run.name,
                dir=os.fspath(place),
                config=run.hparams,
                settings=module.Settings(**settings),
            )
            for epoch, metrics in run.epochs:
                written.log(metrics, step=epoch)
            written.summary.update({"status": run.status, **run.kept[1]})
            written.finish(exit_code=int(run.status == "diverged"))

    return write
