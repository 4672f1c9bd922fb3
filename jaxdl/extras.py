"""Libraries of the extras, each imported on use."""

import contextlib
import importlib
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any


def library(module: str, extra: str, purpose: str) -> Any:
    """Returns a module of a library that need not be installed.

    Args:
        module: its name.
        extra: of jaxdl, which installs it.
        purpose: what it is needed for.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"got no {module}; expected it for {purpose}: pip install "
            f"'jaxdl-sweep[{extra}]'"
        ) from error


@contextlib.contextmanager
def quiet(level: int, set_level: Callable[[int], Any]) -> Iterator[None]:
    """Silences the warnings of a library and its log, except for errors.

    Args:
        level: of its log, which comes back at the end.
        set_level: sets the level.
    """
    set_level(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        set_level(level)
