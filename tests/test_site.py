"""The site of the docs builds without a warning: each page, link and docstring."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.heavy
def test_the_site_builds(tmp_path):
    pytest.importorskip("mkdocs", reason="needs pip install '.[docs]'")
    build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", tmp_path]
    subprocess.run(build, check=True, cwd=ROOT)
    assert "hundreds of them at once" in (tmp_path / "index.html").read_text()
    page = (tmp_path / "reference" / "jaxdl.nn" / "index.html").read_text()
    assert "nn.serial(" in page and 'id="jaxdl.nn.layer.serial"' in page
