"""The neighbors: each optional, and imported on use."""

from jaxdl.interop.export import export
from jaxdl.interop.optuna import optuna_search

__all__ = ["export", "optuna_search"]
