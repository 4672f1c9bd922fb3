"""Libraries of the extras, each imported on use."""

import importlib
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
