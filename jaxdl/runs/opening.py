"""How a run's folder is begun, gone on with, and read while another process writes."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jaxdl.runs import arrays, database, lock, text
from jaxdl.runs.directory import claim
from jaxdl.runs.errors import DamagedError, RunMismatchError, damaged, plain
from jaxdl.runs.store import CHECKPOINTS, Store

SHOWN = 80  # characters of a value in a message
OURS = re.compile(r"[0-9]+\.bin(\.part)?")


def open_run(
    path: str | os.PathLike[str],
    specification: Mapping[str, Any],
    *,
    grows: Collection[str] = (),
) -> Store:
    """Returns the store of a run that begins or goes on, for this process alone.

    Args:
        path: the folder; it is made if it is not there, for its owner's eyes only.
        specification: what was asked for, JSON values by the name of a part. The run
            remembers it.
        grows: parts, ints, that may be above what they were. When the first rung is
            entered it may have more members and epochs, and the run remembers these.

    Raises:
        RunMismatchError: the folder holds a run of another specification.
        RunOwnedError: a living process writes it.
        DamagedError: its database is not what was written.
        ValueError, TypeError: a value that JSON does not have, such as NaN.
        OSError: as `claim`; or the database cannot be written.
    """
    asked = {str(part): text.dumps(value) for part, value in specification.items()}
    folder = claim(path)
    with plain(folder):
        held = lock.acquire(folder)
        try:
            _begin(folder, asked)
            store = Store(folder, held, {part: asked[part] for part in grows})
        except BaseException:
            lock.release(held)
            raise
    try:
        _check_same(store, asked, grows)
        _tidy(store)
    except BaseException:
        store.close()
        raise
    return store


def read_run(path: str | os.PathLike[str]) -> Store:
    """Returns the store of a run for reading, safe while its owner writes.

    Raises:
        FileNotFoundError: the folder holds no run.
        DamagedError: its database is not what was written.
        RunMismatchError: another version of this package wrote it.
        OSError: it cannot be read.
    """
    folder = Path(path)
    if not os.path.lexists(folder / database.NAME):
        raise FileNotFoundError(
            f"the folder {folder} has no {database.NAME}; expected one that a run was "
            "written to: name another"
        )
    return Store(folder, None)


def _begin(folder: Path, asked: dict[str, str]) -> None:
    """Makes the database where there is none, after which the folder holds a run."""
    checkpoints, name = folder / CHECKPOINTS, folder / database.NAME
    if checkpoints.is_symlink():
        raise damaged(folder, f"a link is in the place of {CHECKPOINTS}")
    checkpoints.mkdir(mode=0o700, exist_ok=True)
    if os.path.lexists(name):
        return
    if os.path.lexists(f"{name}-wal") or any(checkpoints.iterdir()):
        raise damaged(folder, "it is missing, though there are files of its run")
    database.create(folder, asked)


def _check_same(store: Store, asked: dict[str, str], grows: Collection[str]) -> None:
    recorded = {k: text.dumps(value) for k, value in store.specification.items()}
    parts = sorted(recorded.keys() | asked.keys())
    different = [
        part
        for part in parts
        if recorded.get(part) != asked.get(part)
        and not (part in grows and _is_more(part, recorded, asked))
    ]
    if different:
        said = "; ".join(_said(part, recorded, asked) for part in different)
        more = all(_is_more(part, recorded, asked) for part in different)
        raise RunMismatchError(
            f"the run in {store.folder} has another specification: {said}. Expected "
            "the same: name another folder, or ask for what it was begun with"
            + (", or extend it (extend=True, --extend)" if more else "")
        )


def _is_more(part: str, recorded: dict[str, str], asked: dict[str, str]) -> bool:
    """Returns whether a part is a count that is above what it was."""
    old, new = recorded.get(part, ""), asked.get(part, "")
    return old.isdecimal() and new.isdecimal() and int(new) > int(old)


def _said(part: str, recorded: dict[str, str], asked: dict[str, str]) -> str:
    """Returns both values of a part, from shortly before they part."""
    old, new = recorded.get(part, "nothing"), asked.get(part, "nothing")
    same = len(os.path.commonprefix([old, new]))
    start = max(0, same - SHOWN // 4) if max(len(old), len(new)) > SHOWN else 0
    return f"{part}: got {_short(new, start)}, recorded {_short(old, start)}"


def _short(value: str, start: int) -> str:
    end = start + SHOWN
    before, after = "..." if start else "", "..." if end < len(value) else ""
    return f"{before}{value[start:end]}{after}"


def _tidy(store: Store) -> None:
    """Removes what an owner that was stopped had not made true."""
    with plain(store.folder):
        rows = store.files()
        for path in (store.folder / CHECKPOINTS).iterdir():
            if not OURS.fullmatch(path.name) or path.name in rows:
                continue
            if path.is_dir() and not path.is_symlink():
                raise DamagedError(
                    f"got a folder at {path}; expected a file, or nothing: move it away"
                )
            path.unlink()
        arrays.sync_folder(store.folder / CHECKPOINTS)
