"""What is wrong with a run's folder, found without changing anything in it."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jaxdl.runs import lock
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.opening import read_run
from jaxdl.runs.record import Record
from jaxdl.runs.store import ASIDE, CHECKPOINTS, Store

# From here on two connections that write cannot damage a write-ahead log
# (sqlite.org/wal.html, "the WAL-reset bug").
SAFE = (3, 51, 3)

# What members have become: epochs, and whether there are arrays.
Reached = dict[int, tuple[int, bool]]


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
            findings.problems.extend(_about_records(store))
            findings.notes.extend(_about_files(folder, store))
    except (OSError, ValueError) as error:
        findings.problems.append(str(error))
    if folder.is_dir():
        findings.notes.extend(_about_process(folder))
    return findings


def _about_records(store: Store) -> Iterator[str]:
    """Says which records are damaged, and what is trained again."""
    rungs = store.rungs()
    moved, reached = False, Reached()
    for number, rung in enumerate(rungs):
        if rung.parents is not None:
            moved = True
            taken = zip(rung.members.tolist(), rung.parents.tolist(), strict=True)
            reached |= {i: reached[parent] for i, parent in taken if parent in reached}
        for head, members, one in store.look(number):
            before = [reached.get(i, (0, True)) for i in members]
            if isinstance(one, DamagedError):
                again = _again(members, before, moved=moved)
                yield f"record {head.id} of rung {number}: {one}; {again}"
            elif _follows(one, before):
                reached |= dict.fromkeys(members, (one.until, one.arrays is not None))


def _follows(record: Record, before: list[tuple[int, bool]]) -> bool:
    """Returns whether members go on from before, or start over as that was lost."""
    return all(
        record.first == epochs or (record.first == 0 and not kept)
        for epochs, kept in before
    )


def _again(members: list[int], before: list[tuple[int, bool]], *, moved: bool) -> str:
    """Says from where members train again: what they have arrays of, or the start.

    Weights that were moved between members cannot be had again from the start.
    """
    lost = not all(kept for _, kept in before)
    if lost and moved:
        return "its run cannot be gone on with"
    epoch = 0 if lost else min((epochs for epochs, _ in before), default=0)
    return f"members {members!r:.200} train again from epoch {epoch}"


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
    who = lock.identity(folder)
    try:
        alive = "is written now by" if lock.is_owned(folder) else "was last written by"
        notes = [f"the run {alive} {who}"]
    except OSError as error:  # a link, or a file of somebody else
        notes = [f"whether the run is written now cannot be told ({error})"]
    if sqlite3.sqlite_version_info < SAFE:
        notes.append(
            f"SQLite is {sqlite3.sqlite_version}; before 3.51.3 a database may be "
            "damaged by several writers, of which a run has one"
        )
    return notes
