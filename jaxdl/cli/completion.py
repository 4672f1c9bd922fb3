"""The command `completion`: a script by which a shell completes commands on Tab.

The script is made once, by shtab, and holds all commands and options. So a shell starts
no Python on Tab, whose imports would take seconds.
"""

import argparse
from functools import partial
from typing import Any

from jaxdl.cli.commands import commands_of
from jaxdl.cli.output import show
from jaxdl.extras import library

SHELLS = ("bash", "zsh", "fish", "tcsh")
PLACES = ("FILE", "PATH", "RUN")  # how arguments are called that are files or folders


def run_completion(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Prints the script of a shell."""
    shtab = library("shtab", "completion", "shell completion")
    for command in commands_of(parser).values():
        actions: Any = command._actions
        for action in actions:
            if action.metavar in PLACES:
                action.complete = shtab.FILE
    show(shtab.complete(parser, options.shell).rstrip())
    return 0


def add_command(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Adds `completion` to a parser's commands.

    Args:
        commands: of the parser.
        parser: which the script completes.
    """
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in a shell",
        epilog='In this session: `eval "$(jaxdl completion bash)"`. In all sessions: '
        "write the script where your shell looks for completions.",
    )
    completion.add_argument(
        "shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}"
    )
    completion.set_defaults(run=partial(run_completion, parser))
