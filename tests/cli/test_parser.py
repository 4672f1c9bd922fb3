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
    ],
)
def test_a_value_that_makes_no_sense_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(map(str, arguments)))
    assert ended.value.code == 2 and message in capsys.readouterr().err
