"""The command line on a run that is kept: its folder, the disk, what is added."""

import errno
import os

import pytest

from jaxdl import cli, runs

EXPERIMENT = """
import jaxdl as dl
from tests.sweeps.kept import SPACE as space, small as recipe
data = dl.data.load("digits")
"""
SMALL = ("--members", "2", "--epochs", "1", "--block-width", "4")
MORE = ("--members", "4", "--epochs", "2", "--block-width", "4")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "experiment.py"
    path.write_text(EXPERIMENT)
    return str(path)


@pytest.fixture
def main(capsys):
    """Returns exit status, output and errors of a command."""

    def run(*arguments):
        status = cli.main(arguments)
        return status, *capsys.readouterr()

    return run


def test_members_and_epochs_are_added_by_extend(main, file, tmp_path):
    given = "sweep", file, "--out", str(tmp_path / "run")
    assert main(*given, *SMALL)[0] == 0
    status, _, error = main(*given, *MORE)
    assert status == 2 and "members: got 4, recorded 2" in error
    assert main(*given, *MORE, "--extend")[0] == 0
    assert main("sweep", file, *MORE, "--out", str(tmp_path / "whole"))[0] == 0
    for name in ("members.csv", "run.json"):
        extended, whole = (tmp_path / folder / name for folder in ("run", "whole"))
        assert extended.read_bytes() == whole.read_bytes()
    assert main(*given, *MORE)[0] == 0


def test_a_full_disk_is_told_and_the_same_command_goes_on_when_it_is_freed(
    main, file, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    given = "sweep", file, *MORE, "--out", str(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(runs.arrays, "write", full)
        status, _, error = main(*given)
    assert status == 2 and "No space left" in error and "Traceback" not in error
    assert not runs.is_finished(tmp_path / "run")
    assert main(*given)[0] == 0
    assert runs.is_finished(tmp_path / "run")


def test_a_file_that_changes_folder_does_not_move_the_run(
    main, file, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    with open(file, "a") as script:
        script.write(f"import os\nos.chdir({str(tmp_path / 'there')!r})\n")
    monkeypatch.chdir(tmp_path / "here")
    assert main("sweep", file, *SMALL, "--out", "run")[0] == 0
    assert runs.is_finished(tmp_path / "here" / "run")
    assert not list((tmp_path / "there").iterdir())
    monkeypatch.chdir(tmp_path / "here")
    assert main("replay", "run", file)[0] == 0


@pytest.mark.parametrize("command", ["export", "replay"])
def test_no_member_is_the_best_when_all_diverged(main, file, tmp_path, command):
    with open(file, "a") as script:
        script.write("space = type(space)(1e38)\n")
    folder = str(tmp_path / "run")
    assert main("sweep", file, *SMALL, "--out", folder)[0] == 1
    status, _, error = main(command, folder, file)
    assert status == 2 and "got best, and all diverged" in error
    assert main(command, folder, file, "--member", "1")[0] == 0
