"""What a command prints reaches its streams, or is dropped; nothing fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxdl.cli import output
from tests.cli.conftest import LINEAR

ROOT = Path(__file__).parents[2]
MAIN = "import sys, jaxdl.cli as c; sys.exit(c.main(sys.argv[1:]))"
# The packages are empty here: what they import takes longer than all of this.
SHOW = """
import os, sys, types
for name in ("jaxdl", "jaxdl.cli"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [name.replace(".", "/")]
from jaxdl.cli import output
output.prepare()
output.show("R² ─ \\u4e2d", "two")
output.show("three")
output.finish()
with open(os.devnull) as file:
    sys.exit(file.fileno() < 3)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def shell(redirected, *arguments, **environment):
    """Returns a finished Python process whose streams a shell redirects."""
    line = f'exec "$@" {redirected}'
    return subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-c", *map(str, arguments)],
        capture_output=True, cwd=ROOT, timeout=300, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "first"),
    [
        ("utf-8", "R² ─ \u4e2d"),
        ("cp1252", r"R² - \u4e2d"),
        ("ascii", r"R2 - \u4e2d"),
    ],
)
def test_text_is_made_for_its_stream(encoding, first):
    done = shell("", SHOW, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert done.stdout.decode(encoding).splitlines() == [first, "two", "three"]


@posix
@pytest.mark.parametrize(
    ("redirected", "told"),
    [
        (">&-", []),
        ("<&- >&-", []),
        (">/dev/full", ["jaxdl: the output cannot be written"]),
        ("2>&-", []),
        ("2>/dev/full", []),
        ("<&- >&- 2>&-", []),
    ],
)
def test_a_stream_that_takes_nothing_fails_nothing(redirected, told):
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = shell(redirected, SHOW)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 0 and len(lines) == len(told)
    assert all(line.startswith(start) for line, start in zip(lines, told, strict=True))


@posix
def test_a_reader_that_leaves_fails_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writer)
    assert done.returncode == 0 and done.stderr == b""


@pytest.mark.heavy
@posix
@pytest.mark.parametrize("redirected", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_sweep_ends_well_though_nothing_can_be_printed(main, tmp_path, redirected):
    file, out = tmp_path / "experiment.py", tmp_path / "run"
    file.write_text(LINEAR)
    few = ("--members", "2", "--epochs", "1", "--block-width", "2", "--out", out)
    assert shell(redirected, MAIN, "sweep", file, *few).returncode == 0
    assert main("doctor", out)[1].endswith("ok    the run is whole\n")


def test_a_closed_stream_takes_what_is_shown(monkeypatch, tmp_path):
    with open(tmp_path / "closed", "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
    output.show("lost")
    output.finish()
