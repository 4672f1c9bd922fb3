"""All members of a sweep as one table, which spreadsheets and data frames read."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.extras import library
from jaxdl.paths import as_path
from jaxdl.plain import scalar
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.frames import Columns, member_columns

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that spreadsheets run


def table(result: SweepResult, path: str | os.PathLike[str]) -> Path:
    """Writes all members as a table and returns its path.

    The ending of the path decides the format: `.csv`, `.parquet` or `.npz`. Row i is
    member i. Its columns are

    - `member`, and where it is from: `configuration`, `repeat` and `fold`;
    - `status`, and as the result has them, -1 included, `stopped_at` and `kept_epoch`;
    - the metrics of the kept epoch, such as `dev_error`, and `parameters` if it is an
      objective;
    - the hyperparameters, such as `hparams.learning_rate`.

    CSV and Parquet leave a cell empty where the result has NaN: a metric of a member
    that diverged, or a hyperparameter that does not apply. Static values of several
    types are texts. In CSV, a text that a spreadsheet would run as a formula begins
    with an apostrophe. NPZ has an array for each column, and the curves `[members,
    epochs]`, such as `curves.dev_error`.

    Args:
        result: of a sweep.
        path: of the file. It replaces a file of that name, and appears whole or not at
            all.

    Raises:
        ImportError: the format is Parquet, and pyarrow is not installed.
        OSError: the file cannot be written.
        ValueError: the path has another ending.
    """
    path = as_table_path(path)
    write = WRITERS[path.suffix.lower()]
    runs.write_file(path, write(member_columns(result), result))
    return path


def as_table_path(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a table.

    Raises:
        ValueError: its ending names no format.
    """
    path = as_path(path)
    if path.suffix.lower() not in WRITERS:
        known = ", ".join(WRITERS)
        raise ValueError(f"got {path}; expected a path that ends in one of {known}")
    return path


def _csv(columns: Columns, _: SweepResult) -> bytes:
    text = io.StringIO()
    cells = (map(_cell, column) for column in columns.values())
    csv.writer(text).writerows([columns, *zip(*cells, strict=True)])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Returns a value for the CSV writer, which writes all digits of a float."""
    value = scalar(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None or value != value else value


def _parquet(columns: Columns, _: SweepResult) -> bytes:
    arrow, parquet = (
        library(module, "parquet", "tables in Parquet")
        for module in ("pyarrow", "pyarrow.parquet")
    )
    nullable = {n: arrow.array(x, from_pandas=True) for n, x in columns.items()}
    content = io.BytesIO()
    parquet.write_table(arrow.table(nullable), content)
    return content.getvalue()


def _npz(columns: Columns, result: SweepResult) -> bytes:
    arrays = {name: _array(column) for name, column in columns.items()}
    curves = {f"curves.{name}": curve for name, curve in result.metrics.items()}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays, **curves)
    return content.getvalue()


def _array(column: NDArray[Any]) -> NDArray[Any]:
    """Returns a column without objects: an absent number is NaN, an absent text ''."""
    if column.dtype != object:
        return column
    values = column.tolist()
    if any(isinstance(value, str) for value in values):
        return np.array([value or "" for value in values])
    if None in values:
        return np.array([np.nan if x is None else x for x in values], float)
    return np.array(values)


WRITERS: dict[str, Callable[[Columns, SweepResult], bytes]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".npz": _npz,
}
