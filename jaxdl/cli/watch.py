"""The command `watch`: shows runs in a browser while they train."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

from jaxdl import runs
from jaxdl.cli import files
from jaxdl.cli.output import show
from jaxdl.cli.resuming import space_of
from jaxdl.experiment import Experiment, load
from jaxdl.report.live import Server, Watched
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.reading import follow


def run_watch(options: argparse.Namespace) -> int:
    """Serves the pages of runs until it is interrupted."""
    experiment = load(options.file)
    for run_dir in options.run_dirs:
        with runs.read_run(run_dir):
            reader(run_dir, experiment)()
    server = start(options.run_dirs, experiment, options.port)
    show(f"watch {server.address}", "Ctrl-C ends it")
    Event().wait()
    return 0


def start(run_dirs: Sequence[Path], experiment: Experiment, port: int = 0) -> Server:
    """Returns a server of the pages of runs, which a thread of its own serves.

    Args:
        run_dirs: the folders of the runs, which need not be there yet.
        experiment: of all runs.
        port: of the server; 0: any that is free.

    Raises:
        OSError: the port cannot be had.
    """
    server = Server(
        [Watched(path.absolute(), reader(path, experiment)) for path in run_dirs], port
    )
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def reader(run_dir: Path, experiment: Experiment) -> Callable[[], SweepResult | None]:
    """Returns a function that reads a run; None: nothing has trained yet."""
    follower = follow(run_dir, experiment.recipe)

    def read() -> SweepResult | None:
        try:
            result = follower(space_of(run_dir, experiment.space))
        except FileNotFoundError:  # no run yet, or no rung of it
            return None
        return result if result.trained().any() else None

    return read


def add_command(commands: Any, file: argparse.ArgumentParser) -> None:
    """Adds `watch` to the parser's commands.

    Args:
        commands: of the parser.
        file: takes an experiment file.
    """
    runs_first = argparse.ArgumentParser(add_help=False)
    runs_first.add_argument(
        "run_dirs",
        type=files.folder,
        nargs="+",
        metavar="RUN",
        help="the folder of a sweep or a fit, its --out; several are shown side by "
        "side",
    )
    watch = commands.add_parser(
        "watch",
        parents=[runs_first, file],
        help="show runs in a browser, also while they train",
    )
    watch.add_argument(
        "--port",
        type=_port,
        default=0,
        metavar="N",
        help="of the address on this machine; default: any that is free",
    )
    watch.set_defaults(run=run_watch)


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"got {text}; expected a port, 1 to 65535")
    return int(text)
