"""The arguments of the command line, and the command that each name runs."""

import argparse
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from jaxdl.cli import ensembles, exports, figures, files, loggers
from jaxdl.cli.more_data import run_more_data
from jaxdl.cli.runs import run_doctor, run_replay
from jaxdl.cli.training import run_check, run_fit, run_sweep
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
from jaxdl.spaces.ranges import LARGEST_INT
from jaxdl.train.state import MOST_SEEDS

SEARCHES: dict[str, Callable[..., Search]] = {  # given the number behind the colon
    "random": random,
    "sobol": sobol,
    "grid": grid_search,
    "refine": refinement,
    "halving": halving,
    "hyperband": hyperband,
    "pbt": pbt,
}


LONG = 100  # digits of a number, at most: Python refuses to read over 4,300


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser. The options that it returns have the command as `run`."""
    parser = argparse.ArgumentParser(
        prog="jaxdl",
        description="trains models from a file that defines recipe, space and data",
    )
    unabbreviated: Any = partial(argparse.ArgumentParser, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, parser_class=unabbreviated)
    file = argparse.ArgumentParser(add_help=False)
    file.add_argument(
        "file", type=files.path, metavar="FILE", help="the experiment file"
    )
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument(
        "run_dir",
        type=files.folder,
        metavar="RUN",
        help="the folder of a sweep, its --out",
    )
    both = argparse.ArgumentParser(add_help=False, parents=[run, file])
    _add_training(commands, file)
    _add_runs(commands, run, both)
    figures.add_commands(commands, both)
    loggers.add_command(commands, both)
    ensembles.add_command(commands, both, _count)
    return parser


def _add_training(commands: Any, file: argparse.ArgumentParser) -> None:
    seeded = argparse.ArgumentParser(add_help=False, parents=[file])
    seeded.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: 0")
    training = argparse.ArgumentParser(add_help=False, parents=[seeded])
    training.add_argument(
        "--epochs", type=_count, default=20, metavar="N", help="default: 20"
    )
    training.add_argument(
        "--patience",
        type=_count,
        metavar="N",
        help="stop after N epochs without a better score on the dev set, and keep the "
        "best weights",
    )
    _add_sweep(commands, training)
    fit = commands.add_parser("fit", parents=[training], help="train one model")
    figures.add_human_error(fit)
    fit.set_defaults(run=run_fit)
    more = _add_more_data(commands, training)
    check = commands.add_parser(
        "check",
        parents=[seeded],
        help="check the data, the signal and the gradient before training",
    )
    check.set_defaults(run=run_check)
    for command, default in (
        (fit, "a constant of the space may be left out"),
        (more, "a constant of the space may be left out"),
        (check, "default: the middle of its range"),
    ):
        command.add_argument(
            "hparams",
            nargs="*",
            metavar="NAME=VALUE",
            help=f"a hyperparameter; {default}",
        )


def _add_more_data(commands: Any, training: argparse.ArgumentParser) -> Any:
    more = commands.add_parser(
        "more-data",
        parents=[training],
        help="train one model on parts of the train set, and say whether more data "
        "would help",
    )
    more.add_argument(
        "--fractions",
        type=_fractions,
        default=(0.125, 0.25, 0.5, 1.0),
        metavar="A:B:...",
        help="of the train set; default: 0.125:0.25:0.5:1",
    )
    more.add_argument(
        "--repeats",
        type=_several,
        default=3,
        metavar="N",
        help="trainings of each size, at least 2; default: 3",
    )
    more.add_argument(
        "--out", type=figures.picture, metavar="FILE", help="a .png or .svg to draw"
    )
    more.set_defaults(run=run_more_data)
    return more


def _add_runs(
    commands: Any, run: argparse.ArgumentParser, both: argparse.ArgumentParser
) -> None:
    replay = commands.add_parser(
        "replay", parents=[both], help="train one model of a run again, to the bit"
    )
    replay.set_defaults(run=run_replay)
    export = exports.add_command(commands, both)
    for command in (replay, export):
        command.add_argument(
            "--member", type=_member, metavar="N", help="default: the best"
        )
    doctor = commands.add_parser(
        "doctor", parents=[run], help="say what is wrong with a run's folder"
    )
    doctor.set_defaults(run=run_doctor)


def _add_sweep(commands: Any, training: argparse.ArgumentParser) -> None:
    sweep = commands.add_parser(
        "sweep",
        parents=[training],
        help="train many models with random hyperparameters",
    )
    sweep.add_argument(
        "--members", type=_count, default=256, metavar="N", help="default: 256"
    )
    sweep.add_argument(
        "--search",
        type=_search,
        metavar="NAME[:N]",
        help="random, sobol, grid:POINTS, refine[:ROUNDS], halving[:ETA], "
        "hyperband[:ETA], pbt:EPOCHS, optuna[:SAMPLER]; default: random",
    )
    sweep.add_argument(
        "--repeats",
        type=_count,
        default=1,
        metavar="N",
        help="train each N times, each time with other random numbers; default: 1",
    )
    sweep.add_argument(
        "--folds",
        type=_count,
        metavar="K",
        help="train each K times, each time with another part as the dev set",
    )
    sweep.add_argument(
        "--out",
        type=files.folder,
        metavar="RUN",
        help="keep the run in this folder; the same command resumes it",
    )
    sweep.add_argument(
        "--extend",
        action="store_true",
        help="add members or epochs to the run in --out",
    )
    sweep.add_argument(
        "--block-width",
        type=_count,
        metavar="K",
        help="models in one program; default: what suits the device",
    )
    sweep.add_argument(
        "--max-programs",
        type=_count,
        metavar="N",
        help="programs that the space may need, at most 64; default: 8",
    )
    sweep.add_argument(
        "--json",
        action="store_true",
        help="print lines of JSON: progress about every second, then the summary",
    )
    figures.add_human_error(sweep)
    sweep.set_defaults(run=run_sweep)


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


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > LONG or int(text) >= MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected an int from 0 to {MOST_SEEDS - 1}"
        )
    return int(text)


def _member(text: str) -> str:
    if text != "best" and not (text.isdecimal() and len(text) < LONG):
        raise argparse.ArgumentTypeError(f"got {text:.40}; expected best or a number")
    return text


def _fractions(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in text.split(":"))
    except ValueError:
        shares = ()
    ascending = all(a < b for a, b in itertools.pairwise((0.0, *shares)))
    if len(shares) < 2 or not ascending or shares[-1] > 1:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected at least two ascending numbers up to 1, such as "
            "0.25:0.5:1"
        )
    return shares


def _several(text: str) -> int:
    count = _count(text)
    if count < 2:
        raise argparse.ArgumentTypeError(f"got {text}; expected an int of at least 2")
    return count


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > LONG or not 1 <= int(text) <= LARGEST_INT:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected an int from 1 to {LARGEST_INT}"
        )
    return int(text)
