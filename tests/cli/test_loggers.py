"""`jaxdl log` on the folder of a run."""

from pathlib import Path

import pytest

from jaxdl import cli, interop
from tests.interop.conftest import within


@pytest.fixture
def log(main, small_sweep, run_dir, small_file, tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main("log", run_dir, small_file, *arguments)


def test_tensorboard_has_the_best_in_a_folder_of_the_run_s_name(
    log, tmp_path, small_sweep
):
    pytest.importorskip("tensorboardX")
    status, output, _ = log("tensorboard", "--members", "top:2")
    out = "logs/a run"
    assert status == 0
    assert output == f"runs in {out}: tensorboard --logdir '{out}'\n"
    best = {f"member {i}" for i in small_sweep.ranking()[:2]}
    assert {path.parent.name for path in within(tmp_path / out)} == best


def test_a_study_has_the_scales_of_the_file_s_space(log, small_sweep):
    optuna = pytest.importorskip("optuna")
    status, output, _ = log("optuna", "--members", "all", "--out", "sqlite:///s.db")
    assert status == 0 and output.endswith(": optuna-dashboard sqlite:///s.db\n")
    study = optuna.load_study(storage="sqlite:///s.db", study_name="a run")
    assert len(study.trials) == 32
    assert study.best_value == small_sweep.mean()["dev_error"].min()
    distributions = study.trials[0].distributions
    assert distributions["learning_rate"] == (
        optuna.distributions.FloatDistribution(1e-3, 1.0, log=True)
    )
    assert distributions["units"] == optuna.distributions.IntDistribution(8, 12)
    assert distributions["decay"] == (
        optuna.distributions.CategoricalDistribution([0.0, 0.5])
    )
    status, _, error = log("optuna", "--out", "sqlite:///s.db")
    assert status == 2 and "has a study 'a run' already" in error


@pytest.mark.heavy
def test_wandb_prints_nothing_but_where_the_runs_are(log, tmp_path):
    pytest.importorskip("wandb")
    status, output, error = log("wandb", "--members", "best", "--out", "w")
    assert (status, error) == (0, "")
    assert output == "runs in w: cd w && wandb sync wandb/offline-run-*\n"
    assert len([*tmp_path.glob("w/wandb/offline-run-*")]) == 1


def test_mlflow_s_sweep_has_the_name_of_the_run(log, monkeypatch):
    asked, written = [], []

    def mlflow(*arguments, **named):
        asked.append((arguments, named))
        return written.extend

    monkeypatch.setattr(interop, "mlflow", mlflow)
    status, output, _ = log("mlflow", "--members", "quantiles")
    assert status == 0 and output == "runs in .: cd . && mlflow ui\n"
    assert asked == [((str(Path.cwd()),), {"name": "a run"})]
    assert [run.name for run in written][2] == "quantile 0.5"


def test_a_path_that_cannot_be_is_refused(log, tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    status, output, error = log("tensorboard", "--out", "file")
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


@pytest.mark.parametrize("url", ["sqlite:////nonexistent/o.db", "foo://bar"])
def test_a_storage_that_cannot_be_opened_is_refused(log, url):
    pytest.importorskip("optuna")
    status, output, error = log("optuna", "--out", url)
    assert (status, output) == (2, "") and len(error.splitlines()) == 1
    assert "which Optuna cannot open" in error
