"""What a model learns from: sources, files, splits, normalization, checks."""

from jaxdl.data.about import About, DataError, DataWarning, Moments, Scaling
from jaxdl.data.arrays import class_weights, from_arrays
from jaxdl.data.checks import check
from jaxdl.data.dataset import Dataset, Splits
from jaxdl.data.folds import fold_rows, pool
from jaxdl.data.frames import from_frame
from jaxdl.data.idx import read_idx
from jaxdl.data.mismatch import Comparison, Difference, Mismatch, mismatch
from jaxdl.data.normalize import normalize
from jaxdl.data.npz import read_npz
from jaxdl.data.rows import Source
from jaxdl.data.sources import load
from jaxdl.data.split import split
from jaxdl.data.tables import read_csv

__all__ = [
    "About",
    "Comparison",
    "DataError",
    "DataWarning",
    "Dataset",
    "Difference",
    "Mismatch",
    "Moments",
    "Source",
    "Scaling",
    "Splits",
    "check",
    "class_weights",
    "fold_rows",
    "from_arrays",
    "from_frame",
    "load",
    "mismatch",
    "normalize",
    "pool",
    "read_csv",
    "read_idx",
    "read_npz",
    "split",
]
