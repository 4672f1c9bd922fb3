"""Opening a run's folder: to begin or resume a run, or to read it meanwhile."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from jaxdl.paths import as_path
from jaxdl.runs import database, files, lock, text
from jaxdl.runs.contents import Known
from jaxdl.runs.errors import DamagedError, RunMismatchError, damaged, explained
from jaxdl.runs.groups import CHECKPOINTS
from jaxdl.runs.records import metric_names
from jaxdl.runs.store import Store

Words = Callable[[str, Any, Any], str]

LEAST_FREE = 2**20  # bytes
SHOWN = 80  # characters of a value in a message
OURS = re.compile(r"[0-9]+\.bin(\.part)?")


def claim(path: str | os.PathLike[str]) -> Path:
    """Returns the folder after a check that it can be written; makes it if needed.

    Only its owner can read a folder that this makes. The path that it returns is
    absolute, so that it stays the same wherever the process works later.

    Raises:
        OSError: it cannot be made or written, or less than 1 MiB is free.
        ValueError: the path is empty.
    """
    folder = as_path(path).absolute()
    try:
        files.make_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            raise OSError(f"{free} bytes are free; expected {LEAST_FREE} at least")
    except OSError as error:
        raise OSError(
            f"cannot write the output folder {folder} ({error}); expected a folder you "
            "may write to, on a disk with free space: name another, or free space"
        ) from error
    return folder


def open_run(
    path: str | os.PathLike[str],
    specification: Mapping[str, Any],
    *,
    grows: Collection[str] = (),
    words: Words = lambda part, got, recorded: "",
) -> Store:
    """Returns the store of a new or resumed run, which only this process writes.

    Args:
        path: the folder; it is made if it is not there, for its owner's eyes only.
        specification: what is asked for, JSON values by the name of a part. The run
            keeps it. The part `metrics` lists the names of the run's metrics, plain
            small letters; without it the run has none.
        grows: parts, ints, that may be larger than the recorded ones. They replace
            these when rung 0 is entered, which may have more members and epochs then.
        words: from a part's name, its value and the recorded one, None if there is
            none, to how they differ, for an error; empty: as JSON.

    Raises:
        RunMismatchError: the run in the folder has another specification or format.
        RunOwnedError: another process writes it.
        DamagedError: its database differs from what was written.
        ValueError, TypeError: a value that JSON does not have, such as NaN, or names of
            metrics that cannot be columns.
        OSError: as `claim`; or the database cannot be written.
    """
    asked = {str(part): text.dumps(value) for part, value in specification.items()}
    metrics = metric_names(specification)
    folder = claim(path)
    with explained(folder):
        database.check_format(folder)
        held = lock.acquire(folder)
        try:
            _begin(folder, asked, metrics)
            store = Store(folder, held, {part: asked[part] for part in grows})
        except BaseException:
            lock.release(held)
            raise
    try:
        _check_same(store, asked, grows, words)
        _tidy(store)
    except BaseException:
        store.close()
        raise
    return store


def read_run(path: str | os.PathLike[str], known: Known | None = None) -> Store:
    """Returns the store of a run for reading, also while its owner writes.

    Args:
        path: the folder of the run.
        known: what earlier readings of the run loaded, which is not read again; what
            this one loads replaces it. It begins as an empty dict. None: all is read.

    Raises:
        FileNotFoundError: the folder holds no run.
        DamagedError: its database differs from what was written.
        RunMismatchError: it has another format.
        OSError: it cannot be read.
    """
    folder = as_path(path).absolute()
    if not folder.exists():
        raise FileNotFoundError(
            f"there is no folder {folder}; expected that of a run: name another"
        )
    if not folder.is_dir():
        raise FileNotFoundError(f"got {folder}, a file; expected the folder of a run")
    if not os.path.lexists(folder / database.NAME):
        raise FileNotFoundError(
            f"the folder {folder} has no {database.NAME}; expected the folder of a "
            "run: name another"
        )
    return Store(folder, None, {}, known)


def specification_of(path: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Returns the specification of the run in a folder; empty: there is no run.

    Raises:
        DamagedError, RunMismatchError, OSError: as `read_run`.
    """
    if path is None or not has_run(path):
        return {}
    with read_run(path) as store:
        return dict(store.specification)


