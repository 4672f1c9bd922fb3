"""The command line as a user types it, on real digits."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import cli, nn
from jaxdl.cli.summary import plain
from jaxdl.experiment import hyperparameters

ROOT = Path(__file__).parent.parent
DIGITS = str(ROOT / "experiments" / "digits.py")


def run(*arguments):
    """Returns exit status, output and progress of the command in a process."""
    command = [
        sys.executable,
        "-c",
        "import jaxdl.cli as c; raise SystemExit(c.main())",
    ]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


def test_a_sweep_on_digits_from_end_to_end(tmp_path):
    out = tmp_path / "deep" / "run"
    status, output, progress = run(
        "sweep", DIGITS, "--members", "32", "--epochs", "12", "--seed", "3",
        "--out", str(out), "--block-width", "8",
    )  # fmt: skip
    assert status == 0, progress
    lines = output.splitlines()
    assert {"member", "dev_error", "learning_rate", "l2"} <= set(lines[0].split())
    assert len([line for line in lines if "finished" in line]) == 10
    last = next(line for line in lines if "test error" in line)
    test_error = float(last.split("test error ")[1].split("%")[0])
    assert 0 < test_error < 5
    first = lines[lines.index(next(x for x in lines if "depended on" in x)) + 3].split()
    assert first[0] == "learning_rate" and first[2] == "1"
    assert 40 < int(first[1].removesuffix("%")) <= 100
    assert "  32 alive  dev error 0." in progress and " best, 0." in progress
    assert "member-steps/s" in progress and "100%  block 4/4" in progress
    assert "units 64, batch_size 64" in output and " units" not in lines[0]

    rows = list(csv.DictReader((out / "members.csv").read_text().splitlines()))
    assert len(rows) == 32
    errors = [float(row["dev_error"]) for row in rows]
    assert errors == sorted(errors)
    assert last.startswith(f"member {rows[0]['member']}:")
    assert f"dev error {errors[0]:.2%}" in last
    run_json = json.loads((out / "run.json").read_text())
    assert run_json["members"] == 32 and run_json["epochs"] == 12
    assert run_json["key"] == [0, 3]
    assert run_json["plan"] == {"block_width": 8}
    assert run_json["precision"] == ["float32"]
    assert run_json["space"]["learning_rate"] == "LogUniform(low=0.001, high=0.1)"
    with np.load(out / "curves.npz", allow_pickle=False) as curves:
        assert curves["dev_error"].shape == (32, 12)
        best = int(rows[0]["member"])
        assert curves["dev_error"][best, -1] == pytest.approx(errors[0])
    with np.load(out / "best.npz", allow_pickle=False) as arrays:
        assert arrays["params.0.0.kernel"].shape == (64, 64)
        assert arrays["state.0.1.weight"] > 0

    results = [out / n for n in ("members.csv", "curves.npz", "best.npz", "run.json")]
    before = [path.read_bytes() for path in results]
    status, output, progress = run("sweep", DIGITS, "--out", str(out))
    assert status == 2 and "Traceback" not in progress
    assert "members" in progress and "32" in progress and "256" in progress
    assert [path.read_bytes() for path in results] == before

    status, again, _ = run("replay", str(out), DIGITS)
    assert status == 0
    assert again.startswith(f"member {best} is what it was, bit for bit: dev error")
    status, printed, _ = run("export", str(out), DIGITS, "--member", str(best))
    weights, about = map(Path, printed.split())
    assert status == 0 and weights.name == f"member_{best}.safetensors"
    assert json.loads(about.read_text())["metrics"]["dev_error"][-1] == errors[0]
    status, printed, _ = run("doctor", str(out))
    assert status == 0 and "all that was acknowledged is there" in printed


GOOD = ("learning_rate=0.01", "decay_rate=0.9", "beta1=0.9", "keep_prob=1", "l2=0.01")


def main(capsys, *arguments):
    status = cli.main(arguments)
    return status, *capsys.readouterr()


def test_fit_trains_the_model_that_is_asked_for(capsys):
    status, output, progress = main(
        capsys, "fit", DIGITS, *GOOD, "units=16", "--epochs", "4"
    )
    assert status == 0
    assert "test error" in output
    assert progress.count("epoch ") == 4 and "dev_error" in progress


def test_a_fit_is_diagnosed_with_advice(capsys):
    _, output, _ = main(capsys, "fit", DIGITS, *GOOD, "units=2", "--epochs", "2")
    lines = output.splitlines()
    train = float(output.split("train error ")[1].split("%")[0])
    assert f"high bias of {train:.2f}%" in lines
    assert "- train a bigger network: more hidden units or layers" in lines


def test_regression_has_no_rates_to_diagnose(capsys, tmp_path):
    file = tmp_path / "experiment.py"
    file.write_text(
        BRANCHING.replace("dl.IntUniform(1, 3)", "2")
        .replace("nn.softmax_cross_entropy", "nn.squared_error")
        .replace("nn.dense(10)", "nn.dense(1)")
    )
    status, output, _ = main(capsys, "fit", str(file), "rate=0.01", "--epochs", "1")
    assert status == 0 and "test error" in output and "bias" not in output


def test_options_may_come_before_hyperparameters(capsys):
    status, _, progress = main(capsys, "fit", "--epochs", "1", DIGITS, *GOOD[:2],
                               "--seed", "7", *GOOD[2:])  # fmt: skip
    assert status == 0 and progress.count("epoch ") == 1


def test_a_fit_that_diverges_says_so(capsys):
    status, output, _ = main(
        capsys, "fit", DIGITS, *GOOD[1:], "learning_rate=1e38", "--epochs", "1"
    )
    assert status == 1
    assert "diverged at step 1" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (GOOD[:4], "missing ['l2']"),
        ((*GOOD, "l3=1"), "unknown ['l3']"),
        ((*GOOD[:4], "l2=much"), "got l2=much; expected a number"),
        ((*GOOD[:4], "l2=True"), "got l2=True; expected a number"),
        ((*GOOD, "batch_size=5000"), "batch_size=5000 for 1078 training examples"),
        ((*GOOD, "batch_size=x"), "got batch_size=x; expected int, such as 64"),
        ((*GOOD[:4], "l2"), "got l2=; expected a number"),
    ],
)
def test_hyperparameters_that_cannot_be_used_are_refused(capsys, arguments, message):
    status, output, error = main(capsys, "fit", DIGITS, *arguments)
    assert status == 2
    assert message in error and error.startswith("jaxdl: error: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no experiment file"),
        ("recipe = space = 1", "does not define data"),
        ("x = 1", "does not define recipe, space, data"),
        ("recipe = space = data = 1", "expected a function and jaxdl.data.Splits"),
    ],
)
def test_files_that_are_no_experiment_are_refused(capsys, tmp_path, text, message):
    file = tmp_path / "experiment.py"
    if text is not None:
        file.write_text(text)
    for command in ("sweep", "fit"):
        status, _, error = main(capsys, command, str(file))
        assert status == 2 and message in error


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


def test_a_recipe_that_branches_is_refused_with_its_line_and_the_way_out(
    capsys, tmp_path
):
    file = tmp_path / "experiment.py"
    file.write_text(BRANCHING)
    status, _, error = main(capsys, "sweep", str(file))
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
def test_mistakes_in_a_recipe_are_told_with_their_line(
    capsys, tmp_path, old, new, message
):
    file = tmp_path / "experiment.py"
    text = BRANCHING.replace('range(hp["layers"])', "range(2)")
    assert old in text
    file.write_text(text.replace(old, new))
    status, _, error = main(capsys, "sweep", str(file))
    assert status == 2 and "experiment.py, line" in error and message in error


WRONG = """
import jax
import jaxdl as dl
from jaxdl import nn, optim
data = dl.data.load("digits")
space = {"rate": dl.LogUniform(1e-3, 1e-1), "act": dl.Static(["wrong", "tanh"])}
@jax.custom_jvp
def wrong(x):
    return x
