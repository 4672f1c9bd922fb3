"""Errors of a command in a sentence each; errors of ours keep their traceback."""

import traceback
from pathlib import Path

import jax

from jaxdl.cli import output
from jaxdl.data import DataError
from jaxdl.experiment import ExperimentError
from jaxdl.runs import RunMismatchError
from jaxdl.spaces import SpaceError
from jaxdl.sweeps.members import NotKeptError
from jaxdl.train import RecipeError
from jaxdl.train.settings import SettingsError

EXPLAINED = (
    DataError, ExperimentError, ImportError, MemoryError, NotKeptError, OSError,
    RecipeError, RunMismatchError, SettingsError, SpaceError,
)  # fmt: skip
FULL = "RESOURCE_EXHAUSTED"  # how XLA's text begins if memory is short


def sentence(error: Exception, file: Path | None) -> str:
    """Returns what to print of an error; empty if its traceback is needed.

    Args:
        error: that a command raised.
        file: the experiment file of the command, if it has one.
    """
    if isinstance(error, RunMismatchError) and file is not None:
        return f"{file}: {error}"
    if isinstance(error, EXPLAINED):
        return str(error) or type(error).__name__
    if isinstance(error, jax.errors.JaxRuntimeError) and FULL in str(error):
        return f"memory is short: {str(error).splitlines()[0]}"
    line = "" if file is None else _line(error, file.resolve().parent)
    return line and f"{line}: {type(error).__name__}: {error}"


def tell(error: Exception, file: Path | None) -> bool:
    """Prints an error in a sentence, and returns whether there is one."""
    text = sentence(error, file)
    if text:
        output.tell(f"jaxdl: error: {text}")
    return bool(text)


def _line(error: Exception, folder: Path) -> str:
    """Returns the line that raised an error, if it is below a folder of the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or "site-packages" in frames[-1].filename:
        return ""
    if not Path(frames[-1].filename).resolve().is_relative_to(folder):
        return ""
    return f"{frames[-1].filename}, line {frames[-1].lineno}: `{frames[-1].line}`"
