"""`jaxdl replay`, `export` and `doctor` on the folder of a run."""

import shutil

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import experiment
from jaxdl.sweeps import read_result
from tests.cli.conftest import LINEAR
from tests.small import EXPERIMENT
from tests.sweeps.kept import cut_after, damage


def test_the_best_member_is_replayed_to_the_bit(main, small_sweep, run_dir, small_file):
    status, output, _ = main("replay", run_dir, small_file)
    best = small_sweep.ranking()[0]
    error = small_sweep.final()["dev_error"][best]
    assert status == 0 and output == (
        f"member {best} has the same bits as in the run: dev error {error:.2%}\n"
    )


def test_a_whole_run_has_nothing_wrong(main, small_sweep, run_dir):
    status, printed, _ = main("doctor", run_dir)
    assert status == 0 and printed.endswith("ok    the run is whole\n")


def test_the_doctor_names_what_is_wrong(main, tmp_path):
    status, printed, _ = main("doctor", tmp_path)
    assert status == 1 and "LOOK" in printed and "run.sqlite" in printed


@pytest.mark.parametrize(
    "arguments",
    [("replay",), ("export", "--member", "3"), ("export", "--table", "a.csv")],
)
def test_a_folder_without_a_run_is_refused(main, tmp_path, small_file, arguments):
    command, *options = arguments
    status, _, error = main(command, tmp_path / "nowhere", small_file, *options)
    assert status == 2 and "there is no folder" in error and "Traceback" not in error


def test_another_recipe_is_refused(main, write, small_sweep, run_dir):
    file = write(
        f"{EXPERIMENT}\nold = recipe\n"
        "def recipe(hp):\n    return old(hp)._replace(batch_size=64)\n"
    )
    status, _, error = main("replay", run_dir, file)
    assert status == 2 and "is not the run's" in error


def test_a_member_that_has_not_trained_yet_is_refused(main, linear, tmp_path):
    folder = tmp_path / "run"
    given = (linear, "--members", "16", "--epochs", "1", "--block-width", "4")
    with cut_after(1):  # either block of the first half of the members
        main("sweep", *given, "--search", "refine:2", "--out", folder)
    status, _, error = main("export", folder, linear, "--member", "15")
    assert status == 2 and "got member 15, which has not trained yet" in error
    trained = read_result(folder, experiment.load(linear).recipe).trained()
    first = np.flatnonzero(trained)[0]
    assert main("replay", folder, linear, "--member", first)[0] == 0


@pytest.mark.parametrize("command", ["export", "replay", "plot", "report", "log"])
def test_a_run_in_which_nothing_has_trained_is_refused(
    main, monkeypatch, small_sweep, run_dir, small_file, command
):
    monkeypatch.setattr(
        dl.SweepResult, "trained", lambda result: np.zeros(len(result.status), bool)
    )
    more = {"plot": ("funnel",), "log": ("optuna",)}.get(command, ())
    status, _, error = main(command, run_dir, small_file, *more)
    assert status == 2 and "in which nothing has trained yet" in error


@pytest.mark.parametrize(
    "command", ["replay", pytest.param("export", marks=pytest.mark.heavy)]
)
def test_no_member_is_the_best_if_all_diverged(main, write, tmp_path, command):
    file = write(LINEAR.replace("1e-3, 1e-1", "1e38, 2e38"))
    folder = tmp_path / "run"
    given = (file, "--members", "2", "--epochs", "1", "--block-width", "4")
    assert main("sweep", *given, "--out", folder)[0] == 1
    status, _, error = main(command, folder, file)
    assert status == 2 and "got best, and all members diverged" in error
    assert main(command, folder, file, "--member", "1")[0] == 0


def test_the_doctor_shows_each_name_on_its_line(main, small_sweep, run_dir, tmp_path):
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    (copy / "checkpoints" / "\x1b[2J\nok    the run is whole").write_text("")
    status, printed, _ = main("doctor", copy)
    assert status == 0 and printed.count("\nok ") == 1
    assert r"checkpoints/\x1b[2J\nok    the run is whole belongs to" in printed


@pytest.mark.filterwarnings("default")  # the command prints them
def test_a_damaged_record_is_a_line_and_its_members_are_named(main, linear, tmp_path):
    out = tmp_path / "run"
    given = ("--members", "8", "--epochs", "1", "--block-width", "4", "--out", out)
    assert main("sweep", linear, *given)[0] == 0
    damage(max((out / "checkpoints").iterdir(), key=lambda p: int(p.stem)))
    status, output, error = main("replay", out, linear)
    lines = [x for x in error.splitlines() if x.startswith("jaxdl: ")]
    assert status == 0 and "has the same bits as in the run" in output
    assert "Warning" not in error and "jaxdl/" not in error  # no line of source
    assert [line for line in lines if "warning: record" in line]
    lost = "jaxdl: warning: 4 members of the run are lost with damaged records: "
    (line,) = [line for line in lines if line.startswith(lost)]
    numbers = line.removeprefix(lost).split(";")[0].split(", ")
    assert numbers in ([*"0123"], [*"4567"])
    assert output.split()[1] not in numbers


def test_weights_that_are_not_kept_are_had_by_replay(main, linear, tmp_path):
    given = (linear, "--members", "6", "--epochs", "1", "--block-width", "4")
    assert main("sweep", *given, "--keep", "1", "--out", tmp_path / "run")[0] == 0
    recipe = experiment.load(linear).recipe
    best, *_, last = read_result(tmp_path / "run", recipe).ranking()
    asked = (tmp_path / "run", linear, "--member", last)
    status, _, error = main("export", *asked, "--out", tmp_path / "model")
    assert status == 2
    assert f"got member {last}, whose weights are not kept: with keep=1" in error
    assert f"by replay: jaxdl.replay(run, recipe, data, {last})" in error
    status, printed, _ = main("replay", *asked)
    assert status == 0
    assert printed.startswith(f"member {last} has the same curves as in the run")
    status, printed, _ = main("replay", tmp_path / "run", linear)
    assert status == 0
    assert printed.startswith(f"member {best} has the same bits as in the run")
