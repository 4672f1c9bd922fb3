"""A parser of commands whose errors are a sentence and propose the near word."""

import argparse
from typing import Any, NoReturn

from jaxdl.near import near

COMMAND = "COMMAND"  # the argument that names one


class Parser(argparse.ArgumentParser):
    """A parser with short errors, which propose the near word as Python 3.14 does."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with a sentence; the usage takes lines, so help has it."""
        self.exit(2, f"{self.prog}: error: {message}\nsee {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(
                action,
                f"got {value}; expected one of {known}{near(value, action.choices)}",
            )


def commands_of(
    parser: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser]:
    """Returns the parsers of the commands by name."""
    (commands,) = (a for a in parser._actions if a.dest == COMMAND)
    return dict(commands.choices or {})
