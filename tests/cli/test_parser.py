"""Arguments that are refused before anything runs."""

import pytest

from jaxdl import cli
from tests.cli.conftest import DIGITS


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", DIGITS, "--members", "0"), ("sweep", DIGITS, "--epochs", "x"),
        ("sweep",), ("fly",), (), ("sweep", DIGITS, "l2=1"), ("fit", DIGITS, "--fast"),
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
        (("export", "run", DIGITS, "--table", "a.txt"), "one of .csv, .parquet, .npz"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(map(str, arguments)))
    assert ended.value.code == 2 and message in capsys.readouterr().err
