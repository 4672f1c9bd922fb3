"""A run is what it computes, never where its output goes."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jaxdl import runs
from jaxdl.sweeps import read_result
from tests.sweeps.kept import assert_same_result, small

ROOT = Path(__file__).parents[2]
EXPERIMENT = """
import jaxdl as dl
from tests.sweeps.kept import SPACE as space, small as recipe
data = dl.data.load("digits")
"""
COMMAND = [sys.executable, "-c", "from jaxdl.cli import main; raise SystemExit(main())"]


def run(arguments, *, colours=False, **streams):
    wish = {"JAX_PPRINT_USE_COLOR": "1"} if colours else {}  # as in a notebook
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | wish
    return subprocess.run([*COMMAND, *arguments], env=environment, cwd=ROOT, **streams)


def read_all(terminal):
    """Reads what is written to a terminal, until its other side is closed."""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as file:
        while file.read(4096):
            pass


@pytest.mark.heavy
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals")
def test_a_sweep_begun_on_a_terminal_goes_on_through_a_pipe(tmp_path):
    file, folder = tmp_path / "experiment.py", tmp_path / "run"
    file.write_text(EXPERIMENT)
    sweep = ["sweep", str(file), "--epochs", "2", "--block-width", "2"]
    outer, inner = os.openpty()
    reader = threading.Thread(target=read_all, args=(outer,))
    reader.start()  # or a full terminal would stop the command
    begun = run(
        [*sweep, "--members", "2", "--out", str(folder)], stdout=inner, stderr=inner
    )
    os.close(inner)
    reader.join(60)
    assert begun.returncode == 0
    more = [*sweep, "--members", "4"]
    extended = run([*more, "--extend", "--out", str(folder)], capture_output=True)
    assert extended.returncode == 0, extended.stderr
    alone = [*more, "--out", str(tmp_path / "alone")]
    assert run(alone, colours=True, capture_output=True).returncode == 0
    one, other = (read_result(path, small) for path in (folder, tmp_path / "alone"))
    assert_same_result(one, other)
    with runs.read_run(folder) as a, runs.read_run(tmp_path / "alone") as b:
        assert a.specification == b.specification
