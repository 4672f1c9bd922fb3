"""Offline runs of W&B, read back as the log of protocol buffers that they are."""

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxdl import interop
from tests.interop.conftest import HOSTILE, within

pytest.importorskip("wandb")

ROOT = Path(__file__).parents[2]
WATCHED = """
import sys

def see(event, arguments):
    local = event == "socket.connect" and isinstance(arguments[1], str)
    if event in ("socket.getaddrinfo", "socket.connect") and not local:
        print(event, arguments[:2], flush=True)

sys.addaudithook(see)
from jaxdl import interop
from tests.interop.conftest import made
interop.log(made([[0.5]]), interop.wandb(sys.argv[1]))
"""
BLOCK, HEADER = 32768, 7  # bytes; a record is in one block or goes on in the next


def records(file):
    """Yields what is in a log. Source: LevelDB's log format, after 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content = file.read_bytes()
    assert content[:4] in (b":W&B", b"")  # which may not be there yet
    at, payload = 7, b""
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        if at + HEADER + length > len(content):
            return  # it is being written
        payload += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or its last part
            yield Record.FromString(payload)
            payload = b""


def read(folder):
    """Returns what each offline run says: of itself, by epoch, at the end."""
    files = folder.glob("wandb/offline-run-*/*.wandb")
    said = [whole(file) for file in files]
    return {run.display_name: (run, *others) for run, *others in said}


def whole(file):
    """Returns what a run says, once the process that writes it has done so."""
    for _ in range(200):
        run, epochs, summary = None, {}, {}
        for record in records(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run = record.run
            elif kind == "history":
                row = pairs(record.history.item)
                epochs[row["_step"]] = {n: x for n, x in row.items() if n[0] != "_"}
            elif kind == "summary":
                summary |= pairs(record.summary.update)
            elif kind == "exit":
                return run, epochs, summary, record.exit.exit_code
        time.sleep(0.05)
    raise AssertionError(f"{file} has no end")


def pairs(items):
    return {
        item.key or ".".join(item.nested_key): json.loads(item.value_json)
        for item in items
    }


def test_members_are_offline_runs_of_a_group(result, tmp_path):
    interop.log(result, interop.wandb(tmp_path, "digits", "first"))
    said = read(tmp_path)
    assert set(said) == {f"member {i}" for i in range(4)}
    for name, (run, epochs, summary, code) in said.items():
        i = int(name[-1])
        assert (run.project, run.run_group) == ("digits", "first")
        assert epochs == {
            epoch + 1: {n: curves[i, epoch] for n, curves in result.metrics.items()}
            for epoch in np.flatnonzero(np.isfinite(result.metrics["dev_error"][i]))
        }
        kept = summary.get("kept/dev_error")
        assert kept == (None if i == 1 else result.final()["dev_error"][i])
        assert code == (i == 1)
        config = pairs(run.config.update)
        assert config["rate"] == result.hparams["rate"][i]
        assert ("act" in config) == (i < 3)
    ends = [said[f"member {i}"][2]["status"] for i in range(4)]
    assert ends == ["finished", "diverged", "cut short", "finished"]


def test_bad_names_stay_names(hostile, tmp_path):
    interop.log(hostile, interop.wandb(tmp_path / "runs"))
    (run, *_) = read(tmp_path / "runs")["member 0"]
    config = pairs(run.config.update)
    assert {n: config[n] for n in HOSTILE} == {n: i for i, n in enumerate(HOSTILE)}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["wandb"]
    kinds = {path.suffix for path in within(tmp_path)}
    assert kinds == {".log", ".wandb"}  # no list of packages, no code


def test_nothing_is_said_of_the_process(hostile, tmp_path):
    interop.log(hostile, interop.wandb(tmp_path))
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    whole(file)
    for path in (sys.executable, os.getcwd()):
        assert path.encode() not in file.read_bytes()


def test_quantiles_are_runs_without_a_configuration(result, tmp_path, capfd):
    interop.log(result, interop.wandb(tmp_path), interop.quantiles(0.5))
    run, epochs, summary, code = read(tmp_path)["quantile 0.5"]
    assert epochs[2]["dev_error"] == np.float32(0.4)
    assert summary["status"] == "quantile" and code == 0
    assert not {"rate", "act", "units"} & set(pairs(run.config.update))
    assert capfd.readouterr() == ("", "")


def test_no_other_machine_is_asked_anything(tmp_path):
    """In a process of its own, at whose end the libraries report what they do."""
    environment = {n: x for n, x in os.environ.items() if not n.startswith("WANDB")}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len([*tmp_path.glob("wandb/offline-run-*")]) == 1
