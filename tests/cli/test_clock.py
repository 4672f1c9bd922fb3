"""The time of a command."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxdl.cli import clock
from jaxdl.sweeps import summary

ROOT = Path(__file__).parents[2]


def test_a_command_leaves_time_for_its_summary():
    assert clock.deadline_of(None, 100.0) is None
    assert clock.deadline_of(60.0, 100.0) == (158.0, 60.0)
    assert clock.deadline_of(4.0, 100.0) == (103.0, 4.0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_knows_when_it_began():
    program = "import time; time.sleep(1); from jaxdl.cli import clock; " + (
        "print(time.monotonic() - clock.process_began())"
    )
    began = time.monotonic()
    out = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT)
    took = time.monotonic() - began
    assert 1 < float(out) <= took + 0.05


def test_work_that_takes_too_long_ends_as_what_is_to_resume():
    program = "import time; from jaxdl.cli.supervise import supervise; " + (
        "supervise(lambda: time.sleep(60), resumable=True, until=time.monotonic() + 1)"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50)
    assert ended.returncode == 75
    assert ended.stderr.strip() == b"jaxdl: time is up; the same command resumes it"


def test_a_sweep_takes_a_time(main, linear, tmp_path):
    command = ["sweep", linear, "--members", 2, "--epochs", 2, "--block-width", 4]
    status, out, _ = main(*command, "--time", "10m", "--out", tmp_path / "run")
    assert status == 0 and "finished" in out


@pytest.mark.parametrize(("seconds", "told"), [(500, True), (700, False)])
def test_an_importance_that_would_take_too_long_is_left_out(
    main, linear, monkeypatch, seconds, told
):
    monkeypatch.setattr(summary, "IMPORTANCE", seconds)
    command = ["sweep", linear, "--members", 32, "--epochs", 1, "--block-width", 4]
    status, out, _ = main(*command, "--time", "10m")
    assert status == 0 and ("what the dev error depended on" in out) == told
