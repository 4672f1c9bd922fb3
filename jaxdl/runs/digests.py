"""Digests in the database: of the specification, and of each rung.

Records have digests in their own rows; what is asked for is told from what it became by
these.
"""

import hashlib
import json
import sqlite3
from typing import Any

import numpy as np

from jaxdl.runs.errors import DamagedError


def put(connection: sqlite3.Connection, what: str, number: int, value: Any) -> None:
    """Keeps the digest of a value, in place of any before it."""
    connection.execute(
        "INSERT OR REPLACE INTO digests (what, number, sha256) VALUES (?, ?, ?)",
        (what, number, _sha256(value)),
    )


def check(connection: sqlite3.Connection, what: str, number: int, value: Any) -> None:
    """Checks that a value is the one whose digest was kept.

    Raises:
        DamagedError: it is another one, or there is no digest.
    """
    found = connection.execute(
        "SELECT sha256 FROM digests WHERE what = ? AND number = ?", (what, number)
    ).fetchone()
    if found != (_sha256(value),):
        raise DamagedError("got other rows in the database; expected those written")


def _sha256(value: Any) -> str:
    """Returns the SHA-256 of plain values and arrays, whatever the order of names."""
    text = json.dumps(value, sort_keys=True, default=np.ndarray.tolist)
    return hashlib.sha256(text.encode()).hexdigest()
