"""Experiment files: Python files that define `recipe`, `space` and `data`.

It may also define `schedule`, a function from hyperparameters, and facts if it takes
them, to a learning-rate schedule; its learning rates are then drawn. A file is
executed, so trust it as you trust any script.
"""

import ast
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.paths import as_path
from jaxdl.spaces.among import Among
from jaxdl.spaces.distributions import PlainOptions, is_distribution
from jaxdl.spaces.either import applies, choose, needs
from jaxdl.spaces.ranges import LARGEST_INT
from jaxdl.spaces.sample import has_objects, is_static, static_values
from jaxdl.spaces.sizes import AsSize
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.structure import flatten


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


def pinned(space: Any, arguments: Sequence[str]) -> Any:
    """Returns the space with the given values; other leaves stay as they are.

    Args:
        space: as for `sample`.
        arguments: texts `NAME=VALUE`.

    Raises:
        ExperimentError: a name is unknown, or a value has another type.
    """
    hyperparameters(space, arguments, middle=True)  # refuses what is unknown
    given = {name: value for name, _, value in (a.partition("=") for a in arguments)}
    names, leaves, treedef = flatten(space)
    values = [
        _value(name, given[name], leaf) if name in given else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, values)


def hyperparameters(
    space: Any, arguments: Sequence[str], *, middle: bool = False
) -> Any:
    """Returns the space with the given values instead of its distributions.

    Of an `Either`, only the hyperparameters of the chosen option are asked for.

    Args:
        space: as for `sample`.
        arguments: texts `NAME=VALUE`.
        middle: whether a hyperparameter without a value gets the middle of its range.

    Raises:
        ExperimentError: a name is unknown or missing, or a value has another type.
    """
    given = {name: value for name, _, value in (a.partition("=") for a in arguments)}
    names, leaves, treedef = flatten(space)
    values: list[Any] = []
    known, sampled = [], []
    for name, leaf, need in zip(names, leaves, needs(space), strict=True):
        if not applies(need, values):
            values.append(None)
            continue
        known.append(name)
        # Distributions and arrays [members] must be given; constants need not.
        if not (leaf is None or isinstance(leaf, str | int | float)):
            sampled.append(name)
        value = _value(name, given[name], leaf) if name in given else middle_of(leaf)
        values.append(value)
    unknown = sorted(set(given) - set(known))
    missing = [name for name in sampled if name not in given]
    if unknown or (missing and not middle):
        raise ExperimentError(
            f"got hyperparameters {sorted(given)}: "
            + (f"unknown {unknown}, " if unknown else "")
            + (f"missing {missing}, " if missing else "")
            + f"expected NAME=VALUE for each of {sampled} and, if wanted, for "
            f"{sorted(set(known) - set(sampled))}"
        )
    return choose(jax.tree.unflatten(treedef, values))


def middle_of(leaf: Any) -> Any:
    """Returns a distribution's median, an array's first number, a constant itself."""
    if isinstance(leaf, AsSize):
        return int(middle_of(leaf.values))
    if isinstance(leaf, Among):
        middle = leaf.quantile(np.asarray(0.5)) if leaf.drawn else leaf.values[0]
        return leaf.one(middle)
    if is_distribution(leaf):
        value = leaf.quantile(np.asarray(0.5))
        return value if leaf.static else np.asarray(value)
    return leaf if leaf is None or np.ndim(leaf) == 0 else np.asarray(leaf)[0]


def _value(name: str, text: str, leaf: Any) -> Any:
    """Returns the text as a Python literal, or as it is where a str is expected."""
    if has_objects(leaf) and isinstance(leaf, PlainOptions | np.ndarray):
        options = static_values(leaf)
        chosen = [option for option in options if str(option) == text]
        if not chosen:
            raise ExperimentError(f"got {name}={text:.80}; expected one of {options}")
        return chosen[0]
    value = _literal(text)
    if type(value) is int and not -LARGEST_INT <= value <= LARGEST_INT:
        raise ExperimentError(
            f"got {name}={text:.40}; expected an int that int32 can hold, or a float "
            "such as 1e30"
        )
    if is_static(leaf):
        if leaf is not None and type(value) is not type(leaf):
            raise ExperimentError(
                f"got {name}={text:.80}; expected {type(leaf).__name__}, such as "
                f"{leaf!r}"
            )
        return value
    if isinstance(leaf, AsSize) and type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExperimentError(f"got {name}={text:.80}; expected a number")
    return np.asarray(value)  # traced, whether float or int


def _literal(text: str) -> Any:
    """Returns the value of a Python literal, or the text if it is none."""
    try:
        return ast.literal_eval(text)
    # A set or a dict of lists is a TypeError; the last two are of deep nesting.
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return text
