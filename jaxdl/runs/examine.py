"""What is wrong with a run's folder, found without changing anything in it."""

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from jaxdl.runs import owner
from jaxdl.runs.opening import read_run
from jaxdl.runs.store import ASIDE, CHECKPOINTS, Store

# From here on two connections that write cannot damage a write-ahead log
# (sqlite.org/wal.html, "the WAL-reset bug").
SAFE = (3, 51, 3)


class Findings(NamedTuple):
    """What `examine` found, in plain words."""

    problems: list[str]  # none: all that was acknowledged is there
    notes: list[str]  # what is worth knowing, and nothing to repair


def examine(path: str | os.PathLike[str]) -> Findings:
    """Returns what is wrong with a run's folder and what else is worth knowing of it.

    The database is checked whole, and all arrays are read. Nothing is changed, and the
    run may go on meanwhile.
    """
    folder = Path(path)
    findings = Findings([], [])
    try:
        with read_run(folder) as store:
            findings.problems.extend(store.problems())
            findings.notes.extend(_about_files(folder, store))
    except (OSError, ValueError) as error:
        findings.problems.append(str(error))
    if folder.is_dir():
        findings.notes.extend(_about_process(folder))
    return findings


def _about_files(folder: Path, store: Store) -> list[str]:
    names = set(os.listdir(folder / CHECKPOINTS))
    notes = [
        f"{CHECKPOINTS}/{name} belongs to no record: the next opening to write removes "
        "it, if it is what an interrupted one left"
        for name in sorted(names - store.files())
    ]
    aside = folder / ASIDE
    if aside.is_dir():
        notes += [f"{ASIDE}/{n} was set aside" for n in sorted(os.listdir(aside))]
    return notes


def _about_process(folder: Path) -> list[str]:
    who = owner.identity(folder)
    try:
        alive = "is written now by" if owner.is_owned(folder) else "was last written by"
        notes = [f"the run {alive} {who}"]
    except OSError as error:  # a link, or a file of somebody else
        notes = [f"whether the run is written now cannot be told ({error})"]
    if sqlite3.sqlite_version_info < SAFE:
        notes.append(
            f"SQLite is {sqlite3.sqlite_version}; before 3.51.3 a database may be "
            "damaged by several writers, of which a run has one"
        )
    return notes
