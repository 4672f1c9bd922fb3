"""The summary that a sweep or a fit prints."""

import csv

import numpy as np

from tests.cli.conftest import LINEAR


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


def test_a_regression_has_no_rates_to_diagnose(main, write):
    file = write(
        LINEAR.replace("softmax_cross_entropy", "squared_error").replace("10}", "1}")
    )
    status, output, _ = main("fit", file, "rate=0.001", "--epochs", "1")
    assert status == 0 and "test error" in output and "bias" not in output


def test_a_sweep_in_which_all_members_diverge_is_reported(main, write):
    file = write(LINEAR.replace("1e-3, 1e-1", "1e37, 1e38"))
    given = (file, "--members", "3", "--epochs", "2", "--block-width", "4")
    status, output, _ = main("sweep", *given)
    assert status == 1
    assert "all 3 members diverged" in output and "diverged at step 1" in output
