"""What the command line takes, and which command it runs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxdl.cli import figures, loggers
from jaxdl.cli.commands import run_check, run_fit, run_sweep
from jaxdl.cli.run_commands import run_doctor, run_export, run_replay
from jaxdl.interop import optuna_search
from jaxdl.searches import (
    Search,
    grid_search,
    halving,
    hyperband,
    pbt,
    random,
    refinement,
    sobol,
)

SEARCHES: dict[str, Callable[..., Search]] = {  # of the number behind the colon
    "random": random,
    "sobol": sobol,
    "grid": grid_search,
    "refine": refinement,
    "halving": halving,
    "hyperband": hyperband,
    "pbt": pbt,
}


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser; what it returns has the command as `run(options)`."""
    parser = argparse.ArgumentParser(
        prog="jaxdl",
        description="trains models from a file that defines recipe, space and data",
    )
    commands = parser.add_subparsers(required=True)
    given = argparse.ArgumentParser(add_help=False)
    given.add_argument("file", type=Path, metavar="FILE", help="the experiment file")
    given.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: 0")
    trained = argparse.ArgumentParser(add_help=False)
    trained.add_argument(
        "--epochs", type=_count, default=20, metavar="N", help="default: 20"
    )
    trained.add_argument(
        "--patience",
        type=_count,
        metavar="N",
        help="stop after N epochs without a lower dev error and keep the best weights",
    )
    _add_sweep(commands, [given, trained])
    one = commands.add_parser("fit", parents=[given, trained], help="train one model")
    one.set_defaults(run=run_fit)
    look = commands.add_parser(
        "check",
        parents=[given],
        help="look at the data, the signal and the gradient before training",
    )
    look.set_defaults(run=run_check)
    for command, left_out in (
        (one, "what the space has as a constant may be left out"),
        (look, "what is left out has the middle of its range"),
    ):
        command.add_argument(
            "hparams",
            nargs="*",
            metavar="NAME=VALUE",
            help=f"a hyperparameter; {left_out}",
        )
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument(
        "run_dir", type=_folder, metavar="RUN", help="the folder of a sweep, its --out"
    )
    kept = argparse.ArgumentParser(add_help=False, parents=[run])
    kept.add_argument("file", type=Path, metavar="FILE", help="the experiment file")
    _add_runs(commands, run, kept)
    figures.add_commands(commands, kept)
    loggers.add_command(commands, kept)
    return parser


def _add_runs(
    commands: Any, run: argparse.ArgumentParser, kept: argparse.ArgumentParser
) -> None:
    one = argparse.ArgumentParser(add_help=False, parents=[kept])
    one.add_argument(
        "--member", type=_member, default="best", metavar="N", help="default: best"
    )
    again = commands.add_parser(
        "replay", parents=[one], help="train one model of a run again, to the bit"
    )
    again.set_defaults(run=run_replay)
    out = commands.add_parser(
        "export", parents=[one], help="write one as safetensors and JSON"
    )
    out.add_argument(
        "--out", type=Path, metavar="PATH", help="without ending; default: in RUN"
    )
    out.set_defaults(run=run_export)
    look = commands.add_parser(
        "doctor", parents=[run], help="say what is wrong with a run's folder"
    )
    look.set_defaults(run=run_doctor)


def _add_sweep(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    many = commands.add_parser(
        "sweep",
        parents=parents,
        help="train many models with random hyperparameters",
    )
    many.add_argument(
        "--members", type=_count, default=256, metavar="N", help="default: 256"
    )
    many.add_argument(
        "--search",
        type=_search,
        metavar="NAME[:N]",
        help="random, sobol, grid:POINTS, refine[:ROUNDS], halving[:ETA], "
        "hyperband[:ETA], pbt:EPOCHS, optuna[:SAMPLER]; default: random",
    )
    many.add_argument(
        "--repeats",
        type=_count,
        default=1,
        metavar="N",
        help="train each N times, each time with other random numbers; default: 1",
    )
    many.add_argument(
        "--folds",
        type=_count,
        metavar="K",
        help="train each K times, each time with another part as the dev set",
    )
    many.add_argument(
        "--out",
        type=_folder,
        metavar="DIR",
        help="a folder that keeps the run; the same command goes on with it",
    )
    many.add_argument(
        "--extend",
        action="store_true",
        help="add members or epochs to the run in --out",
    )
    many.add_argument(
        "--block-width",
        type=_count,
        metavar="K",
        help="models in one program; by default as many as suit the device",
    )
    many.add_argument(
        "--json",
        action="store_true",
        help="print lines of JSON: how it goes, about every second, and the results",
    )
    many.set_defaults(run=run_sweep)


def _search(text: str) -> Search:
    name, _, setting = text.partition(":")
    try:
        if name == "optuna":
            return optuna_search(setting or None)
        return SEARCHES[name](*([int(setting)] if setting else []))
    except (ImportError, KeyError, TypeError, ValueError) as error:
        known = ", ".join([*SEARCHES, "optuna"])
        reason = "" if isinstance(error, KeyError | TypeError) else f" ({error})"
        raise argparse.ArgumentTypeError(
            f"got {text}{reason}; expected one of {known}, some with a number, such as "
            "halving:3"
        ) from error


def _folder(text: str) -> Path:
    """Returns a path that stays what it is when an experiment file changes folder."""
    return Path(text).absolute()


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected an int from 0 to 2^63-1"
        )
    return int(text)


def _member(text: str) -> str:
    if text != "best" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text}; expected best or a number")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}; expected an int of at least 1")
    return int(text)
