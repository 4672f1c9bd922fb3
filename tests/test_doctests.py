"""Every example in a docstring or on a page runs and gives what it shows."""

import doctest
import importlib
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl

ROOT = Path(dl.__file__).parent
# What the examples take as imported.
NAMES = {"dl": dl, "nn": dl.nn, "optim": dl.optim, "jax": jax, "jnp": jnp, "np": np}
MODULES = [
    ".".join(file.relative_to(ROOT.parent).with_suffix("").parts)
    for file in sorted(ROOT.rglob("*.py"))
    if ">>>" in file.read_text()
]
# Each compiles for many seconds.
HEAVY = {
    "data.md", "models.md", "pieces.md", "searches.md", "serving.md", "tabular.md",
    "updates.md", "jaxdl.diagnose.signal", "jaxdl.sweeps.fit", "jaxdl.sweeps.more_data",
    "jaxdl.sweeps.sweep", "jaxdl.train.facts",
}  # fmt: skip
NEEDS = {"tabular.md": "pandas"}
PAGES = [
    pytest.param(
        file, marks=pytest.mark.heavy if file.name in HEAVY else (), id=file.name
    )
    for file in sorted((ROOT.parent / "docs").glob("*.md"))
    if ">>>" in file.read_text()
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.heavy if name in HEAVY else ())
        for name in MODULES
    ],
)
def test_the_examples_of_a_module_give_what_they_show(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    result = doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_give_what_they_show(page, monkeypatch, tmp_path):
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name])
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```.*$", "", page.read_text(), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {**NAMES}, page.name, None, 0)
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert result.attempted and not result.failed
