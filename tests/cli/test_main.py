"""What all commands have in common: exit status, errors, files that are refused."""

from importlib.metadata import entry_points

import pytest

from jaxdl import cli
from tests.cli.conftest import DIGITS


def test_the_command_is_installed():
    (script,) = (e for e in entry_points(group="console_scripts") if e.name == "jaxdl")
    assert script.load() is cli.main


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no experiment file"),
        ("recipe = space = 1", "does not define data"),
        ("x = 1", "does not define recipe, space, data"),
        ("recipe = space = data = 1", "expected a function and jaxdl.data.Splits"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(main, tmp_path, write, text, message):
    file = tmp_path / "experiment.py" if text is None else write(text)
    for command in ("sweep", "fit"):
        status, _, error = main(command, file)
        assert status == 2 and message in error


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