wrong.defjvps(lambda t, y, x: 1.1 * t)
def recipe(hp):
    act = {"wrong": wrong, "tanh": nn.tanh}[hp["act"]]
    model = nn.serial(nn.dense(8), act, nn.dense(10))
    return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
"""


def test_check_finds_nothing_wrong_with_the_digits(capsys):
    status, output, _ = main(capsys, "check", DIGITS, "units=16")
    assert status == 0
    assert output.count("\nok  ") + output.startswith("ok  ") == 6
    assert "1,078 train, 360 dev, 359 test" in output
    assert "signal: neither explodes nor vanishes" in output
    assert output.count("correct, score") == 2


@pytest.mark.parametrize(("act", "status"), [("wrong", 1), ("tanh", 0)])
def test_check_tells_a_wrong_gradient_from_a_right_one(capsys, tmp_path, act, status):
    file = tmp_path / "experiment.py"
    file.write_text(WRONG)
    found, output, _ = main(capsys, "check", str(file), f"act={act}")
    assert found == status
    assert output.count("LOOK  gradient") == 2 * status
    assert ("wrong, score" in output) == ("worst at 0." in output) == bool(status)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("act=relu",), "got act=relu; expected one of"),
        (("rte=1",), "unknown ['rte']"),
        (("rate=fast",), "got rate=fast; expected a number"),
    ],
)
def test_check_refuses_hyperparameters_as_fit_does(
    capsys, tmp_path, arguments, message
):
    file = tmp_path / "experiment.py"
    file.write_text(WRONG)
    status, _, error = main(capsys, "check", str(file), *arguments)
    assert status == 2 and message in error


def test_what_check_is_not_told_is_the_middle_of_its_range():
    space = {
        "rate": dl.LogUniform(1e-4, 1.0), "units": dl.IntUniform(1, 3), "depth": 2,
        "act": dl.Static(["a", "b", "c"]), "given": np.array([0.5, 0.7]), "none": None,
    }  # fmt: skip
    hp = hyperparameters(space, ["depth=5"], middle=True)
    assert float(hp["rate"]) == pytest.approx(1e-2)
    assert (int(hp["units"]), hp["depth"], hp["act"], hp["none"]) == (2, 5, "b", None)
    assert float(hp["given"]) == 0.5


def test_patience_stops_a_fit_and_members_of_a_sweep(capsys):
    status, output, progress = main(
        capsys, "fit", DIGITS, *GOOD, "units=16", "--epochs", "30", "--patience", "1"
    )
    assert status == 0
    assert 2 <= progress.count("epoch ") < 30
    errors = [
        float(line.split("dev_error ")[1].split()[0])
        for line in progress.splitlines() if "dev_error" in line
    ]  # fmt: skip
    kept = float(output.split("dev error ")[1].split("%")[0])
    assert kept == pytest.approx(100 * min(errors), abs=0.01)
    status, output, _ = main(
        capsys, "sweep", DIGITS, "--members", "4", "--epochs", "30", "--patience", "1"
    )
    assert status == 0 and output.count("stopped at step") == 4


def test_an_experiment_may_import_what_lies_beside_it(capsys, tmp_path):
    (tmp_path / "beside_it.py").write_text("from jaxdl import nn\n")
    file = tmp_path / "experiment.py"
    file.write_text("import beside_it\nrecipe = space = 1\n")
    status, _, error = main(capsys, "sweep", str(file))
    assert status == 2 and "does not define data" in error


def test_a_sweep_in_which_all_diverge_says_so(capsys, tmp_path):
    file = tmp_path / "experiment.py"
    file.write_text(
        BRANCHING.replace("dl.IntUniform(1, 3)", "2").replace(
            "1e-3, 1e-1", "1e37, 1e38"
        )
    )
    out = tmp_path / "out"
    status, output, _ = main(
        capsys, "sweep", str(file), "--members", "3", "--epochs", "2", "--out", str(out)
    )
    assert status == 1
    assert "all 3 members diverged" in output and "diverged at step 1" in output
    assert (out / "members.csv").exists() and not (out / "best.npz").exists()


def test_a_sweep_speaks_json(capsys, tmp_path):
    out = tmp_path / "out"
    status, output, progress = main(
        capsys, "sweep", DIGITS, "--members", "3", "--epochs", "2", "--json",
        "--repeats", "2", "--out", str(out),
    )  # fmt: skip
    *told, last = map(json.loads, output.splitlines())
    assert status == 0 and progress == ""
    assert told[-1]["progress"]["done"] == 1 and told[-1]["progress"]["alive"] == 6
    summary = last["summary"]
    assert summary["kind"] == "configuration" and summary["count"] == 3
    assert summary["everywhere"] == {"units": 64, "batch_size": 64}
    rows = list(csv.DictReader((out / "members.csv").read_text().splitlines()))
    best = [row for row in rows if int(row["configuration"]) == summary["best"]]
    assert summary["errors"]["dev_error"] == float(best[0]["dev_error"])
    mean = sum(float(row["dev_error"]) for row in best) / 2
    assert summary["noise"]["dev_error"] == pytest.approx(mean, rel=1e-6)
    assert summary["table"][0]["dev_error"] == summary["noise"]["dev_error"]
    assert summary["importance"] is None  # of so few nothing can be told


def test_what_json_cannot_hold_is_null_or_text():
    found = plain({"a": (np.float32(0.5), np.nan, -np.inf), 1: [np.arange(2), nn]})
    assert found == {"a": [0.5, None, None], "1": [[0, 1], str(nn)]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", DIGITS, "--members", "0"), ("sweep", DIGITS, "--epochs", "x"),
        ("sweep",), ("fly",), (), ("sweep", DIGITS, "l2=1"), ("fit", DIGITS, "--fast"),
        ("sweep", DIGITS, "--seed", "-1"), ("sweep", DIGITS, "--seed", str(2**64)),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_end_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_an_output_folder_that_cannot_be_written_is_refused_at_once(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, error = main(
        capsys, "sweep", DIGITS, "--out", str(tmp_path / "file" / "run")
    )
    assert status == 2 and "cannot write the output folder" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(capsys, tmp_path):
    tmp_path.chmod(0o500)
    status, _, error = main(capsys, "sweep", DIGITS, "--out", str(tmp_path / "run"))
    assert status == 2 and "cannot write the output folder" in error


def test_the_command_is_installed():
    from importlib.metadata import entry_points

    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "jaxdl")
    assert script.load() is cli.main


def test_the_readmes_example_runs(digits, capsys, monkeypatch, tmp_path):
    text = (ROOT / "README.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    assert len(example.splitlines()) <= 32
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102
    assert names["best"].evaluate(digits.dev)["error"] < 0.05
    assert "learning_rate" in capsys.readouterr().out
    assert jax.tree.leaves(names["best"].params)


def test_too_little_memory_is_told_without_a_traceback(capsys, monkeypatch):
    def full(*_, **__):
        raise MemoryError("a block of 16 members needs 9 MiB")

    monkeypatch.setattr("jaxdl.cli.commands.sweep", full)
    status, _, error = main(capsys, "sweep", DIGITS)
    assert status == 2 and error == "jaxdl: error: a block of 16 members needs 9 MiB\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "nowhere", DIGITS), "has no run.sqlite"),
        (("export", "nowhere", DIGITS, "--member", "3"), "has no run.sqlite"),
        (("sweep", DIGITS, "--search", "nonsense"), "expected one of random, sobol"),
        (("sweep", DIGITS, "--search", "pbt:x"), "expected one of random, sobol"),
        (("sweep", DIGITS, "--extend"), "expected the folder of a run"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message, capsys):
    try:
        status, _, error = main(capsys, *arguments)
    except SystemExit as end:
        status, error = end.code, capsys.readouterr().err
    assert status == 2 and message in error and "Traceback" not in error


def test_the_doctor_names_what_is_wrong(capsys, tmp_path):
    status, printed, _ = main(capsys, "doctor", str(tmp_path))
    assert status == 1 and "LOOK" in printed and "run.sqlite" in printed


READERS = {
    "reads nothing": "os.set_blocking(2, False)\nwhile os.write(2, bytes(4096)): pass",
    "is gone": "os.close(2)",
}


@pytest.mark.skipif(os.name == "nt", reason="needs signals and pipes of POSIX")
@pytest.mark.parametrize("reader", READERS)
def test_a_command_is_ended_though_nobody_reads_what_it_says(reader):
    program = f"""
