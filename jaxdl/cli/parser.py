"""The arguments of the command line, and the command that each name runs."""

import argparse
from functools import partial
from importlib.metadata import version
from typing import Any

from jaxdl.cli import (
    completion,
    ensembles,
    exports,
    figures,
    files,
    loggers,
    sweep_options,
    values,
    watch,
)
from jaxdl.cli.commands import COMMAND, Parser
from jaxdl.cli.more_data import run_more_data
from jaxdl.cli.runs import run_doctor, run_merge, run_replay
from jaxdl.cli.training import run_check, run_fit, run_sweep
from jaxdl.engine.target import known_targets


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser. Its options have the command as `run`, its parser as `of`."""
    parser = Parser(
        prog="jaxdl",
        allow_abbrev=False,
        description="trains models from a file that defines recipe, space and data",
    )
    parser.add_argument(
        "--version", action="version", version=f"jaxdl {version('jaxdl-sweep')}"
    )
    unabbreviated: Any = partial(Parser, allow_abbrev=False)
    commands = parser.add_subparsers(
        required=True, parser_class=unabbreviated, metavar=COMMAND, dest=COMMAND
    )
    file = argparse.ArgumentParser(add_help=False)
    file.add_argument(
        "file", type=files.path, metavar="FILE", help="the experiment file"
    )
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument(
        "run_dir",
        type=files.folder,
        metavar="RUN",
        help="the folder of a sweep or a fit, its --out",
    )
    both = argparse.ArgumentParser(add_help=False, parents=[run, file])
    _add_training(commands, file)
    _add_runs(commands, run, both)
    figures.add_commands(commands, both)
    watch.add_command(commands, file)
    loggers.add_command(commands, both)
    ensembles.add_command(commands, both)
    completion.add_command(commands, parser)
    for action in commands._choices_actions:
        command = commands.choices[action.dest]
        command.description = command.description or action.help
        command.set_defaults(of=command)
    return parser


def _add_training(commands: Any, file: argparse.ArgumentParser) -> None:
    seeded = argparse.ArgumentParser(add_help=False, parents=[file])
    seeded.add_argument(
        "--seed",
        type=values.seed,
        default=0,
        metavar="S",
        help="of all random numbers; default: 0",
    )
    training = argparse.ArgumentParser(add_help=False, parents=[seeded])
    training.add_argument(
        "--epochs",
        type=values.count,
        default=20,
        metavar="N",
        help="passes over the train set; default: 20",
    )
    training.add_argument(
        "--patience",
        type=values.count,
        metavar="N",
        help="stop after N epochs without a better score on the dev set, and keep the "
        "best weights",
    )
    sweep = _add_sweep(commands, training)
    fit = commands.add_parser("fit", parents=[training], help="train one model")
    sweep_options.add_out(
        fit,
        "keep the run in this folder; the same command resumes it, and a value that "
        "you change holds from the next epoch on",
    )
    figures.add_human_error(fit)
    fit.set_defaults(run=run_fit)
    more = _add_more_data(commands, training)
    check = commands.add_parser(
        "check",
        parents=[seeded],
        help="check the data, the signal and the gradient before training",
    )
    check.add_argument(
        "--for",
        type=values.targets,
        default=(),
        dest="targets",
        metavar="CHIP,...",
        help="compile the programs for these chips as well: "
        f"{', '.join(known_targets())}; none of them needs to be here",
    )
    check.set_defaults(run=run_check)
    constant = "a hyperparameter; a constant of the space may be left out"
    narrowed = "pins a hyperparameter; NAME=LOW..HIGH narrows its range"
    for command, text in (
        (sweep, narrowed), (fit, constant), (more, constant), (check, narrowed)
    ):  # fmt: skip
        command.add_argument(
            "hparams", nargs="*", default=[], metavar="NAME=VALUE", help=text
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
        type=values.fractions,
        default=(0.125, 0.25, 0.5, 1.0),
        metavar="A:B:...",
        help="of the train set; default: 0.125:0.25:0.5:1",
    )
    more.add_argument(
        "--repeats",
        type=values.several,
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
            "--member",
            type=values.member,
            metavar="N",
            help="its number, or best; default: best",
        )
    merge = commands.add_parser(
        "merge",
        help="make one run of the shards of a sweep, in the folder that holds theirs",
    )
    merge.add_argument(
        "run_dir",
        type=files.folder,
        metavar="RUN",
        help="the folder in which each folder is the --out of a shard",
    )
    merge.set_defaults(run=run_merge)
    doctor = commands.add_parser(
        "doctor", parents=[run], help="say what is wrong with a run's folder"
    )
    doctor.set_defaults(run=run_doctor)


def _add_sweep(commands: Any, training: argparse.ArgumentParser) -> Any:
    sweep = commands.add_parser(
        "sweep",
        parents=[training],
        help="train many models with random hyperparameters",
    )
    sweep_options.add(sweep)
    sweep.set_defaults(run=run_sweep)
    return sweep
