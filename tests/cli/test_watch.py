"""`jaxdl watch` and `jaxdl sweep --watch`: pages of runs while they train."""

import json
import urllib.request

import numpy as np
import pytest

from jaxdl.cli import watch
from jaxdl.experiment import load


@pytest.fixture
def told():
    """Returns a function that asks a server for the contents of its first page."""
    servers = []

    def asked(server):
        servers.append(server)
        with urllib.request.urlopen(f"{server.address}0/contents") as answer:
            return json.loads(answer.read())

    yield asked
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_run_is_served(told, small_sweep, run_dir, small_file):
    before = {f: f.stat().st_mtime_ns for f in run_dir.rglob("*") if f.is_file()}
    contents = told(watch.start([run_dir], load(small_file)))
    assert [row[0] for row in contents["rows"]] == small_sweep.ranking().tolist()
    assert contents["replay"][0].startswith(f"dl.replay({str(run_dir)!r}")
    after = {f: f.stat().st_mtime_ns for f in run_dir.rglob("*") if f.is_file()}
    assert after == before


def test_a_run_that_has_not_begun_is_waited_for(told, tmp_path, small_file):
    contents = told(watch.start([tmp_path / "run"], load(small_file)))
    assert contents["problem"] == "Nothing has trained yet."
    assert not (tmp_path / "run").exists()


def test_the_address_is_printed_and_the_command_waits(
    main, monkeypatch, run_dir, small_sweep, small_file
):
    started = []
    monkeypatch.setattr(watch, "Event", Past)
    monkeypatch.setattr(watch, "start", lambda *a: started.append(a) or Address())
    status, output, _ = main("watch", run_dir, run_dir, small_file, "--port", 8123)
    assert status == 0 and output == "watch http://here/\nCtrl-C ends it\n"
    ((folders, _, port),) = started
    assert folders == [run_dir, run_dir] and port == 8123


class Past:
    def wait(self):
        pass


class Address:
    address = "http://here/"


def test_a_folder_without_a_run_and_a_bad_port_are_refused(
    main, capfd, tmp_path, run_dir, small_file
):
    status, _, error = main("watch", tmp_path, small_file)
    assert status == 2 and "expected the folder of a run" in error
    for port in ("0", "65536", "-1", "x"):
        with pytest.raises(SystemExit):
            main("watch", run_dir, small_file, "--port", port)
        assert "expected a port, 1 to 65535" in capfd.readouterr().err


def test_a_sweep_is_watched_and_has_the_same_bits(
    main, told, monkeypatch, tmp_path, small_sweep, small_file
):
    servers = []
    begin = watch.start
    monkeypatch.setattr(
        watch, "start", lambda *a: servers.append(begin(*a)) or servers[-1]
    )
    out = tmp_path / "run"
    status, _, error = main(
        "sweep", small_file, "--members", 32, "--epochs", 3, "--block-width", 16,
        "--out", out, "--watch",
    )  # fmt: skip
    assert status == 0 and f"watch {servers[0].address}" in error
    contents = told(servers[0])
    score = contents["columns"].index("dev_error")
    best = small_sweep.final()["dev_error"].min()
    assert np.float32(contents["rows"][0][score]) == best


def test_a_sweep_without_a_folder_cannot_be_watched(main, small_file):
    status, _, error = main("sweep", small_file, "--watch")
    assert status == 2 and "got --watch without --out" in error
