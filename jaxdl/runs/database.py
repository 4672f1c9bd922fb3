"""The database of a run, `run.sqlite`: tables that any SQLite tool can read meanwhile.

    specification    what was asked for: a row for each part, as JSON
    rungs            the members of a rung, their epochs, and the parents they copy
    hyperparameters  of each member of a rung
    digests          of the specification and of each rung
    finished         one row when the search has ended: after how many rungs
    records          a row for each block of members that was saved
    status           how each member of a record ended
    metrics          of each member after each epoch of a rung; a column for each metric

One process writes, with one connection. Its write-ahead log lets others read meanwhile.
The digests detect changes to the specification and the rungs; a record has its own.
"""

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.runs import files, text
from jaxdl.runs.errors import DamagedError, RunMismatchError, damaged
from jaxdl.runs.records import PLACE, metric_names

NAME = "run.sqlite"
FORMAT = 4
OLDEST = (3, 37)  # the first with STRICT tables
SECONDS = 10  # to wait for a lock that another process holds
MOST_BYTES = 2**26  # a value or row that takes more is not read
MOST_IDS = 2**53  # more than any run makes
LOGS = ("-wal", "-shm", "-journal")
UNTOUCHED = "mode=ro&immutable=1"
# NULL stands for NaN. `hyperparameters.type` says what SQLite has no type for: true,
# false, NaN and None. `records.kept` says which arrays have a file: 'all' or 'none'.
SCHEMA = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE specification (part TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE rungs (
    rung INTEGER, position INTEGER, member INTEGER, until INTEGER NOT NULL,
    parent INTEGER, PRIMARY KEY (rung, member), UNIQUE (rung, position)
) STRICT;
CREATE TABLE hyperparameters (
    rung INTEGER, member INTEGER, name TEXT, type TEXT NOT NULL, value ANY,
    PRIMARY KEY (rung, name, member),
    FOREIGN KEY (rung, member) REFERENCES rungs (rung, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE digests (
    what TEXT, number INTEGER, sha256 TEXT NOT NULL, PRIMARY KEY (what, number)
) STRICT;
CREATE TABLE finished (rungs INTEGER NOT NULL) STRICT;
CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rung INTEGER NOT NULL,
    first INTEGER NOT NULL, until INTEGER NOT NULL, kept TEXT NOT NULL,
    arrays TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX records_of_rung ON records (rung);
CREATE TABLE status (
    record INTEGER REFERENCES records (id) ON DELETE CASCADE, position INTEGER,
    rung INTEGER NOT NULL, member INTEGER NOT NULL, status INTEGER NOT NULL,
    stopped_at INTEGER NOT NULL, steps INTEGER NOT NULL, kept_epoch INTEGER NOT NULL,
    PRIMARY KEY (record, position),
    FOREIGN KEY (rung, member) REFERENCES rungs (rung, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX status_of_member ON status (member);
CREATE TABLE metrics (
    rung INTEGER, member INTEGER, epoch INTEGER, <metrics>
    PRIMARY KEY (rung, member, epoch)
) STRICT, WITHOUT ROWID;
"""
STATEMENTS = SCHEMA.strip().split(";\n")
INDEXES = ", ".join(f"'{s}'" for s in STATEMENTS if s.startswith("CREATE INDEX"))
# Whatever computes, in an order in which the queries are safe: first views, triggers,
# virtual tables and unknown indexes, then generated columns.
FOREIGN = (
    "SELECT name FROM sqlite_schema WHERE sql NOT LIKE 'CREATE TABLE %' "
    f"AND sql NOT IN ({INDEXES})",
    "SELECT c.name FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS c "
    "WHERE c.hidden != 0",
)


def create(folder: Path, specification: Mapping[str, str], metrics: list[str]) -> None:
    """Makes the database, whole or not at all."""
    part = folder / f"{NAME}.part"
    for end in ("", *LOGS):
        Path(f"{part}{end}").unlink(missing_ok=True)
    os.close(os.open(part, files.WRITE, 0o600))
    columns = "".join(f'"{name}" REAL, ' for name in metrics)
    with closing(_connect(part)) as connection:
        with transaction(connection):
            for statement in STATEMENTS:
                connection.execute(statement.replace("<metrics>", columns))
            specify(connection, specification)
        connection.execute("PRAGMA journal_mode = WAL")
    os.replace(part, folder / NAME)
    files.sync_folder(folder)


def check_format(folder: Path) -> None:
    """Checks the format of a run, if there is one, and changes nothing in its folder.

    Only SQLite may open the file: if this process closed it by other means, the system
    would release the locks that SQLite holds on it (sqlite.org/howtocorrupt.html, 2.2).
    As `immutable`, SQLite makes no log and takes no lock.

    Raises:
        DamagedError: a link or pipe is in the place of a file.
        RunMismatchError: the run has another format.
    """
    for name in (NAME, *(f"{NAME}{end}" for end in LOGS)):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise damaged(folder, f"a link or pipe is in the place of {name}")
    # A file that a writer is changing may seem damaged here; `_check` looks properly.
    with suppress(sqlite3.Error):
        with closing(_connect(folder / NAME, mode=UNTOUCHED)) as connection:
            _check_version(folder, connection)


def open_database(folder: Path, *, writes: bool) -> sqlite3.Connection:
    """Returns a connection to the database of a run after all checks.

    Raises:
        DamagedError: the database differs from what was written.
        RunMismatchError: the run has another format.
    """
    check_format(folder)
    log = folder / f"{NAME}-wal"
    # The last connection deletes the log if it may write: a reader then leaves none.
    mode = "mode=rw" if writes or not log.exists() else "mode=ro"
    try:
        return _checked(folder, mode, writes=writes)
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        filled = log.exists() and log.stat().st_size
        if writes or code != sqlite3.SQLITE_CANTOPEN or filled:
            raise
    return _checked(folder, UNTOUCHED)  # the disk is read-only; nothing is in a log


def _connect(path: Path, *, mode: str = "mode=rw") -> sqlite3.Connection:
    """Returns a connection that runs no code from the file and limits what it reads."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise OSError(
            f"Python is linked with SQLite {sqlite3.sqlite_version}; expected 3.37 or "
            "later: use a newer build of Python"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=SECONDS,
        isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    try:
        for pragma in ("trusted_schema = OFF", "ignore_check_constraints = ON",
                       "cell_size_check = ON", "mmap_size = 0", "foreign_keys = ON",
                       "synchronous = FULL", "fullfsync = ON",  # see files.sync
                       "checkpoint_fullfsync = ON"):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(folder: Path, mode: str, *, writes: bool = False) -> sqlite3.Connection:
    connection = _connect(folder / NAME, mode=mode)
    try:
        connection.execute(f"PRAGMA query_only = {not writes}")
        _check(folder, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(folder: Path, connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise RunMismatchError(
            f"the run in {folder} has format {version}; expected format {FORMAT}: use "
            "the version of jaxdl that wrote it, or name another folder"
        )


def _check(folder: Path, connection: sqlite3.Connection) -> None:
    _check_version(folder, connection)
    for query in FOREIGN:
        for (name,) in connection.execute(query):
            raise damaged(folder, f"{name!r:.80} in it is not part of a run")
    found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise damaged(folder, "; ".join(map(str, found)))
    try:
        names = metric_names(specification(folder, connection))
    except ValueError as error:
        raise damaged(folder, f"the specification: {error}") from error
    columns = connection.execute("SELECT name FROM pragma_table_info('metrics')")
    if {name for (name,) in columns} != {*PLACE, *names}:
        raise damaged(folder, "the table of metrics has other columns")
    last_id(folder, connection)


@contextmanager
def transaction(connection: sqlite3.Connection, *, writes: bool = True) -> Iterator:
    """All statements within it take effect, or none."""
    if connection.in_transaction:  # an error before could not be rolled back
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the first error says more
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def specify(connection: sqlite3.Connection, parts: Mapping[str, str]) -> None:
    """Writes parts of the specification, as JSON."""
    connection.executemany(
        "INSERT INTO specification VALUES (?, ?) "
        "ON CONFLICT (part) DO UPDATE SET value = excluded.value",  # keeps its place
        parts.items(),
    )
    put_digest(connection, "specification", 0, _parts(connection))


def specification(folder: Path, connection: sqlite3.Connection) -> dict[str, Any]:
    """Returns the parts of the specification after a check of their digest."""
    parts = _parts(connection)
    try:
        check_digest(connection, "specification", 0, parts)
        return {part: text.loads(value) for part, value in parts.items()}
    except (ValueError, TypeError, DamagedError) as error:
        raise damaged(folder, f"the specification: {error}") from error


def _parts(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT part, value FROM specification"))


def put_digest(
    connection: sqlite3.Connection, what: str, number: int, value: Any
) -> None:
    """Writes the digest of a value, or replaces it."""
    connection.execute(
        "INSERT OR REPLACE INTO digests (what, number, sha256) VALUES (?, ?, ?)",
        (what, number, _sha256(value)),
    )


def check_digest(
    connection: sqlite3.Connection, what: str, number: int, value: Any
) -> None:
    """Checks a value that was read against its digest.

    Raises:
        DamagedError: the value has another digest, or there is no digest.
    """
    found = connection.execute(
        "SELECT sha256 FROM digests WHERE what = ? AND number = ?", (what, number)
    ).fetchone()
    if found != (_sha256(value),):
        raise DamagedError("got other rows in the database; expected those written")


def _sha256(value: Any) -> str:
    """Returns the SHA-256 of plain values and arrays, whatever the order of names."""
    content = json.dumps(value, sort_keys=True, default=np.ndarray.tolist)
    return hashlib.sha256(content.encode()).hexdigest()


def last_id(folder: Path, connection: sqlite3.Connection) -> int:
    """Returns the highest id that a record ever had, or 0.

    Raises:
        DamagedError: the database has an id that no run gives.
    """
    rows = connection.execute(
        "SELECT seq FROM sqlite_sequence UNION SELECT id FROM records"
    )
    found = [number for (number,) in rows]
    strange = [x for x in found if type(x) is not int or not 0 <= x < MOST_IDS]
    if strange:
        raise damaged(folder, f"the last id is {strange[0]!r:.80}")
    return max(found, default=0)
