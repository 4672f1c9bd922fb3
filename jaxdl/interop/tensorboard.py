"""TensorBoard: an event file for each run, with its curves and its hyperparameters."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxdl.extras import library
from jaxdl.interop.log import Logger, Run
from jaxdl.paths import as_path

FILE = "events.out.tfevents.0.jaxdl"  # found by the middle of its name


def tensorboard(folder: str | os.PathLike[str]) -> Logger:
    """Returns the logger that `tensorboard --logdir FOLDER` shows.

    Each run is a folder of its name, with one event file, which replaces the file of
    an earlier call. Other runs in the folder stay. A metric's step is its epoch, from
    1. The HPARAMS tab has the hyperparameters against `kept/dev_error` and the other
    metrics of the epoch whose weights are kept.

    Args:
        folder: one for each sweep.

    Raises:
        ImportError: tensorboardX is not installed.
        OSError: when it writes, a file cannot be written.
    """
    library("tensorboardX", "tensorboard", "TensorBoard's files")

    def write(runs: list[Run]) -> None:
        columns = _columns(runs)
        for run in runs:
            path = as_path(folder) / run.name / FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, _events(run, columns))

    return write


def _write(path: Path, events: Iterator[Any]) -> None:
    from tensorboardX.record_writer import RecordWriter

    writer = RecordWriter(os.fspath(path))
    for event in events:
        writer.write(event.SerializeToString())
    writer.close()


def _events(run: Run, columns: Any) -> Iterator[Any]:
    """Yields a run as TensorBoard's events, all of now."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams

    now = time.time()
    yield Event(wall_time=now, file_version="brain.Event:2")
    if run.hparams:
        _, begin, end = hparams(_hparams(run), run.kept[1])
        for summary in (columns, begin, end):
            yield Event(wall_time=now, summary=summary)
    for epoch, metrics in (*run.epochs, run.kept):
        yield Event(wall_time=now, step=epoch, summary=_scalars(metrics))


def _columns(runs: list[Run]) -> Any:
    """Returns the columns of the HPARAMS tab: whatever any of the runs has.

    All runs have the same columns, because the tab reads those of one run.
    """
    from tensorboardX.summary import hparams

    return hparams(
        {name: value for run in runs for name, value in _hparams(run).items()},
        {name: value for run in runs for name, value in run.kept[1].items()},
    )[0]


def _hparams(run: Run) -> dict[str, Any]:
    """Returns the hyperparameters, with a text for None, which the tab drops."""
    return {n: "None" if x is None else x for n, x in run.hparams.items()}


def _scalars(values: dict[str, float]) -> Any:
    from tensorboardX.proto.summary_pb2 import Summary

    return Summary(
        value=[Summary.Value(tag=n, simple_value=x) for n, x in values.items()]
    )
