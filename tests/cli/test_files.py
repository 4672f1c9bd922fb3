"""What the commands take as a path, and what they do not replace."""

import argparse
import os
import shutil
from pathlib import Path

import pytest

from jaxdl import cli
from jaxdl.cli import files
from tests.cli.conftest import LINEAR


def test_the_user_s_folder_is_expanded_where_no_shell_does(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.path("~/a") == files.folder("~/a") == tmp_path / "a"


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", "a.py", "--out", ""), ("sweep", ""),
        ("report", "run", "a.py", "--out="),
        ("plot", "run", "a.py", "funnel", "--out", ""), ("doctor", ""),
        ("export", "run", "a.py", "--out", ""), ("export", "run", "a.py", "--table="),
        ("log", "run", "a.py", "optuna", "--out", ""),
        ("more-data", "a.py", "--out", ""),
    ],
)  # fmt: skip
def test_an_empty_path_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "got an empty path; expected" in capsys.readouterr().err


@pytest.fixture
def copy(small_sweep, run_dir, tmp_path):
    """A copy of a run."""
    return shutil.copytree(run_dir, tmp_path / "copy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("more-data", "FILE", "--out", "no/a.png"), "no is no folder; expected"),
        (("report", "RUN", "FILE", "--out", "no/a.html"), "no is no folder; expected"),
        (("report", "RUN", "FILE", "--out", "taken"), "which is a folder; expected"),
        (("plot", "RUN", "FILE", "funnel", "--out", "no/a.svg"), "no is no folder"),
        (("export", "RUN", "FILE", "--out", "no/a"), "no is no folder"),
        (("export", "RUN", "FILE", "--onnx", "text/a"), "text is no folder"),
        (("export", "RUN", "FILE", "--stablehlo", "taken"), "which is a folder"),
        (("export", "RUN", "FILE", "--table", "no/a.csv"), "no is no folder"),
        (("ensemble", "RUN", "FILE", "--export", "no/a"), "no is no folder"),
        (("log", "RUN", "FILE", "tensorboard", "--out", "text/a"), "cannot write in"),
        (("log", "RUN", "FILE", "optuna", "--out", "no/a"), "no is no folder"),
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_written_is_refused_before_any_work(
    main, tmp_path, monkeypatch, write, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "text").write_text("")
    known = {"FILE": write("raise AssertionError"), "RUN": tmp_path}
    status, _, error = main(*(known.get(word, word) for word in arguments))
    assert status == 2 and message in error and len(error.splitlines()) == 1


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", f"{dir}/tmp123")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OSError, match="cannot write in") as refused:
        files.check_writable(tmp_path / "no" / "such")
    assert f"{tmp_path} (Permission denied); expected" in str(refused.value)


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("report", "experiment.py"), ("report", "a link.html"),
        ("report", "copy/owner"),
        ("report", "copy/run.sqlite"), ("report", "copy/checkpoints/a.html"),
        ("log", "copy/run.sqlite"), ("log", "sqlite:///copy/run.sqlite"),
        ("log", "copy/checkpoints"), ("export", "copy/checkpoints/0"),
    ],
)  # fmt: skip
def test_a_command_does_not_replace_what_it_reads(
    main, copy, small_file, tmp_path, monkeypatch, command, out
):
    monkeypatch.chdir(tmp_path)
    file = Path(shutil.copy(small_file, "experiment.py"))
    os.symlink(file, "a link.html")
    before = contents(tmp_path)
    more = ("optuna",) if command == "log" else ()
    status, _, error = main(command, copy, file, *more, "--out", out)
    assert status == 2 and "expected another path" in error
    assert contents(tmp_path) == before


def test_an_export_may_have_the_name_of_the_database(main, copy, small_file, tmp_path):
    """Its files have other endings."""
    pytest.importorskip("safetensors")
    assert main("export", copy, small_file, "--out", copy / "run")[0] == 0
    assert main("doctor", copy)[0] == 0


def test_a_file_that_changes_folder_does_not_move_what_is_written(
    main, write, tmp_path, monkeypatch, small_sweep, run_dir, small_file
):
    monkeypatch.setattr("jaxdl.report.page.FIGURES", {})
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    moves = f"import os\nos.chdir({str(tmp_path / 'there')!r})\n"
    file = write(small_file.read_text() + moves)
    monkeypatch.chdir(tmp_path / "here")
    status, output, _ = main("report", run_dir, file, "--out", "report.html")
    assert (status, output) == (0, "report in report.html\n")
    assert (tmp_path / "here" / "report.html").exists()
    assert not list((tmp_path / "there").iterdir())


def test_what_is_no_output_is_free(tmp_path):
    options = argparse.Namespace(file=tmp_path / "a.py", run_dir=tmp_path / "run")
    for name in ("b.py", "run/a.html", "run.sqlite", "run"):
        assert files.output(tmp_path / name, options) == tmp_path / name


def test_options_have_their_whole_names(write, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["sweep", str(write(LINEAR)), "--member", "2"])
    assert ended.value.code == 2
    assert (
        "got --member 2; expected an argument of jaxdl sweep" in capsys.readouterr().err
    )
