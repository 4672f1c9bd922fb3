"""The course as a notebook for teachers, made from the scripts.

Each script gives its question, its lines to try, and its measurement with few seeds.
"""

import inspect
import json
from typing import Any

from experiments.course import page
from experiments.course.page import HEADINGS, example, script, title

NAME = "course.ipynb"
FEW = 5  # seeds
START = """\
# A course that runs

Each part asks a question, has ten lines to try and to change, and then measures the
claims of the course over a few seeds: more seeds make the intervals narrower.
[The page of all claims](README.md) has 100 seeds.

In the root of the project, this opens it:

    .venv/bin/pip install -q '.[sklearn,matplotlib]' jupyterlab
    .venv/bin/jupyter lab experiments/course/course.ipynb
"""
SHOW = """\
import sys

from IPython.display import display

sys.path.insert(0, "../..")  # Jupyter starts in the folder of the notebook


def show(outcome):
    for finding in outcome.findings:
        print(finding)
    for figure, text in outcome.figures.values():
        print(text)
        display(figure)
"""


def write() -> None:
    """Writes the notebook, without outputs."""
    text = json.dumps(notebook(), indent=1, ensure_ascii=False)
    (page.FOLDER / NAME).write_text(text + "\n")


def notebook() -> dict[str, Any]:
    """Returns the notebook in the format of Jupyter, version 4.5."""
    cells = [("markdown", START), ("code", SHOW)]
    for heading, names in HEADINGS.items():
        cells.append(("markdown", f"# {heading}"))
        for name in names:
            cells += _part(name)
    return {
        "cells": [_cell(i, *cell) for i, cell in enumerate(cells)],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _part(name: str) -> list[tuple[str, str]]:
    """Returns the cells of a script."""
    module = script(name)
    text = "\n".join((inspect.getdoc(module) or "").splitlines()[2:])
    run = f"show({name}.run(seeds={FEW}, key=1))"
    return [
        ("markdown", f"## {title(module)}\n\n{text}"),
        ("code", example(module)),
        ("code", f"from experiments.course import {name}\n\n{run}"),
    ]


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": f"cell-{number}", "cell_type": kind, "metadata": {}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": text.strip().splitlines(keepends=True)}
