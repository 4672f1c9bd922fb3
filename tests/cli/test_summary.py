"""The summary that the command prints, of numbers by hand."""

import pytest

from jaxdl.cli.summary import print_summary
from jaxdl.diagnose import bias_variance
from jaxdl.sweeps.summary import Errors, Noise, Summary

ROWS = [
    {"configuration": i, "dev_error": 0.03, "standard_error": 0.002,
     "status": "finished", "rate": 0.1 / (i + 1), "l2": 0.5}
    for i in (4, 1)
]  # fmt: skip
NOISE = Noise(dev_error=0.03, standard_error=0.002, models=4, not_worse=1, others=5)
SUMMARY = Summary(
    kind="configuration", count=6, members=24, ended={"finished": 24}, best=4,
    table=ROWS, everywhere={"l2": 0.5}, noise=NOISE, importance=None,
    errors=Errors(0.01, 0.03, 0.04, 360, bias_variance(0.01, 0.03)),
)  # fmt: skip


@pytest.fixture
def printed(capsys):
    """Returns a function that prints a summary and returns its lines."""

    def lines(summary):
        print_summary(summary)
        return capsys.readouterr().out.splitlines()

    return lines


def test_the_noise_is_printed_for_the_best_configuration(printed):
    lines = printed(SUMMARY)
    assert {"configuration", "standard_error", "rate"} <= set(lines[0].split())
    assert "l2" not in lines[0] and "the same in all: l2 0.5" in lines
    (noise,) = [line for line in lines if "over 4 models" in line]
    assert noise.startswith("configuration 4: dev error 3.00%, standard error 0.20%")
    assert "1 of 5 others" in noise
    (errors,) = [line for line in lines if "test error" in line]
    assert errors == (
        "its first model: train error 1.00%, dev error 3.00%, test error 4.00% on "
        "360 examples"
    )
    assert not [line for line in lines if "depended on" in line]


def test_without_repeats_the_errors_are_of_the_best_member(printed):
    lines = printed(SUMMARY._replace(kind="member", count=24, noise=None))
    assert any(line.startswith("member 4: train error 1.00%") for line in lines)
    assert not [line for line in lines if "standard error" in line]


def test_a_sweep_whose_members_all_diverged_says_what_to_do(printed):
    lines = printed(
        SUMMARY._replace(
            best=None, noise=None, errors=None, ended={"diverged": 24},
        )
    )  # fmt: skip
    assert "all 6 configurations diverged: lower the learning rates" in lines
