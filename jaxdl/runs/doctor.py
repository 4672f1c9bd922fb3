"""The doctor finds what is wrong with a run's folder, and changes nothing in it."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.paths import as_path
from jaxdl.runs import lock
from jaxdl.runs.errors import DamagedError
from jaxdl.runs.groups import ASIDE, CHECKPOINTS
from jaxdl.runs.opening import has_run, read_run
from jaxdl.runs.records import Record
from jaxdl.runs.rungs import StoredRung
from jaxdl.runs.step_files import STEPS
from jaxdl.runs.store import Store

# Since this version two connections that write cannot damage a write-ahead log
# (sqlite.org/wal.html, "the WAL-reset bug").
SAFE = (3, 51, 3)

# For each member: its epochs, and whether there are arrays of it.
Reached = dict[int, tuple[int, bool]]


class Findings(NamedTuple):
    """What the doctor found, in plain words."""

    problems: list[str]  # if empty, all that was committed is there
    notes: list[str]  # worth knowing, but nothing to repair


def doctor(path: str | os.PathLike[str]) -> Findings:
    """Returns what is wrong with a run's folder, and what else is worth knowing.

    It checks the whole database and reads all arrays. The run may be written meanwhile.
    """
    folder = as_path(path)
    findings = Findings([], [])
    try:
        with read_run(folder) as store:
            findings.problems.extend(store.problems())
            findings.problems.extend(_about_records(store))
            findings.notes.extend(_about_files(folder, store))
            if store.finished:
                findings.notes.append("the search has ended")
    except (OSError, ValueError) as error:
        findings.problems.append(str(error))
    if has_run(folder):
        findings.notes.extend(_about_process(folder))
    damaged = bool(findings.problems) and has_run(folder)
    if damaged and sqlite3.sqlite_version_info < SAFE:
        findings.notes.append(
            f"SQLite is {sqlite3.sqlite_version}; before 3.51.3 several writers may "
            "damage a database, but a run has only one"
        )
    return findings


def _about_records(store: Store) -> Iterator[str]:
    """Yields what is damaged, and from where the members train again."""
    moved, reached = False, Reached()
    values: dict[int, tuple[Any, ...]] = {}  # of the hyperparameters of each member
    for number, rung in enumerate(store.rungs()):
        own = dict(zip(rung.members.tolist(), _values(rung), strict=True))
        moved |= any(values.get(i, x) != x for i, x in own.items())
        values |= own
        if rung.parents is not None:
            moved = True
            taken = zip(rung.members.tolist(), rung.parents.tolist(), strict=True)
            reached |= {i: reached[parent] for i, parent in taken if parent in reached}
        for record_id, members, one in store.scan(number):
            before = [reached.get(i, (0, True)) for i in members]
            if isinstance(one, DamagedError):
                again = _again(members, before, moved=moved)
                yield f"record {record_id} of rung {number}: {one}; {again}"
            elif _follows(one, before):
                reached |= dict.fromkeys(members, (one.until, one.arrays is not None))


def _values(rung: StoredRung) -> list[tuple[Any, ...]]:
    """Returns the hyperparameters of each member of a rung."""
    columns = [rung.hparams[name] for name in sorted(rung.hparams)]
    return [*zip(*columns, strict=True)] or [()] * len(rung.members)


def _follows(record: Record, before: list[tuple[int, bool]]) -> bool:
    """Returns whether members continue from before, or were reset without arrays."""
    return all(
        record.first == epochs or (record.first == 0 and not kept)
        for epochs, kept in before
    )


def _again(members: list[int], before: list[tuple[int, bool]], *, moved: bool) -> str:
    """Says from where members train again: from their last arrays, or the start.

    Weights that were copied between members, or trained with other hyperparameters
    before, cannot be computed from the start again.
    """
    lost = not all(kept for _, kept in before)
    if lost and moved:
        return "the run cannot be resumed"
    epoch = 0 if lost else min((epochs for epochs, _ in before), default=0)
    return f"members {members!r:.200} train again from epoch {epoch}"


def _about_files(folder: Path, store: Store) -> list[str]:
    names = set(os.listdir(folder / CHECKPOINTS))
    unnamed = [f"{CHECKPOINTS}/{name}" for name in sorted(names - store.files())]
    unnamed += [f"{STEPS}/{path.name}" for path in store.unnamed_steps()]
    notes = [
        f"{name} belongs to no record: if an interrupted process left it, the next "
        "process that opens the run to write deletes it"
        for name in unnamed
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
    except OSError as error:  # a link, or a file of another user
        notes = [f"it is unknown whether a process writes the run now ({error})"]
    return notes
