"""The notebook is the one that the scripts make, and it runs."""

import json

import pytest

from experiments.course import notebook, page

FILE = page.FOLDER / notebook.NAME


def test_the_notebook_is_that_of_the_scripts(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    notebook.write()
    assert (tmp_path / notebook.NAME).read_text() == FILE.read_text()


def test_each_script_has_its_question_its_lines_and_its_measurement():
    cells = json.loads(FILE.read_text())["cells"]
    text = ["".join(cell["source"]) for cell in cells]
    for name in page.SCRIPTS:
        at = text.index(page.example(page.script(name)))
        assert text[at - 1].startswith(f"## {page.title(page.script(name))}")
        assert f"{name}.run(seeds=5, key=1)" in text[at + 1]


@pytest.mark.heavy
def test_the_notebook_runs():
    nbformat = pytest.importorskip("nbformat", reason="needs pip install '.[docs]'")
    client = pytest.importorskip("nbclient", reason="needs pip install '.[docs]'")
    cells = nbformat.read(FILE, as_version=4)
    nbformat.validate(cells)
    folder = {"metadata": {"path": FILE.parent}}
    client.NotebookClient(cells, timeout=900, resources=folder).execute()
    shown = [out for cell in cells.cells for out in cell.get("outputs", ())]
    assert sum("image/png" in out.get("data", {}) for out in shown) >= len(page.SCRIPTS)
