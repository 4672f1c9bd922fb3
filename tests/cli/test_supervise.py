"""Signals end a command at once, whether or not anyone reads its output."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxdl.cli.supervise import _ending
from tests.cli.conftest import LINEAR

ROOT = Path(__file__).parents[2]
READERS = {
    "reads nothing": "os.set_blocking(2, False)\nwhile os.write(2, bytes(4096)): pass",
    "is gone": "os.close(2)",
}


def test_ctrl_c_is_called_an_interruption():
    again = "; the same command resumes it"
    assert _ending(signal.SIGINT, True) == f"jaxdl: interrupted{again}"
    assert _ending(signal.SIGTERM, False) == "jaxdl: ended by SIGTERM"


@pytest.mark.skipif(os.name == "nt", reason="needs signals and pipes of POSIX")
@pytest.mark.parametrize(
    "reader", ["reads nothing", pytest.param("is gone", marks=pytest.mark.heavy)]
)
def test_a_command_ends_though_nobody_reads_its_output(reader):
    program = f"""
import contextlib, os, sys, time
from jaxdl.cli.supervise import supervise
def work():
    with contextlib.suppress(BlockingIOError):
        {READERS[reader].replace(chr(10), chr(10) + 8 * " ")}
    if {reader == "reads nothing"}:
        os.set_blocking(2, True)
    print("ready", flush=True)
    time.sleep(60)
supervise(work, resumable=True)
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, **pipes) as ended:
        assert ended.stdout.readline() == b"ready\n"
        ended.send_signal(signal.SIGTERM)
        began = time.monotonic()
        ended.send_signal(signal.SIGINT)  # before the first is answered, or after
        try:
            assert ended.wait(10) == 75
            assert time.monotonic() - began < 1
        finally:
            ended.kill()


@pytest.mark.skipif(os.name == "nt", reason="needs signals and a shell of POSIX")
def test_a_sweep_without_standard_error_ends_with_75(tmp_path):
    file, out = tmp_path / "experiment.py", tmp_path / "run"
    file.write_text(LINEAR)
    main = "import sys, jaxdl.cli as c; sys.exit(c.main(sys.argv[1:]))"
    command = [sys.executable, "-c", main, "sweep", file]
    shell = [
        "sh",
        "-c",
        'exec "$@" 2>&-',
        "sh",
        *command,
        "--members",
        "4",
        "--epochs",
        "1000000",
        "--out",
        out,
    ]
    with subprocess.Popen(shell, cwd=ROOT) as ended:
        try:
            wait_for(out / "run.sqlite")
            ended.send_signal(signal.SIGTERM)
            assert ended.wait(10) == 75
        finally:
            ended.kill()
    assert (out / "owner").read_text().count("\n") == 1  # no progress is written there


def wait_for(path):
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.1)
