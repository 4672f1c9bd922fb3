"""Paths as people write them, in scripts too, where no shell reads them first."""

import os
from pathlib import Path


def as_path(path: str | os.PathLike[str]) -> Path:
    """Returns a path, with the user's folder for a `~` at its start.

    Raises:
        ValueError: the path is empty, which Python takes for the current folder.
    """
    text = os.path.expanduser(os.fspath(path))
    if not text:
        raise ValueError("got an empty path; expected the name of a file or folder")
    return Path(text)
