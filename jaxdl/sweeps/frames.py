"""Members and curves of a sweep as data frames, and the columns of both."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.extras import library
from jaxdl.plain import scalar
from jaxdl.sweeps.columns import PREFIX
from jaxdl.train.epoch_state import Status
from jaxdl.train.structure import by_name

if TYPE_CHECKING:
    from jaxdl.sweeps.result import SweepResult

Columns = dict[str, NDArray[Any]]  # by name, [rows]; of dtype object: None is absent


def to_dataframe(result: "SweepResult", backend: str = "pandas") -> Any:
    """Returns a data frame with a row for each member.

    Its columns are those of `interop.table`: `member`, `configuration`, `repeat` and
    `fold`; `status`, `stopped_at` and `kept_epoch`; the metrics of the kept epoch, such
    as `dev_error`; and the hyperparameters, such as `hparams.learning_rate`. A value is
    missing where the result has NaN.

    Args:
        result: of a sweep.
        backend: the library of the frame: pandas, polars or pyarrow.

    Raises:
        ImportError: narwhals, or the library of the frame, is not installed.
    """
    return _frame(member_columns(result), backend)


def curves(result: "SweepResult", backend: str = "pandas") -> Any:
    """Returns a data frame with a row for each member and epoch that it trained.

    Its columns are `member`, `epoch`, counted from 1, and the metrics, such as
    `dev_error`.

    Args:
        result: of a sweep.
        backend: as for `to_dataframe`.

    Raises:
        ImportError: narwhals, or the library of the frame, is not installed.
    """
    known = [~np.isnan(curve) for curve in result.metrics.values()]
    members, epochs = np.nonzero(np.any(known, axis=0))
    metrics = {name: curve[members, epochs] for name, curve in result.metrics.items()}
    return _frame({"member": members, "epoch": epochs + 1, **metrics}, backend)


def _frame(columns: Columns, backend: str) -> Any:
    narwhals = library("narwhals", "frames", "data frames")
    plain = {name: _with_absent(column) for name, column in columns.items()}
    return narwhals.from_dict(plain, backend=backend).to_native()


def _with_absent(column: NDArray[Any]) -> list[Any]:
    """Returns plain values, None for NaN."""
    return [None if value != value else value for value in column.tolist()]


def member_columns(result: "SweepResult") -> Columns:
    """Returns a row for each member: where it is from, how it ended, and with what."""
    members = np.arange(len(result.status))
    configuration, variant = np.divmod(members, result.num_variants)
    repeat, fold = np.divmod(variant, result.task.num_folds)
    hparams = by_name(result.hparams).items()
    return {
        "member": members,
        "configuration": configuration,
        "repeat": repeat,
        "fold": fold,
        "status": np.array([str(Status(status)) for status in result.status], object),
        "stopped_at": result.stopped_at,
        "kept_epoch": result.kept_epoch,
        **result.final(),
        **{f"{PREFIX}{_text(name)}": _uniform(column) for name, column in hparams},
    }


def _uniform(column: NDArray[Any]) -> NDArray[Any]:
    """Returns a column of one type: of numbers, bools or texts, and None for absent."""
    if column.dtype != object:
        return column
    values = [scalar(value) for value in column]
    absent = [isinstance(value, float) and value != value for value in values]
    kinds = {type(x) for x, no in zip(values, absent, strict=True) if not no}
    plain = kinds <= {int, float} or kinds == {bool}
    uniform = np.full(len(values), None)
    for i in np.flatnonzero(~np.array(absent)):
        uniform[i] = values[i] if plain else _text(values[i])
    return uniform


def _text(value: Any) -> str:
    """Returns the text of a value, with ? for what UTF-8 does not encode."""
    return str(value).encode("utf-8", "replace").decode()
