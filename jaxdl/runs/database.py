"""The database of a run, `run.sqlite`: tables that any SQLite tool reads meanwhile.

    specification    what was asked for, a part a row, as JSON
    rungs            who trained in a rung, until which epoch, from whose weights
    hyperparameters  of a member in a rung
    digests          of the specification and of each rung, to see that they are whole
    records          what members that trained side by side have become
    status           of a member in a record, a column a number
    metrics          of a member after an epoch of a rung, a column a metric

One process writes, with one connection; its write-ahead log lets others read.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from jaxdl.runs import arrays, digests, text
from jaxdl.runs.errors import DamagedError, RunMismatchError, damaged

NAME = "run.sqlite"
FORMAT = 2
OLDEST = (3, 37)  # the first with STRICT tables
SECONDS = 10  # to wait for a lock that another process holds
MOST_BYTES = 2**26  # of a value or row: what takes more is not read
MOST_IDS = 2**53  # more than any run makes
LOGS = ("-wal", "-shm", "-journal")
# NaN is NULL. `type` tells what SQLite has no type for: true, false, NaN and none.
SCHEMA = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE specification (part TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE rungs (
    rung INTEGER, position INTEGER, member INTEGER, until INTEGER NOT NULL,
    parent INTEGER, PRIMARY KEY (rung, member), UNIQUE (rung, position)
) STRICT;
CREATE TABLE hyperparameters (
    rung INTEGER, member INTEGER, name TEXT, type TEXT NOT NULL, value ANY,
    PRIMARY KEY (rung, member, name),
    FOREIGN KEY (rung, member) REFERENCES rungs (rung, member)
) STRICT;
CREATE TABLE digests (
    what TEXT, number INTEGER, sha256 TEXT NOT NULL, PRIMARY KEY (what, number)
) STRICT;
CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rung INTEGER NOT NULL,
    first INTEGER NOT NULL, until INTEGER NOT NULL, kept INTEGER NOT NULL,
    dtypes TEXT NOT NULL, arrays TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX records_of_rung ON records (rung);
CREATE TABLE status (
    record INTEGER REFERENCES records (id) ON DELETE CASCADE, position INTEGER,
    rung INTEGER NOT NULL, member INTEGER NOT NULL,
    PRIMARY KEY (record, position),
    FOREIGN KEY (rung, member) REFERENCES rungs (rung, member)
) STRICT;
CREATE INDEX status_of_member ON status (member);
CREATE TABLE metrics (
    rung INTEGER, member INTEGER, epoch INTEGER, PRIMARY KEY (rung, member, epoch)
) STRICT, WITHOUT ROWID;
"""
STATEMENTS = SCHEMA.strip().split(";\n")
INDEXES = ", ".join(f"'{s}'" for s in STATEMENTS if s.startswith("CREATE INDEX"))
# What computes, in the order in which it can be asked for: views, triggers, virtual
# tables and indexes that are none of ours; then generated columns.
FOREIGN = (
    "SELECT name FROM sqlite_schema WHERE sql NOT LIKE 'CREATE TABLE %' "
    f"AND sql NOT IN ({INDEXES})",
    "SELECT c.name FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS c "
    "WHERE c.hidden != 0",
)


def create(folder: Path, specification: Mapping[str, str]) -> None:
    """Makes the database, whole or not at all."""
    part = folder / f"{NAME}.part"
    for end in ("", *LOGS):
        Path(f"{part}{end}").unlink(missing_ok=True)
    os.close(os.open(part, arrays.WRITE, 0o600))
    with closing(connect(part)) as connection:
        with transaction(connection):
            for statement in STATEMENTS:
                connection.execute(statement)
            specify(connection, specification)
        connection.execute("PRAGMA journal_mode = WAL")
    os.replace(part, folder / NAME)
    arrays.sync_folder(folder)


