"""Experiment files: Python files that define `recipe`, `space` and `data`.

It may also define `schedule`, a function from hyperparameters, and facts if it takes
them, to a learning-rate schedule; its learning rates are then drawn. A file is
executed, so trust it as you trust any script.
"""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.paths import as_path
from jaxdl.train.recipe import RecipeFunction


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
        ExperimentError: there is no such file, it ends the program, or it lacks a
            definition.
    """
    file = as_path(file)
    if not file.is_file():
        raise ExperimentError(f"there is no experiment file {file}")
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
    if not callable(experiment.recipe) or not isinstance(experiment.data, Splits):
        raise ExperimentError(
            f"{file} defines recipe={experiment.recipe!r} and data of type "
            f"{type(experiment.data).__name__}; expected a function and "
            "jaxdl.data.Splits"
        )
    return experiment


def _run(file: Path) -> dict[str, Any]:
    """Executes a file as `python FILE` does, and returns what it defines."""
    sys.path.insert(0, str(file.resolve().parent))
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        return runpy.run_path(str(file))
    except SystemExit as error:
        raise ExperimentError(
            f"got {file}, which ends the program (SystemExit: {error}); expected a "
            "file that defines recipe, space and data: put the rest below `if __name__ "
            '== "__main__":`'
        ) from error
    finally:
        sys.argv = arguments
