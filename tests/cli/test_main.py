"""What all commands have in common: exit status, errors, files that are refused."""

import sys
from importlib.metadata import entry_points

import pytest

from jaxdl import cli
from tests.cli.conftest import DIGITS, LINEAR


def test_the_command_is_installed():
    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "jaxdl")
    assert script.load() is cli.main


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no experiment file"),
        ("recipe = space = 1", "does not define data"),
        ("x = 1", "does not define recipe, space, data"),
        ("recipe = space = data = 1", "got recipe = 1; expected a function"),
        ("recipe = space = data = 1", "got data of type int; expected jaxdl.data.Sp"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(main, tmp_path, write, text, message):
    file = tmp_path / "experiment.py" if text is None else write(text)
    for command in ("sweep", "fit"):
        status, _, error = main(command, file)
        assert status == 2 and message in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LINEAR}data = [1]", "{}: got data of type list; expected jaxdl.data"),
        (f"{LINEAR}space = 5", "{}: got space = 5; expected hyperparameters by name"),
        ("x = 1\ndef (:", "{}, line 2: `def (:`: invalid syntax"),
        ("a\0b", "{}"),
        ("import nosuch.a", "{}, line 1: `import nosuch.a`: No module named 'nosuch'; "
         "expected the module nosuch beside the file, or installed"),
        ("import jaxdl as dl\nx = dict(\n    rate=dl.LogUniform(1, 0.1),\n)",
         "{}, line 3: `rate=dl.LogUniform(1, 0.1),`: got LogUniform(low=1"),
        ("import jaxdl as dl\nx = dl.data.load('x.csv')",
         "{}, line 2: `x = dl.data.load('x.csv')`: "),
        ("from jaxdl import optim\noptim.adam(0.1, beta1=2)",
         "{}, line 2: `optim.adam(0.1, beta1=2)`: "),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["experiment.py", "experiment.txt"])
def test_an_error_in_a_file_is_a_sentence_with_its_line(
    main, write, monkeypatch, tmp_path, text, message, name
):
    monkeypatch.chdir(tmp_path)
    write(text, name)
    status, _, error = main("sweep", name)
    assert status == 2 and len(error.splitlines()) == 1
    assert error.startswith(f"jaxdl: error: {message.format(name)}")


def test_a_folder_in_the_place_of_a_file_is_named(main, tmp_path):
    (tmp_path / "run.sqlite").write_text("")
    status, _, error = main("sweep", tmp_path.parent)
    assert status == 2 and "which is a folder; expected an experiment file" in error
    status, _, error = main("replay", tmp_path / "a.py", tmp_path)
    assert status == 2 and "a run comes first, RUN FILE" in error


def test_to_extend_names_the_option_that_is_missing(main, linear):
    status, _, error = main("sweep", linear, "--extend")
    assert status == 2 and "got extend without a folder; expected" in error
    assert "--out RUN" in error


def test_an_experiment_may_import_its_neighbor(main, tmp_path, write):
    (tmp_path / "beside_it.py").write_text("from jaxdl import nn\n")
    status, _, error = main("sweep", write("import beside_it\nrecipe = space = 1\n"))
    assert status == 2 and "does not define data" in error


def test_too_little_memory_is_reported_without_a_traceback(main, monkeypatch):
    def full(*_, **__):
        raise MemoryError("a block of 16 members needs 9 MiB")

    monkeypatch.setattr("jaxdl.cli.training.sweep", full)
    status, _, error = main("sweep", DIGITS)
    assert status == 2 and error == "jaxdl: error: a block of 16 members needs 9 MiB\n"


def test_a_keyboard_interrupt_ends_with_130(main, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxdl.cli.training.sweep", interrupted)
    assert main("sweep", DIGITS)[::2] == (130, "jaxdl: interrupted\n")


def test_a_keyboard_interrupt_before_the_work_ends_with_130(main, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxdl.cli.make_parser", interrupted)
    assert main("sweep", DIGITS)[::2] == (130, "jaxdl: interrupted\n")


def test_a_file_that_ends_the_program_is_refused(main, write):
    file = write(f"{LINEAR}\nimport sys\nsys.exit()\n")
    status, output, error = main("sweep", file)
    assert (status, output) == (2, "")
    assert "ends the program" in error and "__main__" in error


def test_a_recipe_that_ends_the_program_fails_the_command(main, write):
    text = LINEAR.replace("    optimizer", "    raise SystemExit(0)\n    optimizer")
    status, _, error = main("sweep", write(text))
    assert status == 2 and "the experiment ended the program (0)" in error


def test_a_file_sees_no_arguments_of_the_command(main, write, tmp_path, monkeypatch):
    """As one that reads its own with argparse, and has a default for each."""
    monkeypatch.setattr("sys.argv", ["jaxdl", "fit", "FILE", "rate=0.01"])
    seen = tmp_path / "seen"
    file = write(
        f"{LINEAR}\nimport argparse, sys\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--size', default=3)\nparser.parse_args()\n"
        "from pathlib import Path\n"
        f"Path({str(seen)!r}).write_text(repr(sys.argv))\n"
    )
    assert main("fit", file, "rate=0.01", "--epochs", "1")[0] == 0
    assert seen.read_text() == repr([str(file)])
    assert sys.argv == ["jaxdl", "fit", "FILE", "rate=0.01"]
