"""Experiment files: Python files that define `recipe`, `space` and `data`.

It may also define `schedule`, a function from hyperparameters, and facts if it takes
them, to a learning-rate schedule; its learning rates are then drawn. A file is
executed, so trust it as you trust any script.
"""

import os
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.paths import as_path
from jaxdl.train.recipe import RecipeFunction

PACKAGE = Path(__file__).resolve().parents[1]


class ExperimentError(ValueError):
    """An experiment file, or a hyperparameter given for it, cannot be used."""


class Experiment(NamedTuple):
    """The definitions of an experiment file."""

    recipe: RecipeFunction
    space: Any
    data: Splits
    schedule: Callable[..., Schedule] | None = None


def load(file: str | os.PathLike[str]) -> Experiment:
    """Executes an experiment file and returns its definitions.

    The file sees itself as the script that runs, without arguments.

    Raises:
        ExperimentError: there is no such file, it is no Python, an import or a value in
            it fails, it ends the program, or it lacks a definition.
    """
    file = as_path(file)
    if not file.is_file():
        raise ExperimentError(_instead(file))
    defined = _run(file)
    optional = Experiment._field_defaults
    missing = [n for n in Experiment._fields if n not in defined | optional]
    if missing:
        raise ExperimentError(
            f"{file} does not define {', '.join(missing)}; expected a recipe "
            "(hyperparameters -> jaxdl.Recipe), a space and data"
        )
    both = optional | defined
    experiment = Experiment(*(both[name] for name in Experiment._fields))
    _check_kinds(file, experiment)
    return experiment


def _instead(file: Path) -> str:
    """Returns what is wrong with a path that is no file."""
    if runs.has_run(file):
        return (
            f"got {file}, which is the folder of a run, as the experiment file; "
            "expected a Python file: a run comes first, RUN FILE"
        )
    if file.is_dir():
        return f"got {file}, which is a folder; expected an experiment file"
    return f"there is no experiment file {file}"


def _check_kinds(file: Path, experiment: Experiment) -> None:
    recipe, space, data, _ = experiment
    wrong = []
    if not callable(recipe):
        wrong.append(
            f"got recipe = {recipe!r:.40}; expected a function from hyperparameters to "
            "a jaxdl.Recipe"
        )
    if isinstance(space, str | int | float):
        wrong.append(
            f"got space = {space!r:.40}; expected hyperparameters by name: a "
            "NamedTuple, a dataclass or a dict"
        )
    if not isinstance(data, Splits):
        wrong.append(
            f"got data of type {type(data).__name__}; expected jaxdl.data.Splits, such "
            "as jaxdl.data.load returns"
        )
    if wrong:
        raise ExperimentError(f"{file}: {'; '.join(wrong)}")


def _run(file: Path) -> dict[str, Any]:
    """Executes a file as `python FILE` does, and returns what it defines."""
    folder = file.resolve().parent
    sys.path.insert(0, str(folder))
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        return runpy.run_path(str(file))
    except SystemExit as error:
        raise ExperimentError(
            f"got {file}, which ends the program (SystemExit: {error}); expected a "
            "file that defines recipe, space and data: put the rest below `if __name__ "
            '== "__main__":`'
        ) from error
    except (ImportError, OSError, SyntaxError, ValueError) as error:
        raise ExperimentError(_explained(error, file, folder)) from error
    finally:
        sys.argv = arguments


def _explained(error: Exception, file: Path, folder: Path) -> str:
    """Returns where a file of a user's fails, the line and what is wrong with it."""
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        return f"{error.filename or file}, line {error.lineno}: `{line}`: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if _is_theirs(one.filename, file, folder)]
    place = (
        f"{own[-1].filename}, line {own[-1].lineno}: `{own[-1].line}`" if own else file
    )
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    advice = ""
    if name and "." not in name:
        advice = f"; expected the module {name} beside the file, or installed"
    return f"{place}: {error}{advice}"


def _is_theirs(name: str, file: Path, folder: Path) -> bool:
    """Returns whether a file of a traceback is the experiment or its neighbor."""
    if name == str(file):
        return True
    path = Path(name).resolve()  # is no file for a name such as <frozen runpy>
    near = path.is_file() and path.is_relative_to(folder)
    return near and "site-packages" not in path.parts and PACKAGE not in path.parents
