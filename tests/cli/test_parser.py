"""Arguments that are refused before anything runs."""

import runpy
from importlib.metadata import version

import pytest

from jaxdl import cli
from jaxdl.cli import values
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
        (
            ("sweep", DIGITS, "--search", "nonsense"),
            "expected one of auto, random, sobol",
        ),
        *(
            (("sweep", DIGITS, "--search", search), f"got {search}; expected {form}")
            for search, form in {
                "auto:3": "auto, which takes no number",
                "grid": "grid:POINTS, such as grid:3",
                "pbt": "pbt:EPOCHS, such as pbt:5",
                "pbt:x": "pbt:EPOCHS, such as pbt:5",
                "grid:x": "grid:POINTS, such as grid:3",
                "halving:x": "halving[:ETA], such as halving:3",
                "halving:": "halving[:ETA], such as halving:3",
                "optuna:": "optuna[:SAMPLER], such as optuna:TPESampler",
                "freeze-thaw:": "freeze-thaw[:PERCENT], such as freeze-thaw:20",
                "multi-pbt": "multi-pbt:EPOCHS[:POPULATIONS], such as multi-pbt:2:3",
                "multi-pbt:2:": "multi-pbt:EPOCHS[:POPULATIONS], such as",
                "multi-pbt:2:3:4": "multi-pbt:EPOCHS[:POPULATIONS], such as",
                "pbt:5:2": "pbt:EPOCHS, such as pbt:5",
                "optuna-halving:x": "optuna-halving[:ETA], such as optuna-halving:3",
                "random:3": "random, which takes no number",
                "sobol:": "sobol, which takes no number",
            }.items()
        ),
        (
            ("sweep", DIGITS, "--search", "halving:1"),
            "argument --search: halving got eta=1; expected an int of at least 2\n",
        ),
        (
            ("sweep", DIGITS, "--search", "freeze-thaw:101"),
            "argument --search: freeze_thaw got percent=101; expected at most 100\n",
        ),
        (
            ("sweep", DIGITS, "--max-programs", "65"),
            "got 65; expected an int from 1 to 64",
        ),
        (("sweep", DIGITS, "--folds", "0"), "got 0; expected an int from 2 to"),
        (("sweep", DIGITS, "--folds", "1"), "got 1; expected an int from 2 to"),
        (("sweep", DIGITS, "--names", "rate"), "got rate; expected names, such as"),
        (("sweep", DIGITS, "--names", "=a"), "got =a; expected names, such as"),
        (("sweep", DIGITS, "--time", "soon"), "got soon; expected a time above 0"),
        (("sweep", DIGITS, "--time", "0m"), "got 0m; expected a time above 0, such as"),
        (("sweep", DIGITS, "--time", ""), "got ; expected a time above 0"),
        (
            ("ensemble", "run", DIGITS, "--size", "1001"),
            "expected an int from 1 to 1000",
        ),
        (
            ("replay", "run", DIGITS, "--member", "-1"),
            "expected best or an int from 0 on",
        ),
        (
            ("sweep",),
            "jaxdl sweep: error: the following arguments are required: FILE\n",
        ),
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
        (("more-data", DIGITS, "--repeats", "9" * 5000), "an int from 2 to"),
        (("replay", "run", DIGITS, "--member", "9" * 5000), "best or an int from 0"),
        (("export", "run", DIGITS, "--table", "a.txt"), "one of .csv, .parquet, .npz"),
        (("swep", DIGITS), "got swep; expected one of sweep, fit"),
        (("swep", DIGITS), "did you mean sweep?"),
        (("sweep", DIGITS, "--member", "2"), "expected an argument of jaxdl sweep"),
        (("sweep", DIGITS, "--member=2"), "did you mean --members?"),
        (("sweep", DIGITS, "--search", "halvin:3"), "did you mean halving?"),
        (("plot", "run", DIGITS, "fannel"), "did you mean funnel?"),
        (("log", "run", DIGITS, "tensorbord"), "did you mean tensorboard?"),
        (("doctor", "run", "l2=1"), "expected an argument of jaxdl doctor"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(map(str, arguments)))
    assert ended.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("sweep",), ("sweep", "a.py", "--fast")])
def test_an_error_is_a_sentence_and_the_command_that_lists_more(arguments, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    first, second = capsys.readouterr().err.splitlines()
    name = " ".join(["jaxdl", *arguments[:1]])
    assert first.startswith(f"{name}: error: ") and second == f"see {name} --help"


def test_a_word_without_a_value_is_named_wherever_it_is(linear, main):
    for words in (("rate", "--space"), ("--space", "rate")):
        status, _, error = main("sweep", linear, *words)
        assert status == 2 and "got rate; expected NAME=VALUE, such as" in error


def test_a_sampler_of_optuna_is_proposed_by_its_beginning(capsys):
    pytest.importorskip("optuna")
    with pytest.raises(SystemExit):
        cli.main(["sweep", str(DIGITS), "--search", "optuna:tpe"])
    assert "did you mean TPESampler?" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("45s", 45),
        ("1.5", 1.5),
        ("10m", 600),
        ("1h30m", 5400),
        ("2m5s", 125),
    ],
)
def test_a_time_is_in_hours_minutes_and_seconds(text, seconds):
    assert values.duration(text) == seconds
