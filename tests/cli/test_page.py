"""The page of the commands is what the parser makes of it."""

from pathlib import Path

from jaxdl.cli.commands import commands_of
from jaxdl.cli.page import page
from jaxdl.cli.parser import make_parser

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_what_the_parser_makes():
    assert COMMANDS.read_text() == page(), (
        "write it again: python -m jaxdl.cli.page > docs/commands.md"
    )


def test_the_page_names_every_command_and_option():
    text = page()
    for name, command in commands_of(make_parser()).items():
        section = text.split(f"\n## jaxdl {name}\n")[1].split("\n## ")[0]
        for action in command._actions:
            if action.dest != "help":
                word = (action.option_strings or [action.metavar])[-1]
                assert f"`{word}" in section or f"[{word}" in section
    assert "`jaxdl sweep FILE [NAME=VALUE ...] [OPTION ...]`" in text
    assert "`jaxdl watch RUN [RUN ...] FILE [OPTION ...]`" in text
