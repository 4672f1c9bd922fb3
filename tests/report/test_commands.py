"""`jaxdl plot` and `jaxdl report` as a user types them."""

import dataclasses

import numpy as np
import pytest

from jaxdl import cli, report
from jaxdl.cli.figures import FIGURES, OF_THE_BEST
from jaxdl.experiment import Experiment
from jaxdl.report import page
from tests.report.conftest import SPACE, drawn, rate, texts

EXPERIMENT = """
import jaxdl as dl
from tests.report.conftest import SPACE as space, rate as schedule, recipe
data = dl.data.load("digits")
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiment") / "experiment.py"
    file.write_text(EXPERIMENT)
    return str(file)


def main(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_every_figure_can_be_asked_for():
    assert {*FIGURES, *OF_THE_BEST} == {*report.__all__} - {"report"}


@pytest.mark.parametrize(
    "name", ["hyperparameters", "confusion", "worst_examples", "learning_rates"]
)
def test_a_figure_of_a_run_is_drawn(
    capsys, tmp_path, monkeypatch, result, run_dir, experiment, name
):
    monkeypatch.chdir(tmp_path)
    status, output, _ = main(capsys, "plot", run_dir, experiment, name)
    assert status == 0 and output == f"figure in {name}.png\n"
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_rates_are_drawn_over_all_steps(result, digits):
    every = Experiment(result.recipe, SPACE, digits, rate)
    (*_, best) = drawn(OF_THE_BEST["learning_rates"](result, every)).axes[0].lines
    steps = 3 * -(-len(digits.train.inputs) // 128)
    assert best.get_xdata()[-1] == steps - 1
    hp = result.best().hparams
    assert best.get_ydata()[-1] == pytest.approx(float(rate(hp)(steps - 1)), rel=1e-6)


def test_rates_without_a_schedule_are_refused(
    capsys, tmp_path, monkeypatch, result, run_dir
):
    file = tmp_path / "experiment.py"
    file.write_text(EXPERIMENT.replace("rate as schedule, ", ""))
    status, _, error = main(capsys, "plot", run_dir, file, "learning_rates")
    assert status == 2 and "defines no schedule" in error


def test_a_page_has_the_rates_of_a_schedule_that_is_given(result, digits):
    for schedule, count in ((rate, 1), (None, 0)):
        shown = page._sections(result, digits, schedule)["Learning"]
        assert [s.alt for s in shown].count("learning rates by step") == count


def test_the_scales_are_those_of_the_file_s_space(
    capsys, tmp_path, monkeypatch, result, run_dir, experiment
):
    shown = []
    monkeypatch.setitem(
        FIGURES, "funnel", lambda r: shown.append(r) or report.hyperparameters(r)
    )
    out = tmp_path / "a.SVG"
    status, _, _ = main(capsys, "plot", run_dir, experiment, "funnel", "--out", out)
    assert status == 0 and b"<svg" in out.read_bytes()
    assert "beta\n(log scale of 1 − beta)" in texts(drawn(FIGURES["funnel"](shown[0])))
    np.testing.assert_array_equal(
        shown[0].metrics["dev_error"], result.metrics["dev_error"]
    )


def test_the_page_of_a_run_is_written(
    capsys, tmp_path, monkeypatch, result, run_dir, experiment
):
    monkeypatch.setattr("jaxdl.report.page._sections", lambda *_: {})
    out = tmp_path / "page.html"
    status, output, _ = main(capsys, "report", run_dir, experiment, "--out", out)
    assert status == 0 and output == f"report in {out}\n"
    page = out.read_text()
    assert "Sweep digits: 32 members" in page and "on the train set" in page
    assert f"dl.replay({str(run_dir)!r}, recipe, data, member=" in page
    assert "LogUniform(low=0.001, high=1.0)" in page and "jaxlib" in page


def test_a_run_without_a_best_member_has_no_figure_of_it(
    capsys, tmp_path, monkeypatch, result, run_dir, experiment
):
    monkeypatch.setattr("jaxdl.cli.report.has_best", lambda result: False)
    out = tmp_path / "a.png"
    status, _, error = main(capsys, "plot", run_dir, experiment, "signal", "--out", out)
    assert status == 1 and "no member of the run has a finite error" in error
    assert not out.exists()


def test_a_run_that_has_just_begun_is_told(
    capsys, monkeypatch, result, run_dir, experiment
):
    begun = dataclasses.replace(result, metrics={})
    monkeypatch.setattr("jaxdl.cli.report.read_result", lambda *_: begun)
    status, _, error = main(capsys, "report", run_dir, experiment)
    assert status == 2 and "has nothing on record yet" in error


@pytest.mark.parametrize("command", ["plot", "report"])
def test_a_folder_without_a_run_is_refused(capsys, tmp_path, experiment, command):
    name = ["funnel"] * (command == "plot")
    status, _, error = main(capsys, command, tmp_path / "none", experiment, *name)
    assert status == 2 and error.startswith("jaxdl: error: ")
    assert "Traceback" not in error


def test_another_recipe_is_refused(capsys, tmp_path, result, run_dir):
    file = tmp_path / "experiment.py"
    file.write_text(
        f"{EXPERIMENT}\nold = recipe\n"
        "def recipe(hp):\n    return old(hp)._replace(batch_size=64)\n"
    )
    status, _, error = main(capsys, "report", run_dir, file)
    assert status == 2 and "is not the run's" in error


@pytest.mark.parametrize(
    "arguments",
    [("funnel", "--out", "a.gif"), ("funnel", "--out", "a"), ("tea",), ()],
)
def test_arguments_that_make_no_sense_end_with_2(experiment, arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["plot", "run", experiment, *arguments])
    assert ended.value.code == 2
