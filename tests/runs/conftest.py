"""Folders in memory, where a write is quick; a small disk to fill; and a run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jaxdl import runs
from jaxdl.runs import faults
from tests.runs.harm import OTHER
from tests.runs.processes import SPECIFICATION, begin

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path():
    """An empty folder, in memory where it can be: tests wait for many writes."""
    fast = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=fast) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """Has a disk that refuses tried again soon. Patches end before the folder does."""
    monkeypatch.setattr(faults, "FIRST", 0.001)
    monkeypatch.setattr(faults, "LONGEST", 0.01)


@pytest.fixture
def tmpfs(tmp_path):
    """A folder that is a disk of 4 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this system does not let root mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def store(tmp_path):
    """The open store of a run of one record, whose id is 1."""
    begin(tmp_path)
    with runs.open_run(tmp_path, SPECIFICATION) as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    """A run of two records, whose ids are 1 and 2."""
    begin(tmp_path / "run")
    with runs.open_run(tmp_path / "run", SPECIFICATION) as store:
        store.commit(OTHER)
    return tmp_path / "run"
