"""The command line: `sweep`, `fit` and `check` train; most others take a run.

Most take a Python file that defines `recipe`, `space` and `data`; see
`jaxdl.experiment`.
"""

import gc
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import NoReturn

from jaxdl.cli import clock, failures, output
from jaxdl.cli.parser import make_parser
from jaxdl.cli.supervise import supervise
from jaxdl.cli.training import run_fit, run_sweep
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.near import near

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    It is 0 on success; 1 if every model diverged or something is wrong; 2 if the file,
    its data or the arguments cannot be used. Output that cannot be written changes
    nothing of that.
    """
    output.prepare()
    _freeze(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = output.warn
            return _run(arguments)
    except KeyboardInterrupt:
        output.tell("jaxdl: interrupted")
        return INTERRUPTED
    finally:
        output.finish()
        _freeze(arguments)


def _freeze(arguments: Sequence[str] | None) -> None:
    """Tells the garbage collector to skip all objects there are, in an own process.

    At the start these are the imports, which stay until the end. At the end they are
    all objects: Python would search them for garbage for half a second before it exits.
    """
    if arguments is None:
        gc.freeze()


def _run(arguments: Sequence[str] | None) -> int:
    options, rest = make_parser().parse_known_args(arguments)
    options_left = any(word.startswith("-") for word in rest)
    if options_left or (rest and "hparams" not in options):
        _refuse(options.of, rest)
    options.began = clock.process_began() if arguments is None else time.monotonic()
    try:
        if rest:  # argparse takes NAME=VALUE only before the options of a command
            options.hparams = [*options.hparams, *rest]
        enable_compilation_cache()
        keeps = options.run in (run_sweep, run_fit) and options.out is not None
        until = None
        if arguments is None and keeps and getattr(options, "time", None):
            until = options.began + options.time + clock.GRACE
        return supervise(lambda: options.run(options), resumable=keeps, until=until)
    except SystemExit as error:  # of a recipe: that of the file itself is refused
        output.tell(f"jaxdl: error: the experiment ended the program ({error})")
        return 2
    except Exception as error:
        if not failures.tell(error, getattr(options, "file", None)):
            raise
        return 2


def _refuse(command: ArgumentParser, words: Sequence[str]) -> NoReturn:
    """Ends the program with a sentence on words that a command does not take."""
    known = [*command._option_string_actions]
    name = words[0].partition("=")[0]
    command.error(
        f"got {' '.join(words)}; expected an argument of {command.prog}"
        f"{near(name, known)}"
    )
