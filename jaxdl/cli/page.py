"""The page of the commands, made from the parser.

`python -m jaxdl.cli.page > docs/commands.md` writes it.
"""

import argparse
import sys
from collections.abc import Iterator

from jaxdl.cli.commands import commands_of
from jaxdl.cli.parser import make_parser

HEAD = """# The commands

Made from the parser, by `python -m jaxdl.cli.page > docs/commands.md`. `jaxdl COMMAND
--help` prints the same.
"""


def page() -> str:
    """Returns the page as Markdown."""
    commands = commands_of(make_parser()).items()
    return "\n".join([HEAD, *(_section(name, command) for name, command in commands)])


def _section(name: str, command: argparse.ArgumentParser) -> str:
    actions = [a for a in command._actions if a.dest != "help"]
    own = [_shown(action) for action in actions if not action.option_strings]
    lines = [f"## jaxdl {name}", "", _sentence(command.description or ""), ""]
    if len(own) < len(actions):
        own.append("[OPTION ...]")
    lines += [f"`{' '.join(['jaxdl', name, *own])}`", ""]
    if command.epilog:
        lines += [command.epilog, ""]
    return "\n".join([*lines, *_rows(actions), ""])


def _rows(actions: list[argparse.Action]) -> Iterator[str]:
    yield "| argument | what it is |"
    yield "|---|---|"
    for action in actions:
        text = (action.help or "").replace("|", "\\|")
        yield f"| `{_shown(action)}` | {text} |"


def _shown(action: argparse.Action) -> str:
    """Returns an argument as a user types it."""
    value = "" if action.nargs == 0 else str(action.metavar)
    if action.option_strings:
        return " ".join([action.option_strings[-1], value]).strip()
    several = {"*": f"[{value} ...]", "+": f"{value} [{value} ...]"}
    return several.get(str(action.nargs), value)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


if __name__ == "__main__":
    sys.stdout.write(page())