def connect(path: Path, *, mode: str = "mode=rw") -> sqlite3.Connection:
    """Returns a connection that trusts nothing the file says but its values."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise OSError(
            f"Python is linked with SQLite {sqlite3.sqlite_version}; expected 3.37 or "
            "later: use a newer build of Python"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=SECONDS,
        isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    try:
        for pragma in ("trusted_schema = OFF", "ignore_check_constraints = ON",
                       "cell_size_check = ON", "mmap_size = 0", "foreign_keys = ON",
                       "synchronous = FULL"):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_database(folder: Path, *, writes: bool) -> sqlite3.Connection:
    """Returns a connection to the database of a run, seen to be whole.

    Raises:
        DamagedError: it is not.
        RunMismatchError: another version of this package wrote it.
    """
    for name in (NAME, *(f"{NAME}{end}" for end in LOGS)):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise damaged(folder, f"a link or pipe is in the place of {name}")
    try:
        return _checked(folder, "mode=rw" if writes else "mode=ro")
    except sqlite3.OperationalError as error:
        code, log = error.sqlite_errorcode & 0xFF, folder / f"{NAME}-wal"
        if writes or code != sqlite3.SQLITE_CANTOPEN or log.exists():
            raise
    # A folder that nobody can write: its log cannot come to be.
    return _checked(folder, "mode=ro&immutable=1")


def _checked(folder: Path, mode: str) -> sqlite3.Connection:
    connection = connect(folder / NAME, mode=mode)
    try:
        _check(folder, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(folder: Path, connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise RunMismatchError(
            f"the run in {folder} has format {version}; expected {FORMAT}: use the "
            "version of jaxdl that wrote it, or name another folder"
        )
    for query in FOREIGN:
        for (name,) in connection.execute(query):
            raise damaged(folder, f"{name!r:.80} in it is none of its own")
    found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise damaged(folder, "; ".join(map(str, found)))
    specification(folder, connection)
    last_id(folder, connection)


@contextmanager
def transaction(connection: sqlite3.Connection, *, writes: bool = True) -> Iterator:
    """All of what is done within it is done, or nothing of it."""
    if connection.in_transaction:  # what an error before could not take back
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the first error says more
        raise


def insert(
    connection: sqlite3.Connection, table: str, names: list[str], rows: list[Any]
) -> None:
    """Inserts rows, or replaces those with the same primary key.

    Names are of columns, checked by the caller; those not there yet come to be, of the
    type of the table's numbers.
    """
    kind = {"metrics": "REAL", "status": "ANY"}[table]
    for name in sorted(set(names) - columns(connection, table)):
        connection.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {kind}')
    fields = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} ({fields}) VALUES ({marks})", rows
    )


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Returns the names of a table's columns."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return {name for (name,) in found}


def specify(connection: sqlite3.Connection, parts: Mapping[str, str]) -> None:
    """Takes over parts of the specification, as JSON."""
    connection.executemany(
        "INSERT INTO specification VALUES (?, ?) "
        "ON CONFLICT (part) DO UPDATE SET value = excluded.value",  # in its place
        parts.items(),
    )
    digests.put(connection, "specification", 0, _parts(connection))


def specification(folder: Path, connection: sqlite3.Connection) -> dict[str, Any]:
    """Returns the parts of the specification, seen to be those written."""
    parts = _parts(connection)
    try:
        digests.check(connection, "specification", 0, parts)
        return {part: text.loads(value) for part, value in parts.items()}
    except (ValueError, TypeError, DamagedError) as error:
        raise damaged(folder, f"the specification: {error}") from error


def _parts(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT part, value FROM specification"))


def last_id(folder: Path, connection: sqlite3.Connection) -> int:
    """Returns the highest id that a record ever had, or 0.

    Raises:
        DamagedError: it is none.
    """
    rows = connection.execute(
        "SELECT seq FROM sqlite_sequence UNION SELECT id FROM records"
    )
    found = [number for (number,) in rows]
    strange = [x for x in found if type(x) is not int or not 0 <= x < MOST_IDS]
    if strange:
        raise damaged(folder, f"the last id is {strange[0]!r:.80}")
    return max(found, default=0)


def problems(connection: sqlite3.Connection) -> list[str]:
    """Returns what SQLite's own checks find, indexes and references included."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    found = [] if found == ["ok"] else found
    lost = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
    return found + [f"a row of {row[0]} belongs to nothing" for row in lost]
