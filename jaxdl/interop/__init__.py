"""The neighbors: each optional, and imported on use."""

from jaxdl.interop.optuna import optuna_search

__all__ = ["optuna_search"]