import contextlib, os, sys, time
from jaxdl.cli.supervise import supervise
def work():
    with contextlib.suppress(BlockingIOError):
        {READERS[reader].replace(chr(10), chr(10) + 8 * " ")}
    if {reader == "reads nothing"}:
        os.set_blocking(2, True)
    print("ready", flush=True)
    time.sleep(60)
supervise(work, resumable=True)
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, **pipes) as ended:
        assert ended.stdout.readline() == b"ready\n"
        ended.send_signal(signal.SIGTERM)
        began = time.monotonic()
        ended.send_signal(signal.SIGINT)  # before the first is answered, or after
        try:
            assert ended.wait(10) == 75
            assert time.monotonic() - began < 1
        finally:
            ended.kill()


SMALL = """
import jax
import jaxdl as dl
from jaxdl import nn, optim
def recipe(hp):
    return dl.Recipe(nn.dense(10), optim.adam(hp["rate"]), nn.softmax_cross_entropy)
space = {"rate": dl.LogUniform(1e-3, 1e-1)}
data = dl.data.load("digits")
"""


def test_what_a_run_does_not_have_is_not_exported(capsys, tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    (tmp_path / "other.py").write_text(
        SMALL + "data = data._replace(dev=jax.tree.map(lambda x: x[1:], data.dev))\n"
    )
    path = str(tmp_path / "small.py")
    given = [path, "--members", "16", "--epochs", "1", "--search", "refine:2"]
    folder = str(tmp_path / "run")
    assert main(capsys, "sweep", *given, "--out", folder)[0] == 0
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as database:
        for table in ("records", "hyperparameters", "rungs"):  # as before the last rung
            database.execute(f"DELETE FROM {table} WHERE rung = 1")
        database.execute("DELETE FROM digests WHERE what = 'rung' AND number = 1")
    database.close()
    for file, member, message in (
        ("small.py", "15", "got member 15, which has not trained yet"),
        ("other.py", "0", "got a file whose data are not the run's"),
    ):
        path = str(tmp_path / file)
        status, _, error = main(capsys, "export", folder, path, "--member", member)
        assert status == 2 and message in error and "Traceback" not in error
    assert main(capsys, "export", folder, str(tmp_path / "small.py"))[0] == 0
