"""A small disk of its own, where the system allows to make one."""

import os
import subprocess
import sys

import pytest


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
