"""What stays of a run: a folder with a database and a file of arrays for each record.

Format 4: `run.sqlite` (see `database`), `checkpoints/<record>.bin` (see `files`),
`steps/<record>.bin` where losses of steps are kept (see `step_files`), and `owner`, the
lock of the process that writes. Damaged files are moved to `damaged/`.
"""

from jaxdl.runs import lock
from jaxdl.runs.contents import Known
from jaxdl.runs.copying import Copied
from jaxdl.runs.doctor import Findings, doctor
from jaxdl.runs.errors import DamagedError, RunMismatchError, RunOwnedError
from jaxdl.runs.files import write_file
from jaxdl.runs.opening import (
    claim,
    has_run,
    is_finished,
    open_run,
    read_run,
    specification_of,
)
from jaxdl.runs.records import Record
from jaxdl.runs.rungs import StoredRung
from jaxdl.runs.store import Store

__all__ = [
    "Copied", "DamagedError", "Findings", "Known", "Record", "RunMismatchError",
    "RunOwnedError", "Store", "StoredRung", "claim", "doctor", "has_run",
    "is_finished", "lock", "open_run", "read_run", "specification_of", "write_file",
]  # fmt: skip
