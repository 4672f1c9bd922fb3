"""The summary that a sweep or a fit prints, of numbers by hand and of real ones."""

import csv

import numpy as np
import pytest

from jaxdl.cli.summary import _print_importance, print_errors, print_summary
from jaxdl.diagnose import Importance, bias_variance
from jaxdl.sweeps.summary import Errors, Noise, Summary
from tests.cli.conftest import LINEAR

ROWS = [
    {"configuration": i, "dev_error": 0.03, "standard_error": 0.002,
     "status": "finished", "hparams": {"rate": 0.1 / (i + 1), "l2": 0.5}}
    for i in (4, 1)
]  # fmt: skip
NOISE = Noise(mean=0.03, standard_error=0.002, models=4, not_worse=1, others=5)
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


def test_what_auto_took_is_printed(printed):
    decision = "random() (--search random): because"
    assert f"auto took {decision}" in printed(SUMMARY._replace(decision=decision))
    assert not any("auto" in line for line in printed(SUMMARY))


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


def test_own_metrics_are_printed_and_named(printed):
    noise = NOISE._replace(mean=0.91, standard_error=0.004)
    errors = SUMMARY.errors._replace(metrics={"auc": (0.95, 0.91, None)})
    lines = printed(SUMMARY._replace(metric="dev_auc", noise=noise, errors=errors))
    (found,) = [line for line in lines if "over 4 models" in line]
    assert found.startswith("configuration 4: dev auc 0.91, standard error 0.004, ov")
    assert "auc: train 0.95, dev 0.91" in lines


def test_a_sweep_whose_members_all_diverged_says_what_to_do(printed):
    lines = printed(
        SUMMARY._replace(
            best=None, noise=None, errors=None, ended={"diverged": 24},
        )
    )  # fmt: skip
    assert "all 6 configurations diverged: lower the learning rates" in lines


def test_a_sweep_with_repeats_and_folds_prints_the_noise(main, linear, tmp_path):
    out, table = tmp_path / "run", tmp_path / "members.csv"
    status, output, _ = main(
        "sweep", linear, "--members", "8", "--epochs", "2", "--repeats", "2",
        "--folds", "2", "--out", out,
    )  # fmt: skip
    assert status == 0
    lines = output.splitlines()
    assert {"configuration", "standard_error"} <= set(lines[0].split())
    noise = next(line for line in lines if "within one standard error" in line)
    assert "over 4 models" in noise
    assert "depended on" not in output  # of 8 configurations, though of 32 members
    assert noise.startswith(f"configuration {lines[2].split()[0]}: dev error")
    assert any(line.startswith("its first model: train error") for line in lines)

    assert main("export", out, linear, "--table", table)[0] == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    errors = np.array([float(row["dev_error"]) for row in rows]).reshape(8, 4)
    best = errors[np.argmin(errors.mean(axis=1))]
    behind = [
        np.mean(other - best) <= np.std(other - best, ddof=1) / 2
        for other in errors
        if other is not best
    ]
    assert f"dev error {best.mean():.2%}" in noise
    assert noise.endswith(f"within one standard error: {sum(behind) - 1} of 7 others")
    assert [(row["repeat"], row["fold"]) for row in rows[:4]] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")
    ]  # fmt: skip


@pytest.mark.heavy
def test_a_regression_has_no_rates_to_diagnose(main, write):
    file = write(
        LINEAR.replace("softmax_cross_entropy", "squared_error").replace("10}", "1}")
    )
    status, output, _ = main("fit", file, "rate=0.001", "--epochs", "1")
    assert status == 0 and "test error" in output and "bias" not in output
    assert "Baseline: the mean of the train labels" in output and "R² on" in output


def test_the_bias_is_counted_from_the_human_error(main, linear):
    given = ("fit", linear, "rate=0.001", "--epochs", "1")
    _, plain, _ = main(*given)
    status, output, _ = main(*given, "--human-error", "0.95")
    assert status == 0 and "high bias of" in plain and "high bias of" not in output
    assert "Bias is counted from a human-level error of 95.00%." in output


@pytest.mark.parametrize("rate", ["1.01", "-0.1", "nan", "5%"])
def test_a_human_error_that_is_no_rate_is_refused(main, linear, rate, capfd):
    with pytest.raises(SystemExit):
        main("sweep", linear, "--human-error", rate)
    assert "expected a rate from 0 to 1" in capfd.readouterr().err


def test_a_sweep_in_which_all_members_diverge_is_reported(main, write):
    file = write(LINEAR.replace("1e-3, 1e-1", "2e38, 3e38"))
    given = (file, "--members", "3", "--epochs", "2", "--block-width", "4")
    status, output, _ = main("sweep", *given)
    assert status == 1
    assert "all 3 members diverged" in output and "diverged at step 1" in output


def test_rows_that_are_left_out_are_counted(printed):
    assert "the best 2 of 6 configurations" in printed(SUMMARY)
    whole = printed(SUMMARY._replace(count=2))
    assert not [line for line in whole if "best 2 of" in line]


def test_a_model_without_fault_is_said_to_have_none(capsys):
    diagnosis = bias_variance(0.01, 0.02)
    print_errors("the model", Errors(0.01, 0.02, 0.02, 100, diagnosis, 0.001))
    assert "neither high bias nor high variance" in capsys.readouterr().out


def test_importance_says_in_words_what_is_usually_tuned_first(capsys):
    _print_importance(Importance({"learning_rate": 0.8, "other": 0.2}, 0.5, {}), "loss")
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split() for row in rows] == [
        ["learning_rate", "80%", "first"], ["other", "20%", "-"],
    ]  # fmt: skip
