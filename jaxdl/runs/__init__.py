"""What is kept of a run: its folder of plain files, and its durable store."""

from jaxdl.runs.directory import claim, is_finished, write, write_file
from jaxdl.runs.doctor import Findings, examine
from jaxdl.runs.errors import DamagedError, RunMismatchError, RunOwnedError
from jaxdl.runs.opening import open_run, read_run
from jaxdl.runs.record import Record
from jaxdl.runs.rungs import Rung
from jaxdl.runs.store import Store

__all__ = [
    "DamagedError", "Findings", "Record", "RunMismatchError", "RunOwnedError", "Rung",
    "Store", "claim", "examine", "is_finished", "open_run", "read_run", "write",
    "write_file",
]  # fmt: skip
