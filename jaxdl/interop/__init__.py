"""Other programs: each is optional, and imported on use."""

from jaxdl.interop.export import export
from jaxdl.interop.log import Run, best, every, log, quantiles, top
from jaxdl.interop.mlflow import mlflow
from jaxdl.interop.optuna import optuna_search
from jaxdl.interop.study import optuna_study
from jaxdl.interop.tables import table
from jaxdl.interop.tensorboard import tensorboard
from jaxdl.interop.wandb import wandb

__all__ = [
    "Run",
    "best",
    "every",
    "export",
    "log",
    "mlflow",
    "optuna_search",
    "optuna_study",
    "quantiles",
    "table",
    "tensorboard",
    "top",
    "wandb",
]
