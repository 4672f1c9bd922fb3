"""`jaxdl plot` and `jaxdl report` on the folder of a run."""

import shutil

import numpy as np
import pytest

from jaxdl import cli, report
from jaxdl.report.figures import FIGURES
from tests.small import EXPERIMENT

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("small_sweep")


@pytest.mark.parametrize(
    "name", ["hyperparameters", "confusion", "worst_examples", "learning_rates"]
)
def test_a_figure_of_a_run_is_drawn(
    main, tmp_path, monkeypatch, run_dir, small_file, name
):
    monkeypatch.chdir(tmp_path)
    status, output, _ = main("plot", run_dir, small_file, name)
    assert status == 0 and output == f"figure in {name}.png\n"
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_rates_without_a_schedule_are_refused(main, write, run_dir):
    file = write(EXPERIMENT.replace("rate as schedule, ", ""))
    status, _, error = main("plot", run_dir, file, "learning_rates")
    assert status == 2 and "defines no schedule" in error


def test_the_scales_are_those_of_the_file_s_space(
    main, tmp_path, monkeypatch, small_sweep, run_dir, small_file
):
    seen = []

    def shown(result):
        seen.append(result)
        return report.hyperparameters(result)

    row = FIGURES["hyperparameters"]._replace(function=shown)
    monkeypatch.setitem(FIGURES, "hyperparameters", row)
    out = tmp_path / "a.SVG"
    status, *_ = main("plot", run_dir, small_file, "hyperparameters", "--out", out)
    assert status == 0 and b"<svg" in out.read_bytes()
    figure = shown(seen[0])
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert "beta\n(log scale of 1 − beta)" in labels
    np.testing.assert_array_equal(
        seen[0].metrics["dev_error"], small_sweep.metrics["dev_error"]
    )


def test_the_page_of_a_run_is_written(main, tmp_path, monkeypatch, run_dir, small_file):
    monkeypatch.setattr("jaxdl.report.page.FIGURES", {})
    out = tmp_path / "page.html"
    status, output, _ = main("report", run_dir, small_file, "--out", out)
    assert status == 0 and output == f"report in {out}\n"
    page = out.read_text()
    assert "Sweep a run: 32 members" in page and "on the train set" in page
    assert f"dl.replay({str(run_dir)!r}, recipe, data, member=" in page
    assert "LogUniform(low=0.001, high=1.0)" in page and "jaxlib" in page


def test_the_page_is_beside_what_the_run_keeps(
    main, tmp_path, monkeypatch, small_sweep, run_dir, small_file
):
    monkeypatch.setattr("jaxdl.report.page.FIGURES", {})
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    status, output, _ = main("report", copy, small_file)
    assert status == 0 and output == f"report in {copy / 'report.html'}\n"
    assert "Sweep copy: 32 members" in (copy / "report.html").read_text()
    status, output, _ = main("doctor", copy)
    assert status == 0 and output.endswith("ok    the run is whole\n")


def test_a_run_without_a_best_member_has_no_figure_of_it(
    main, tmp_path, monkeypatch, small_sweep, run_dir, small_file
):
    monkeypatch.setattr(type(small_sweep), "has_best", lambda _: False)
    out = tmp_path / "a.png"
    status, _, error = main("plot", run_dir, small_file, "signal", "--out", out)
    assert status == 1 and "no member of the run has a finite dev error" in error
    assert not out.exists()


@pytest.mark.parametrize("command", ["plot", "report"])
def test_a_folder_without_a_run_is_refused(main, tmp_path, small_file, command):
    name = ["funnel"] * (command == "plot")
    status, _, error = main(command, tmp_path / "none", small_file, *name)
    assert status == 2 and error.startswith("jaxdl: error: ")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [("funnel", "--out", "a.gif"), ("funnel", "--out", "a"), ("tea",), ()],
)
def test_arguments_that_make_no_sense_end_with_2(small_file, arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["plot", "run", str(small_file), *arguments])
    assert ended.value.code == 2


def test_a_figure_that_has_nothing_to_draw_says_so_in_the_terminal(
    main, tmp_path, run_dir, small_file
):
    out = tmp_path / "a.svg"
    status, output, _ = main("plot", run_dir, small_file, "lineage", "--out", out)
    assert status == 0 and output == (
        f"figure in {out}, which only says: no member copied the weights of another: "
        "none has ancestors\n"
    )
