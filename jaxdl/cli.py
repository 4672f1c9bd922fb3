"""The command line: `jaxdl sweep FILE` and `jaxdl fit FILE`.

FILE is a Python file that defines `recipe`, `space` and `data`. It is run, so it is
trusted like any script.
"""

import argparse
import ast
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import DataError, Splits
from jaxdl.search import SpaceError, Static, sweep
from jaxdl.search.space import is_static
from jaxdl.train import Member, RecipeError, RecipeFunction, fit, flatten

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


class ExperimentError(ValueError):
    """An experiment file, or what the command line says of it, cannot be used."""


class Experiment(NamedTuple):
    """What an experiment file defines."""

    recipe: RecipeFunction
    space: Any
    data: Splits


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    0 when a model was trained, 1 when every model diverged, 2 when something was wrong
    with the file, its data, or the arguments.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse takes NAME=VALUE only before the options of a command.
    hparams = [word for word in rest if "=" in word and not word.startswith("-")]
    if len(hparams) < len(rest) or (hparams and options.run is not _fit):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if hparams:
            options.hparams += hparams
        return options.run(options)
    except KeyboardInterrupt:
        print("jaxdl: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (
        DataError,
        ExperimentError,
        ImportError,
        OSError,
        RecipeError,
        SpaceError,
    ) as error:
        print(f"jaxdl: error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jaxdl", description=__doc__)
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("file", type=Path, metavar="FILE", help="the experiment file")
    shared.add_argument(
        "--epochs", type=_count, default=20, metavar="N", help="default: 20"
    )
    shared.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: 0")
    many = commands.add_parser(
        "sweep", parents=[shared], help="train many models with random hyperparameters"
    )
    many.add_argument(
        "--members", type=_count, default=256, metavar="N", help="default: 256"
    )
    many.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder for the results"
    )
    many.set_defaults(run=_sweep)
    one = commands.add_parser("fit", parents=[shared], help="train one model")
    one.add_argument(
        "hparams",
        nargs="*",
        metavar="NAME=VALUE",
        help="a hyperparameter; what the space has as a constant may be left out",
    )
    one.set_defaults(run=_fit)
    return parser


def _sweep(options: argparse.Namespace) -> int:
    if options.out is not None:
        runs.claim(options.out)
    experiment = _load(options.file)
    result = sweep(
        *experiment,
        key=_key(options),
        members=options.members,
        epochs=options.epochs,
        run_dir=options.out,
    )
    print(result.table(10))
    if not (result.status == "finished").any():
        print(f"\nall {options.members} members diverged: lower the learning rates")
        return 1
    winner = int(result.ranking()[0])
    _print_test_error(f"member {winner}", result.best(), experiment.data)
    if options.out is not None and runs.is_finished(options.out):
        print(f"results in {options.out}")
    return 0


def _fit(options: argparse.Namespace) -> int:
    experiment = _load(options.file)
    hp = _hyperparameters(experiment.space, options.hparams)
    member = fit(
        experiment.recipe,
        hp,
        experiment.data,
        key=_key(options),
        epochs=options.epochs,
    )
    if member.status == "diverged":
        print(f"diverged at step {member.stopped_at}: lower the learning rate")
        return 1
    _print_test_error("the model", member, experiment.data)
    return 0


def _print_test_error(name: str, member: Member, data: Splits) -> None:
    dev, test = member.metrics["dev_error"][-1], member.evaluate(data.test)
    print(
        f"\n{name}: dev error {dev:.2%}, test error {test['error']:.2%} on "
        f"{len(data.test.inputs)} examples"
    )


def _load(file: Path) -> Experiment:
    """Returns what the file defines, having run it.

    Raises:
        ExperimentError: there is no such file, or it lacks a definition.
    """
    if not file.is_file():
        raise ExperimentError(f"there is no experiment file {file}")
    sys.path.insert(0, str(file.resolve().parent))  # as `python FILE` would have it
    defined = runpy.run_path(str(file))
    missing = [name for name in Experiment._fields if name not in defined]
    if missing:
        raise ExperimentError(
            f"{file} does not define {', '.join(missing)}; expected a recipe "
            "(hyperparameters -> jaxdl.Recipe), a space and data"
        )
    experiment = Experiment(*(defined[name] for name in Experiment._fields))
    if not callable(experiment.recipe) or not isinstance(experiment.data, Splits):
        raise ExperimentError(
            f"{file} defines recipe={experiment.recipe!r} and data of type "
            f"{type(experiment.data).__name__}; expected a function and "
            "jaxdl.data.Splits"
        )
    return experiment


def _hyperparameters(space: Any, arguments: Sequence[str]) -> Any:
    """Returns the space with its distributions replaced by the values given.

    Raises:
        ExperimentError: an unknown or missing name, or a value of another type.
    """
    given = {name: value for name, _, value in (a.partition("=") for a in arguments)}
    names, leaves, treedef = flatten(space)
    unknown = sorted(set(given) - set(names))
    # What is no constant must be given: distributions, and arrays [members].
    sampled = [
        name
        for name, leaf in zip(names, leaves, strict=True)
        if not (leaf is None or isinstance(leaf, str | int | float))
    ]
    missing = [name for name in sampled if name not in given]
    if unknown or missing:
        raise ExperimentError(
            f"got hyperparameters {sorted(given)}: "
            + (f"unknown {unknown}, " if unknown else "")
            + (f"missing {missing}, " if missing else "")
            + f"expected NAME=VALUE for each of {sampled} and, if wanted, for "
            f"{sorted(set(names) - set(sampled))}"
        )
    values = (
        _value(name, given[name], leaf) if name in given else leaf
        for name, leaf in zip(names, leaves, strict=True)
    )
    return jax.tree.unflatten(treedef, values)


def _value(name: str, text: str, leaf: Any) -> Any:
    """Returns the text as a Python literal, or as it is where a str is expected."""
    if isinstance(leaf, Static):
        chosen = [option for option in leaf.options if str(option) == text]
        if not chosen:
            raise ExperimentError(f"got {name}={text}; expected one of {leaf.options}")
        return chosen[0]
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        value = text
    if is_static(leaf):
        if leaf is not None and type(value) is not type(leaf):
            raise ExperimentError(
                f"got {name}={text}; expected {type(leaf).__name__}, such as {leaf!r}"
            )
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExperimentError(f"got {name}={text}; expected a number")
    return np.asarray(value)  # traced, whether float or int


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected an int from 0 to 2^63-1"
        )
    return int(text)


def _key(options: argparse.Namespace) -> jax.Array:
    return jax.random.key(options.seed, impl="threefry2x32")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}; expected an int of at least 1")
    return int(text)
