"""`jaxdl sweep`, `fit` and `check` on real digits."""

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxdl import runs
from jaxdl.experiment import load
from jaxdl.sweeps import read_result
from tests.cli.conftest import DIGITS, LINEAR
from tests.sweeps.kept import assert_same_result

ROOT = Path(__file__).parents[2]
FEW = ("--members", "2", "--epochs", "1", "--block-width", "4")
MORE = ("--members", "4", "--epochs", "2", "--block-width", "4")


def run(*arguments):
    """Returns exit status, output and progress of the command in a process."""
    main = "import jaxdl.cli as c; raise SystemExit(c.main())"
    done = subprocess.run(
        [sys.executable, "-c", main, *map(str, arguments)],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_sweep_on_digits_from_end_to_end(main, tmp_path):
    out = tmp_path / "deep" / "run"
    status, output, progress = run(
        "sweep", DIGITS, "--members", "32", "--epochs", "12", "--seed", "3",
        "--out", out, "--block-width", "8",
    )  # fmt: skip
    assert status == 0, progress
    lines = output.splitlines()
    assert {"member", "dev_error", "learning_rate", "l2"} <= set(lines[0].split())
    assert len([line for line in lines if "finished" in line]) == 10
    last = next(line for line in lines if "test error" in line)
    test_error = float(last.split("test error ")[1].split("%")[0])
    assert 0 < test_error < 5
    first = lines[lines.index(next(x for x in lines if "depended on" in x)) + 3].split()
    assert first[0] == "learning_rate" and first[2] == "first"
    assert 40 < int(first[1].removesuffix("%")) <= 100
    assert "  32 alive  dev error now 0." in progress and " best, 0." in progress
    assert "member-steps/s" in progress and "100%  block 4/4" in progress
    assert "units 64, batch_size 64" in output and " units" not in lines[0]
    assert lines[-1] == f"results in {out}" and runs.is_finished(out)

    table = tmp_path / "members.csv"
    assert main("export", out, DIGITS, "--table", table)[0] == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    best = min(rows, key=lambda row: (float(row["dev_error"]), float(row["dev_loss"])))
    assert len(rows) == 32
    assert last.startswith(f"member {best['member']}:")
    assert f"dev error {float(best['dev_error']):.2%}" in last

    status, _, error = main("sweep", DIGITS, "--out", out)
    assert status == 2 and "members: got 256, recorded 32" in error
    assert main("doctor", out)[0] == 0


def test_a_sweep_speaks_json(main, linear, tmp_path):
    out, table = tmp_path / "out", tmp_path / "members.csv"
    status, output, progress = main(
        "sweep", linear, "--members", "3", "--epochs", "2", "--json",
        "--repeats", "2", "--folds", "2", "--out", out,
    )  # fmt: skip
    *lines, last = map(json.loads, output.splitlines())
    assert status == 0 and progress == ""
    assert lines[-1]["progress"]["done"] == 1 and lines[-1]["progress"]["alive"] == 12
    summary = last["summary"]
    assert summary["kind"] == "configuration" and summary["count"] == 3
    assert summary["everywhere"] == {"beta": pytest.approx(0.9), "units": 10}
    assert main("export", out, linear, "--table", table)[0] == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    best = [row for row in rows if int(row["configuration"]) == summary["best"]]
    assert summary["errors"]["dev_error"] == float(best[0]["dev_error"])
    mean = sum(float(row["dev_error"]) for row in best) / 4
    assert summary["noise"]["mean"] == pytest.approx(mean, rel=1e-6)
    assert summary["table"][0]["dev_error"] == summary["noise"]["mean"]
    assert summary["importance"] is None  # too few configurations


def test_members_and_epochs_are_added_by_extend(main, linear, tmp_path):
    given = "sweep", linear, "--out", tmp_path / "run"
    assert main(*given, *FEW)[0] == 0
    status, _, error = main(*given, *MORE)
    assert status == 2 and "members: got 4, recorded 2" in error
    assert main(*given, *MORE, "--extend")[0] == 0
    assert main("sweep", linear, *MORE, "--out", tmp_path / "whole")[0] == 0
    recipe = load(linear).recipe
    assert_same_result(
        *(read_result(tmp_path / name, recipe) for name in ("run", "whole"))
    )
    assert main(*given, *MORE)[0] == 0


def test_extend_needs_a_folder(main, linear):
    status, _, error = main("sweep", linear, *FEW, "--extend")
    assert status == 2 and "add run_dir=..., or --out RUN" in error


def test_a_command_waits_for_a_full_disk(main, linear, tmp_path, monkeypatch):
    refusals, write_arrays = [], runs.array_files.write

    def full(*arguments):
        if len(refusals) == 2:
            return write_arrays(*arguments)
        refusals.append(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        raise refusals[-1]

    monkeypatch.setattr(runs.array_files, "write", full)
    status, _, error = main("sweep", linear, *MORE, "--out", tmp_path / "run")
    assert status == 0 and len(refusals) == 2
    assert error.count("waits until it can be written") == 1
    assert runs.is_finished(tmp_path / "run")


def test_the_same_command_resumes_a_run_after_a_disk_that_takes_nothing(
    main, linear, tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    given = "sweep", linear, *MORE, "--out", tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(runs.array_files, "write", refuse)
        status, _, error = main(*given)
    assert status == 2 and "Read-only" in error and "Traceback" not in error
    assert not runs.is_finished(tmp_path / "run")
    assert main(*given)[0] == 0
    assert runs.is_finished(tmp_path / "run")


def test_a_file_that_changes_folder_does_not_move_the_run(
    main, write, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    file = write(f"{LINEAR}\nimport os\nos.chdir({str(tmp_path / 'there')!r})\n")
    monkeypatch.chdir(tmp_path / "here")
    assert main("sweep", file, *FEW, "--out", "run")[0] == 0
    assert runs.is_finished(tmp_path / "here" / "run")
    assert not list((tmp_path / "there").iterdir())
    monkeypatch.chdir(tmp_path / "here")
    assert main("replay", "run", file)[0] == 0


def test_an_output_folder_that_cannot_be_written_is_refused_at_once(main, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, error = main("sweep", DIGITS, "--out", tmp_path / "file" / "run")
    assert status == 2 and "cannot write the output folder" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(main, tmp_path):
    tmp_path.chmod(0o500)
    status, _, error = main("sweep", DIGITS, "--out", tmp_path / "run")
    assert status == 2 and "cannot write the output folder" in error


DIGITS_GOOD = (
    "learning_rate=0.01", "decay_rate=0.9", "beta1=0.9", "keep_prob=1", "l2=0.01",
)  # fmt: skip


def test_fit_trains_the_model_that_is_asked_for(main, linear):
    status, output, progress = main("fit", linear, "rate=0.01", "--epochs", "4")
    assert status == 0
    assert "test error" in output
    assert progress.count("epoch ") == 4 and "dev_error" in progress


def test_a_fit_is_diagnosed_with_advice(main, linear):
    _, output, _ = main("fit", linear, "rate=1e-5", "--epochs", "2")
    lines = output.splitlines()
    train = float(output.split("train error ")[1].split("%")[0])
    assert f"high bias of {train:.2f}%" in lines
    assert "- train a bigger network: more hidden units or layers" in lines


def test_options_may_come_before_hyperparameters(main, linear):
    status, _, progress = main(
        "fit", "--epochs", "1", linear, "rate=0.01", "--seed", "7", "beta=0.8"
    )
    assert status == 0 and progress.count("epoch ") == 1


def test_a_fit_that_diverges_is_reported(main, linear):
    status, output, _ = main("fit", linear, "rate=1e38", "--epochs", "1")
    assert status == 1
    assert "diverged at step " in output


@pytest.mark.heavy
def test_patience_stops_a_fit_and_members_of_a_sweep(main, write):
    """Labels that say nothing of the inputs cannot be learned."""
    file = write(
        f"{LINEAR}\nlabels = data.train.labels[::-1]\n"
        "from dataclasses import replace\n"
        "data = data._replace(train=replace(data.train, labels=labels))\n"
    )
    patient = ("--epochs", "30", "--patience", "1")
    status, output, progress = main("fit", file, "rate=0.01", *patient)
    assert status == 0
    assert 2 <= progress.count("epoch ") < 30
    errors = [
        float(line.split("dev_error ")[1].split()[0])
        for line in progress.splitlines() if "dev_error" in line
    ]  # fmt: skip
    kept = float(output.split("dev error ")[1].split("%")[0])
    assert kept == pytest.approx(100 * min(errors), abs=0.01)
    status, output, _ = main(
        "sweep", file, "--members", "4", "--block-width", "4", *patient
    )
    assert status == 0 and output.count("stopped at step") == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (DIGITS_GOOD[:4], "missing ['l2']"),
        ((*DIGITS_GOOD, "l3=1"), "unknown ['l3']"),
        ((*DIGITS_GOOD[:4], "l2=much"), "got l2=much; expected a number"),
        ((*DIGITS_GOOD[:4], "l2=True"), "got l2=True; expected a number"),
        ((*DIGITS_GOOD, "batch_size=5000"), "batch_size=5000 for 1078 training"),
        ((*DIGITS_GOOD, "batch_size=x"), "got batch_size=x; expected int, such as 64"),
        ((*DIGITS_GOOD[:4], "l2"), "got l2; expected NAME=VALUE, such as l2=1"),
    ],
)
def test_hyperparameters_that_cannot_be_used_are_refused(main, arguments, message):
    status, _, error = main("fit", DIGITS, *arguments)
    assert status == 2
    assert message in error and error.startswith("jaxdl: error: ")


BRANCHING = """
import jaxdl as dl
from jaxdl import nn, optim
data = dl.data.load("digits")
space = {"rate": dl.LogUniform(1e-3, 1e-1), "layers": dl.IntUniform(1, 3)}
def recipe(hp):
    hidden = [nn.dense(8) for _ in range(hp["layers"])]
    model = nn.serial(*hidden, nn.dense(10))
    return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
"""


def test_a_recipe_that_branches_is_refused_with_its_line_and_the_way_out(main, write):
    status, _, error = main("sweep", write(BRANCHING))
    assert status == 2
    assert "experiment.py, line 7" in error and "the hyperparameter layers" in error
    assert "make it Static([...]) in the space" in error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nn.dense(8)", 'nn.dense(hp["layers"])', "Static"),
        ("nn.dense(10))", "nn.dense(10), nn.dropout(0.0))", "expected a probability"),
        ("optim.adam(hp", "optim.adam(*hp", "experiment.py, line 9"),
    ],
)
def test_a_mistake_in_a_recipe_is_reported_with_its_line(
    main, write, old, new, message
):
    text = BRANCHING.replace('range(hp["layers"])', "range(2)")
    assert old in text
    status, _, error = main("sweep", write(text.replace(old, new)))
    assert status == 2 and "experiment.py, line" in error and message in error


# A fifth of the pixels and two units, since a gradient check costs by the coordinate.
FEW_PIXELS = """
from dataclasses import replace
import jax
import jaxdl as dl
from jaxdl import nn, optim
data = dl.data.load("digits")
data = data._replace(**{
    name: replace(part, inputs=part.inputs[:, 26:38])
    for name, part in data.sets.items()
})
space = {"rate": dl.LogUniform(1e-3, 1e-1), "act": dl.Static(["wrong", "tanh"])}
@jax.custom_jvp
def wrong(x):
    return x
wrong.defjvps(lambda t, y, x: 1.1 * t)
def recipe(hp):
    act = {"wrong": wrong, "tanh": nn.tanh}[hp["act"]]
    model = nn.serial(nn.dense(2), act, nn.dense(10))
    return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
"""


def test_check_finds_nothing_wrong_with_the_digits(main, linear):
    status, output, _ = main("check", linear)
    assert status == 0
    assert output.count("\nok  ") + output.startswith("ok  ") == 10
    assert "1,078 train, 360 dev, 359 test" in output
    assert "signal: neither explodes nor vanishes" in output
    assert output.count("correct, score") == 2
    assert (
        "after one epoch the dev error is" in output
    )  # a note: no better than a guess


@pytest.mark.heavy
def test_check_finds_a_wrong_gradient(main, write):
    status, output, _ = main("check", write(FEW_PIXELS), "act=wrong")
    assert status == 1
    assert output.count("LOOK  gradient") == 2
    assert "wrong, score" in output and "worst at 0." in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("act=relu",), "got act=relu; expected one of"),
        (("rte=1",), "unknown ['rte']"),
        (("rate=fast",), "got rate=fast; expected a number"),
    ],
)
def test_check_refuses_hyperparameters_as_fit_does(main, write, arguments, message):
    status, _, error = main("check", write(FEW_PIXELS), *arguments)
    assert status == 2 and message in error


def test_a_sweep_starts_from_the_best_of_a_run(main, linear, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main("sweep", linear, *MORE, "--out", first)[0] == 0
    start = ("--start-from", first, "--narrow", "--names", "rate=rate")
    status, _, told = main("sweep", linear, *MORE, "--seed", 1, "--out", second, *start)
    assert status == 0 and "the first 2 members have rate of the best" in told
    recipe = load(linear).recipe
    one, other = (read_result(run, recipe) for run in (first, second))
    best = one.hparams["rate"][one.ranking()[:2]]
    assert other.hparams["rate"][:2].tolist() == best.tolist()
    status, _, told = main("sweep", linear, *MORE, "--narrow")
    assert status == 2 and "add --start-from RUN" in told
