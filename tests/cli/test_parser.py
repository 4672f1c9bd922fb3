"""Arguments that are refused before anything runs."""

import runpy
from importlib.metadata import version

import pytest

from jaxdl import cli
from jaxdl.cli.commands import commands_of
from jaxdl.cli.parser import make_parser
from tests.cli.conftest import DIGITS


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", DIGITS, "--members", "0"), ("sweep", DIGITS, "--epochs", "x"),
        ("sweep",), ("fly",), (), ("doctor", "run", "l2=1"), ("fit", DIGITS, "--fast"),
        ("sweep", DIGITS, "--seed", "-1"), ("sweep", DIGITS, "--seed", str(2**32)),
        ("replay", "run", DIGITS, "--member", "worst"), ("doctor",),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_end_with_2(arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(map(str, arguments)))
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", DIGITS, "--search", "nonsense"), "expected one of random, sobol"),
        (("sweep", DIGITS, "--search", "pbt:x"), "expected one of random, sobol"),
        (("sweep", DIGITS, "--search", "grid"), "expected one of random, sobol"),
        *(
            (
                ("sweep", DIGITS, option, number),
                f"{option}: got {number[:40]}; expected",
            )
            for option in (
                "--members",
                "--epochs",
                "--patience",
                "--block-width",
                "--max-programs",
            )
            for number in ("2147483648", "9" * 23, "9" * 5000)
        ),
        (("sweep", DIGITS, "--repeats", str(10**14)), "an int from 1 to 2147483647"),
        (("sweep", DIGITS, "--seed", "9" * 5000), "expected an int from 0"),
        (("more-data", DIGITS, "--repeats", "9" * 5000), "an int from 1 to"),
        (("replay", "run", DIGITS, "--member", "9" * 5000), "best or a number"),
        (("export", "run", DIGITS, "--table", "a.txt"), "one of .csv, .parquet, .npz"),
        (("swep", DIGITS), "got swep; expected one of sweep, fit"),
        (("swep", DIGITS), "did you mean sweep?"),
        (("sweep", DIGITS, "--member", "2"), "got --member 2; expected what"),
        (("sweep", DIGITS, "--member=2"), "did you mean --members?"),
        (("sweep", DIGITS, "--search", "halvin:3"), "did you mean halving?"),
        (("plot", "run", DIGITS, "fannel"), "did you mean funnel?"),
        (("log", "run", DIGITS, "tensorbord"), "did you mean tensorboard?"),
        (("doctor", "run", "l2=1"), "got l2=1; expected what `jaxdl doctor --help`"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(map(str, arguments)))
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"jaxdl {version('jaxdl-sweep')}\n"


def test_the_package_runs_as_the_command(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["jaxdl", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("jaxdl", run_name="__main__")
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("jaxdl ")


def test_every_argument_has_a_help():
    for command in commands_of(make_parser()).values():
        assert command.description
        assert all(action.help for action in command._actions)


def test_no_option_is_proposed_that_the_command_refuses(capsys):
    with pytest.raises(SystemExit):
        cli.main(["replay", "run", str(DIGITS), "--ou", "x"])
    error = capsys.readouterr().err
    assert "got --ou x" in error and "did you mean" not in error
