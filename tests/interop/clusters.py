"""Ray clusters on this machine, of processes that tests kill."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ray.util import get_node_ip_address

ROOT = Path(__file__).parents[2]
RAY = Path(sys.executable).with_name("ray")
ACTOR = "ray::Actor"  # how Ray names the processes of a crew,
TRAINS = "ray::Actor.train"  # also while they train


def free_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def pids_of(text, *, environ=""):
    """Returns the processes with such a command and environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                if text.encode() in command:
                    if environ.encode() in (folder / "environ").read_bytes():
                        found.append(int(folder.name))
    return found


class Cluster:
    """A head, which has CPUs or none, and machines that are raylets of their own."""

    def __init__(self, cpus=2, **environ):
        # Short, since the paths of Unix sockets are.
        self.folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
        self.address = f"{get_node_ip_address()}:{free_port()}"
        self.mark = f"JAXDL_TEST_CLUSTER={self.folder}"
        self.nodes = []
        port = self.address.split(":")[1]
        head = ["--head", "--port", port, "--include-dashboard=false"]
        self.head = self._start([*head, "--temp-dir", self.folder], cpus, environ)

    def add(self, cpus=1, **environ):
        """Returns a machine that joins; more of its environment may be given."""
        node = self._start(["--address", self.address], cpus, environ)
        self.nodes.append(node)
        return node

    def _start(self, arguments, cpus, environ):
        name, _, value = self.mark.partition("=")
        own = {name: value, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [str(RAY), "start", "--block", "--disable-usage-stats", *arguments,
             "--num-cpus", str(cpus),
             "--object-store-memory", str(100 * 2**20)],
            env=os.environ | own | environ, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ray runtime started" in line:
                return process
        raise AssertionError("".join(lines))

    def actors(self, name=ACTOR):
        """Returns the process ids of the crew's processes."""
        return pids_of(name, environ=self.mark)

    def kill(self, node):
        """Kills a machine: its raylet, and all that it has started."""
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        node.stdout.close()

    def close(self):
        for pid in pids_of("", environ=self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in (self.head, *self.nodes):
            process.wait(20)
            process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(holds, seconds=60):
    """Returns the first true value of a function."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found
