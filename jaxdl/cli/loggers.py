"""The command `log`: writes a run for TensorBoard and other programs."""

import argparse
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import interop
from jaxdl.cli import files
from jaxdl.cli.output import show
from jaxdl.cli.runs import read
from jaxdl.interop.log import Logger, Policy

POLICIES: dict[str, Policy] = {
    "best": interop.best,
    "quantiles": interop.quantiles(),
    "all": interop.every,
}


class Place(NamedTuple):
    """A program that shows runs."""

    out: str  # where its files go by default; {run} is the name of the run's folder
    logger: Callable[[str, str, Any], Logger]  # of out, the run's name and the space
    look: str  # the command that shows what is in {out}
    check: Callable[[Path], None] = files.check_writable  # its path, before any work


PLACES = {
    "tensorboard": Place(
        os.path.join("logs", "{run}"),
        lambda out, run, space: interop.tensorboard(out),
        "tensorboard --logdir {out}",
    ),
    "wandb": Place(
        ".",
        lambda out, run, space: interop.wandb(out, group=run),
        "cd {out} && wandb sync wandb/offline-run-*",
    ),
    "mlflow": Place(
        ".",
        lambda out, run, space: interop.mlflow(out, name=run),
        "cd {out} && mlflow ui",
    ),
    "optuna": Place(
        "optuna.log",
        interop.optuna_study,
        "optuna-dashboard {out}",
        files.check_file,
    ),
}


def run_log(options: argparse.Namespace) -> int:
    """Writes members of a run, or quantiles of all, for another program."""
    place, name = PLACES[options.place], options.run_dir.resolve().name
    out = options.out or place.out.format(run=name)
    # A database is a URL, such as sqlite:///study.db.
    target = files.output(Path(out.partition(":///")[2] or out), options)
    if "://" not in out:
        place.check(target)
    result, _ = read(options)
    interop.log(
        result,
        place.logger(out if "://" in out else str(target), name, result.task.space),
        options.members,
    )
    show(f"runs in {out}: {place.look.format(out=shlex.quote(out))}")
    return 0


def add_command(commands: Any, given: argparse.ArgumentParser) -> None:
    """Adds `log` to the parser's commands.

    Args:
        commands: of the parser.
        given: takes a run and its experiment.
    """
    log = commands.add_parser(
        "log", parents=[given], help="write runs for TensorBoard and other programs"
    )
    log.add_argument(
        "place", choices=[*PLACES], metavar="WHERE", help=f"one of {', '.join(PLACES)}"
    )
    log.add_argument(
        "--members",
        type=_policy,
        default="top:10",
        metavar="WHICH",
        help="best, top:K, quantiles or all; default: top:10",
    )
    log.add_argument(
        "--out",
        type=_place,
        metavar="PATH",
        help="a folder; for optuna, a file or URL; default: logs/RUN for tensorboard, "
        "this folder for wandb and mlflow, optuna.log for optuna",
    )
    log.set_defaults(run=run_log)


def _place(text: str) -> str:
    """Returns a URL as it is, and a path with the user's folder."""
    return text if "://" in text else str(files.path(text))


def _policy(text: str) -> Policy:
    name, _, number = text.partition(":")
    if name == "top" and number.isdecimal() and int(number) > 0:
        return interop.top(int(number))
    if text not in POLICIES:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected best, top:K with K of at least 1, quantiles or all"
        )
    return POLICIES[text]
