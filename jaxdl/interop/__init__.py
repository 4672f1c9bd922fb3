"""Other programs: each is optional, and imported on use.

`jaxdl.interop.sklearn` is a module of its own, since its classes need scikit-learn.
"""

import importlib
from typing import Any

from jaxdl.interop.equinox import equinox
from jaxdl.interop.export import export
from jaxdl.interop.flax import linen, nnx
from jaxdl.interop.log import Run, best, every, log, quantiles, top
from jaxdl.interop.mlflow import mlflow
from jaxdl.interop.onnx import onnx
from jaxdl.interop.optuna import optuna_search
from jaxdl.interop.optuna_halving import optuna_halving
from jaxdl.interop.ray import ray
from jaxdl.interop.stablehlo import stablehlo
from jaxdl.interop.study import optuna_study
from jaxdl.interop.tables import table
from jaxdl.interop.tensorboard import tensorboard
from jaxdl.interop.wandb import wandb

__all__ = [
    "Run",
    "best",
    "equinox",
    "every",
    "export",
    "linen",
    "log",
    "mlflow",
    "nnx",
    "onnx",
    "optuna_halving",
    "optuna_search",
    "optuna_study",
    "quantiles",
    "ray",
    "stablehlo",
    "table",
    "tensorboard",
    "top",
    "wandb",
]


def __getattr__(name: str) -> Any:
    """Returns the module of estimators, imported on use."""
    if name == "sklearn":
        return importlib.import_module("jaxdl.interop.sklearn")
    raise AttributeError(f"module {__name__} has no attribute {name}")
