"""`jaxdl log` as a user types it, and a sweep that is looked at while it goes on."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import cli, experiment, interop
from jaxdl.searches import Rung
from jaxdl.spaces import sample
from jaxdl.sweeps import read_result
from tests.interop.conftest import within

EXPERIMENT = """
import jaxdl as dl
from jaxdl import nn, optim

space = {"rate": dl.LogUniform(1e-3, 1e-1), "units": dl.Choice([8, 16])}
data = dl.data.load("digits")

def recipe(hp):
    optimizer = optim.gradient_descent(hp["rate"])
    model = nn.serial(nn.dense(10))
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=256)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiment") / "experiment.py"
    file.write_text(EXPERIMENT)
    return file


@pytest.fixture(scope="module")
def meanwhile():
    """What a logger was given after the first of two epochs of the sweep below."""
    return []


@pytest.fixture(scope="module")
def run_dir(file, tmp_path_factory, meanwhile):
    """The folder of a sweep of three members, which are logged between two rungs."""
    folder = tmp_path_factory.mktemp("runs") / "a run"
    recipe, space, data, _ = experiment.load(file)

    def search(key, space, members, epochs):
        ids, hparams = np.arange(members), sample(key, space, members)
        yield Rung(ids, hparams, np.full(members, 1))
        interop.log(read_result(folder, recipe), meanwhile.extend)
        yield Rung(ids, hparams, np.full(members, 2))

    settings = {"key": jax.random.key(0), "members": 3, "epochs": 2, "search": search}
    settings |= {"run_dir": folder, "plan": dl.Plan(4), "progress": False}
    dl.sweep(recipe, space, data, **settings)
    return folder


@pytest.fixture
def main(run_dir, file, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def main(*arguments):
        status = cli.main(["log", str(run_dir), str(file), *arguments])
        return status, *capfd.readouterr()

    return main


@pytest.fixture
def result(run_dir, file):
    return read_result(run_dir, experiment.load(file).recipe)


def test_a_sweep_that_goes_on_is_logged_as_far_as_it_is(run_dir, meanwhile, result):
    now = {run.name: run for run in interop.every(result)}
    assert len(meanwhile) == len(now) == 3
    for run in meanwhile:
        assert run.epochs == now[run.name].epochs[:1]
        assert run.hparams == now[run.name].hparams
        assert (run.status, now[run.name].status) == ("running", "finished")


def test_tensorboard_has_the_best_in_a_folder_of_the_run_s_name(main, tmp_path, result):
    pytest.importorskip("tensorboardX")
    status, output, _ = main("tensorboard", "--members", "top:2")
    out = "logs/a run"
    assert status == 0
    assert output == f"runs in {out}: tensorboard --logdir '{out}'\n"
    best = {f"member {i}" for i in result.ranking()[:2]}
    assert {path.parent.name for path in within(tmp_path / out)} == best


def test_a_study_has_the_scales_of_the_file_s_space(main, tmp_path, result):
    optuna = pytest.importorskip("optuna")
    status, output, _ = main("optuna", "--members", "all", "--out", "sqlite:///s.db")
    assert status == 0 and output.endswith(": optuna-dashboard sqlite:///s.db\n")
    study = optuna.load_study(storage="sqlite:///s.db", study_name="a run")
    assert len(study.trials) == 3
    assert study.best_value == result.mean()["dev_error"].min()
    assert study.trials[0].distributions == {
        "rate": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True),
        "units": optuna.distributions.CategoricalDistribution([8, 16]),
    }
    status, _, error = main("optuna", "--out", "sqlite:///s.db")
    assert status == 2 and "has a study 'a run' already" in error


def test_wandb_says_nothing_but_where_the_runs_are(main, tmp_path):
    pytest.importorskip("wandb")
    status, output, error = main("wandb", "--members", "best", "--out", "w")
    assert (status, error) == (0, "")
    assert output == "runs in w: cd w && wandb sync wandb/offline-run-*\n"
    assert len([*tmp_path.glob("w/wandb/offline-run-*")]) == 1


def test_mlflow_s_sweep_has_the_name_of_the_run(main, monkeypatch):
    asked, written = [], []

    def mlflow(*arguments, **named):
        asked.append((arguments, named))
        return written.extend

    monkeypatch.setattr(interop, "mlflow", mlflow)
    status, output, _ = main("mlflow", "--members", "quantiles")
    assert status == 0 and output == "runs in .: cd . && mlflow ui\n"
    assert asked == [((".",), {"name": "a run"})]
    assert [run.name for run in written][2] == "quantile 0.5"


def test_a_path_that_cannot_be_is_told(main, tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    status, output, error = main("tensorboard", "--out", "file")
    assert status == 2 and not output
    assert error.startswith("jaxdl: error: ") and "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [(), ("tea",), ("mlflow", "--members", "top:0"), ("mlflow", "--members", "worst")],
)
def test_arguments_that_make_no_sense_end_with_2(arguments, capfd):
    with pytest.raises(SystemExit) as ended:
        cli.main(["log", "run", "file.py", *arguments])
    assert ended.value.code == 2
    if "--members" in arguments:
        assert "expected best, top:K with K of at least 1" in capfd.readouterr().err