def is_finished(path: str | os.PathLike[str]) -> bool:
    """Returns whether the folder holds a run whose search has ended.

    Raises:
        DamagedError, RunMismatchError, OSError: as `read_run`.
    """
    if not has_run(path):
        return False
    with read_run(path) as store:
        return store.finished


def has_run(path: str | os.PathLike[str]) -> bool:
    """Returns whether the folder holds a run."""
    return os.path.lexists(as_path(path) / database.NAME)


def _begin(folder: Path, asked: dict[str, str], metrics: list[str]) -> None:
    """Makes the database if there is none; then the folder holds a run."""
    checkpoints, name = folder / CHECKPOINTS, folder / database.NAME
    if checkpoints.is_symlink():
        raise damaged(folder, f"a link is in the place of {CHECKPOINTS}")
    files.make_folder(checkpoints)
    if os.path.lexists(name):
        return
    if os.path.lexists(f"{name}-wal") or any(checkpoints.iterdir()):
        raise damaged(folder, "it is missing, though there are files of its run")
    database.create(folder, asked, metrics)


def _check_same(
    store: Store, asked: dict[str, str], grows: Collection[str], words: Words
) -> None:
    recorded = {k: text.dumps(value) for k, value in store.specification.items()}
    different = [
        part
        for part in sorted(recorded.keys() | asked.keys())
        if recorded.get(part) != asked.get(part)
        and not (part in grows and _is_more(part, recorded, asked))
    ]
    if not different:
        return
    parts = "; ".join(
        words(part, json.loads(asked.get(part, "null")), store.specification.get(part))
        or _both(part, recorded, asked)
        for part in different
    )
    more = all(_is_more(part, recorded, asked) for part in different)
    grown = set(different) <= set(grows)
    raise RunMismatchError(
        f"the run in {store.folder} has another specification: {parts}. Expected "
        f"{'at least as many' if grown else 'the same'}: name another folder, or ask "
        f"for {'at least what' if grown else 'what'} began this run"
        + (", or extend it (extend=True, --extend)" if more else "")
    )


def _is_more(part: str, recorded: dict[str, str], asked: dict[str, str]) -> bool:
    """Returns whether a part is a count that is larger than the recorded one."""
    old, new = recorded.get(part, ""), asked.get(part, "")
    return old.isdecimal() and new.isdecimal() and int(new) > int(old)


def _both(part: str, recorded: dict[str, str], asked: dict[str, str]) -> str:
    """Returns both values of a part; long ones from shortly before they differ."""
    old, new = recorded.get(part, "nothing"), asked.get(part, "nothing")
    same = len(os.path.commonprefix([old, new]))
    start = max(0, same - SHOWN // 4) if max(len(old), len(new)) > SHOWN else 0
    return f"{part}: got {_short(new, start)}, recorded {_short(old, start)}"


def _short(value: str, start: int) -> str:
    end = start + SHOWN
    before, after = "..." if start else "", "..." if end < len(value) else ""
    return f"{before}{value[start:end]}{after}"


def _tidy(store: Store) -> None:
    """Deletes files that an interrupted owner left without a row."""
    with explained(store.folder):
        rows = store.files()
        for path in (store.folder / CHECKPOINTS).iterdir():
            if not OURS.fullmatch(path.name) or path.name in rows:
                continue
            if path.is_dir() and not path.is_symlink():
                raise DamagedError(
                    f"got a folder at {path}; expected a file, or nothing: move it away"
                )
            path.unlink()
        files.sync_folder(store.folder / CHECKPOINTS)
        for path in store.unnamed_steps():
            if OURS.fullmatch(path.name):
                path.unlink()
