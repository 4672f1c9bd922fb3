"""`jaxdl fit --out RUN`: a run of one model, interrupted, changed and resumed."""

import numpy as np
import pytest

from jaxdl import runs
from jaxdl.experiment import load
from jaxdl.sweeps import load_member
from tests.cli.conftest import LINEAR
from tests.sweeps.kept import assert_same_member, cut_after

EPOCHS = ("--epochs", "4")


@pytest.fixture
def run(main, linear, tmp_path):
    """Trains, or resumes, the run of this test with further arguments."""
    return lambda *words: main(
        "fit", linear, *words, *EPOCHS, "--out", tmp_path / "run"
    )


def rates(member):
    return [(epoch, hp["rate"].item()) for epoch, hp in member.history]


def as_float32(*pairs):
    return [(epoch, np.float32(rate).item()) for epoch, rate in pairs]


def read(run_dir, file):
    return load_member(run_dir, load(file).recipe, 0)


def test_a_fit_makes_a_run_that_other_commands_read(
    run, main, linear, monkeypatch, tmp_path
):
    monkeypatch.setattr("jaxdl.report.page.FIGURES", {})
    status, output, progress = run("rate=0.01")
    folder = tmp_path / "run"
    assert status == 0 and progress.count("epoch ") == 4
    assert output.splitlines()[-1] == f"results in {folder}"
    assert main("doctor", folder)[0] == 0
    status, output, _ = main("replay", folder, linear)
    assert status == 0 and "member 0 has the same bits" in output
    assert main("report", folder, linear)[0] == 0
    assert runs.is_finished(folder)


def test_the_same_command_resumes_it(run, main, linear, tmp_path):
    assert (
        main("fit", linear, "rate=0.01", *EPOCHS, "--out", tmp_path / "whole")[0] == 0
    )
    with cut_after(2):
        run("rate=0.01")
    status, _, progress = run("rate=0.01")
    assert status == 0 and "from epoch" not in progress
    members = (read(tmp_path / name, linear) for name in ("run", "whole"))
    assert_same_member(*members)


def test_another_value_holds_from_the_next_epoch_on(run, linear, tmp_path):
    with cut_after(2):
        run("rate=0.01", "beta=0.8")
    with cut_after(1):
        run("rate=0.02")
    status, _, progress = run()
    member = read(tmp_path / "run", linear)
    assert status == 0 and progress.count("from epoch") == 1  # of all three commands
    assert rates(member) == as_float32((0, 0.01), (2, 0.02))
    assert member.hparams["beta"] == np.float32(0.8)


def test_a_name_may_have_the_prefix_of_tables(run, linear, tmp_path):
    with cut_after(1):
        run("hparams.rate=0.01")
    assert run("hparams.rate=0.02")[0] == 0
    member = read(tmp_path / "run", linear)
    assert rates(member) == as_float32((0, 0.01), (1, 0.02))


def test_a_change_is_told(run):
    with cut_after(1):
        run("rate=0.01")
    assert "from epoch 2 on: rate=0.02" in run("rate=0.02")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["units=11"], "change of units to 11, which is static"),
        (["rat=0.1"], "unknown ['rat']"),
        (["rate=0.01", "--seed", "1"], "seed: got 1, recorded 0"),
    ],
    ids=str,
)
def test_what_cannot_change_is_refused_at_once(words, message, run):
    with cut_after(1):
        run("rate=0.01")
    status, _, error = run(*words)
    assert status == 2 and message in error


def test_a_run_that_has_ended_takes_no_other_value(run):
    assert run("rate=0.01")[0] == 0
    status, _, error = run("rate=0.02")
    assert status == 2 and "got rate=0.02 for the run" in error and "has ended" in error
    assert run("rate=0.01")[0] == 0


CHOICES = """
from typing import NamedTuple
class Hparams(NamedTuple):
    optimizer: object
    activation: object
    units: object
    rate: float
space = Hparams(
    dl.Either({"adam": {"beta1": dl.Uniform(0.5, 0.99)}, "sgd": {}}),
    dl.Among(["relu", "tanh"]),
    dl.AsSize(dl.IntUniform(3, 9)),
    dl.LogUniform(1e-3, 1e-1),
)
def recipe(hp):
    among = nn.among(hp.activation, {"relu": nn.relu, "tanh": nn.tanh})
    model = nn.serial(nn.dense(hp.units), among, nn.dense(10))
    chosen = hp.optimizer.values.get("beta1", 0.0)
    optimizer = optim.momentum(hp.rate, beta=chosen)
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy)
"""


@pytest.mark.heavy
def test_values_of_every_kind_make_a_run(main, write, tmp_path):
    file, folder = write(LINEAR + CHOICES), tmp_path / "run"
    values = ("activation=tanh", "units=5", "rate=0.05")
    adam = ("optimizer.name=adam", "optimizer.adam.beta1=0.9")
    given = ("fit", file, "--epochs", "2", "--out", folder)
    with cut_after(1):
        main(*given, *values, *adam)
    status, _, error = main(*given, "units=6")
    assert status == 2 and "change of units to 6, which is a size" in error
    status, _, progress = main(*given, "optimizer.adam.beta1=0.8")
    assert status == 0 and "from epoch 2 on: optimizer.adam.beta1=0.8" in progress
    assert main("replay", folder, file)[0] == 0
