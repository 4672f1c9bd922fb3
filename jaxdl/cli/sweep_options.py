"""The options of `jaxdl sweep`, which say what trains, for how long and where."""

import argparse

from jaxdl.cli import cluster, figures, files, values
from jaxdl.spaces.structures import MOST_PROGRAMS


def add(sweep: argparse.ArgumentParser) -> None:
    """Adds them to the command."""
    sweep.add_argument(
        "--members",
        type=values.count,
        default=256,
        metavar="N",
        help="how many models; default: 256",
    )
    sweep.add_argument(
        "--search",
        type=values.search,
        metavar="NAME[:N]",
        help=f"{values.FORMS}; default: random",
    )
    sweep.add_argument(
        "--repeats",
        type=values.count,
        default=1,
        metavar="N",
        help="train each N times, each time with other random numbers; default: 1",
    )
    sweep.add_argument(
        "--folds",
        type=values.several,
        metavar="K",
        help="train each K times, each time with another part as the dev set",
    )
    _add_run(sweep)
    _add_time(sweep)
    _add_start(sweep)
    _add_programs(sweep)
    _add_parts(sweep)
    cluster.add_options(sweep)
    sweep.add_argument(
        "--json",
        action="store_true",
        help="print lines of JSON: progress about every second, then the summary",
    )
    sweep.add_argument(
        "--space",
        action="store_true",
        help="print the space, pinned and narrowed, and train nothing",
    )
    figures.add_human_error(sweep)


def add_out(command: argparse.ArgumentParser, text: str) -> None:
    """Adds the folder of a run to a command."""
    command.add_argument("--out", type=files.folder, metavar="RUN", help=text)


def _add_run(sweep: argparse.ArgumentParser) -> None:
    add_out(sweep, "keep the run in this folder; the same command resumes it")
    sweep.add_argument(
        "--extend",
        action="store_true",
        help="add members or epochs to the run in --out",
    )
    sweep.add_argument(
        "--watch",
        action="store_true",
        help="show the run in --out in a browser while it trains",
    )


def _add_time(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--time",
        type=values.duration,
        metavar="T",
        help="end within this time, such as 10m, with what has trained so far; a new "
        "run has fewer members if not all are expected to fit; the same command "
        "resumes it",
    )


def _add_start(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--start-from",
        type=files.folder,
        metavar="RUN",
        help="the best configurations of this run are the first members",
    )
    sweep.add_argument(
        "--narrow",
        action="store_true",
        help="narrow the ranges to those around the best of --start-from",
    )
    sweep.add_argument(
        "--names",
        type=values.names,
        default={},
        metavar="NEW=OLD,...",
        help="hyperparameters that --start-from calls otherwise",
    )


def _add_programs(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--block-width",
        type=values.count,
        metavar="K",
        help="models in one program; default: what suits the device",
    )
    sweep.add_argument(
        "--max-programs",
        type=values.programs,
        metavar="N",
        help=f"programs that the space may need, at most {MOST_PROGRAMS}; default: 8",
    )


def _add_parts(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--shard",
        type=values.shard,
        metavar="I/N",
        help="train the I-th of N equal parts of the members alone, I from 0 to N - 1; "
        "jaxdl merge makes one run of all",
    )
    sweep.add_argument(
        "--keep",
        type=values.count,
        metavar="N",
        help="keep the weights of the best N alone; replay trains others again",
    )
