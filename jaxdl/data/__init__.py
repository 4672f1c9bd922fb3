"""What a model learns from: sources, splits, normalization, checks of the data."""

from jaxdl.data.dataset import (
    DataError,
    Dataset,
    Moments,
    Splits,
    check,
    class_weights,
    from_arrays,
)
from jaxdl.data.idx import read_idx
from jaxdl.data.mismatch import Comparison, Difference, Mismatch, mismatch
from jaxdl.data.sources import load
from jaxdl.data.split import normalize, split

__all__ = [
    "Comparison",
    "DataError",
    "Dataset",
    "Difference",
    "Mismatch",
    "Moments",
    "Splits",
    "check",
    "class_weights",
    "from_arrays",
    "load",
    "mismatch",
    "normalize",
    "read_idx",
    "split",
]
