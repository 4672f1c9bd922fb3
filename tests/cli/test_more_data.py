"""`jaxdl more-data` on real digits."""

import pytest

from tests.cli.conftest import LINEAR


def test_the_errors_by_size_and_the_verdict_are_printed(main, linear, tmp_path):
    out = tmp_path / "curve.png"
    status, output, _ = main(
        "more-data", linear, "rate=0.05", "--epochs", "3", "--repeats", "2",
        "--fractions", "0.25:1", "--out", out,
    )  # fmt: skip
    assert status == 0 and out.read_bytes().startswith(b"\x89PNG")
    lines = output.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["270", "1078"]
    assert "from 270 to 1,078 examples the dev error goes from" in output


@pytest.mark.heavy
def test_trainings_that_diverge_are_reported(main, write):
    file = write(LINEAR.replace("1e-3, 1e-1", "1e37, 1e38"))
    given = ("--epochs", "2", "--repeats", "2", "--fractions", "0.5:1")
    status, output, _ = main("more-data", file, "rate=1e38", *given)
    assert status == 1 and "4 of 4 trainings diverged" in output


@pytest.mark.parametrize(
    "wrong", [("--repeats", "1"), ("--fractions", "1"), ("--fractions", "0.5:0.5")]
)
def test_what_shows_no_curve_is_refused(main, linear, wrong, capfd):
    with pytest.raises(SystemExit):
        main("more-data", linear, "rate=0.05", *wrong)
    assert "expected a" in capfd.readouterr().err
