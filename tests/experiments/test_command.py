"""The command of the course: what it writes, where, and what it refuses."""

import json

import pytest

from experiments.course import __main__ as first
from experiments.course import command, page


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.dl, "enable_compilation_cache", lambda: None)
    monkeypatch.setattr(page, "FOLDER", tmp_path / "page")
    for name in ("RECORDS", "FIGURES", "PRINTED"):
        monkeypatch.setattr(page, name, tmp_path / "page" / name.lower())
    return tmp_path


def run(monkeypatch, *options):
    monkeypatch.setattr("sys.argv", ["course", *options])
    command.main()


def test_few_seeds_leave_the_page_alone(folder, monkeypatch, capsys):
    run(monkeypatch, "averages", "--seeds", "3")
    out = folder / "runs" / "course"
    record = json.loads((out / "records" / "averages.json").read_text())
    assert [f["number"] for f in record["findings"]] == [20, 20]
    # The mean of 1 - β^(1 / (1 - β)) for β of 0.5, 1 - √0.0005 and 0.999, less 1/2.
    expected = (0.75 + 0.63629 + 0.63230) / 3 - 0.5
    assert record["findings"][0]["mean"] == pytest.approx(expected, abs=1e-4)
    lines = (out / "printed" / "averages.txt").read_text().splitlines()
    assert lines[0] == "1 0.400 4.000"  # 0.1 * 4, 4
    assert "runs/course" in capsys.readouterr().out
    assert not (folder / "page").exists()
    figure = out / "figures" / "averages.svg"
    before = figure.read_bytes()
    run(monkeypatch, "averages", "--seeds", "3")
    assert figure.read_bytes() == before


@pytest.mark.heavy
def test_the_pages_seeds_write_the_page(folder, monkeypatch):
    run(monkeypatch, "averages")
    text = (folder / "page" / "README.md").read_text()
    assert "| 20 | the last 1 / (1 − β) values" in text
    assert "from jaxdl import optim\n\nv = corrected = 0.0" in text
    assert "```text\n1 0.400 4.000\n" in text
    assert (folder / "page" / "figures" / "averages.svg").exists()
    assert (folder / "page" / "course.ipynb").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["avarages"], "got avarages; expected some of split, "),
        (["--seeds", "1"], "got --seeds 1; expected at least 2"),
    ],
)
def test_bad_options_are_refused(options, message, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, *options)
    assert message in capsys.readouterr().err


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(first, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="got no sklearn and no matplotlib.*pip inst"):
        first.main()
