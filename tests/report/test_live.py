"""The server of live pages: who may ask it, what it answers, and when it reads."""

import http.client
import json
import threading

import pytest

from jaxdl import runs
from jaxdl.report.live import Server, Watched
from tests.report.browser import PROGRAM, browser, complaints, until
from tests.report.conftest import part, renamed

CHOSEN = "document.getElementById('chosen').textContent"
HOSTILE = "</script><img src=x onerror=hit()>"


class Stage:
    """A run whose result a test sets; it counts how often it is read."""

    def __init__(self, folder, result):
        self.folder, self.reads = folder, 0
        self.play(result)

    def play(self, result):
        self.result = result
        with open(self.folder / "run.sqlite", "a") as file:
            file.write("x")

    def read(self):
        self.reads += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def stage(tmp_path, result):
    return Stage(tmp_path, part(result, 8))


@pytest.fixture
def serve():
    """Starts a server of stages; it stops at the end."""
    servers = []

    def started(*stages):
        server = Server([Watched(s.folder, s.read) for s in stages])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return server

    yield started
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(server, path, method="GET", **headers):
    """Returns status, headers and text of an answer; the path follows the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def test_the_server_listens_at_the_loopback_address_alone(serve, stage):
    server = serve(stage)
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    assert len(server.token) >= 22  # 128 bits
    assert serve(stage).token != server.token


def test_who_lacks_the_token_or_names_another_host_is_refused(serve, stage):
    server = serve(stage)
    for path in ("/", "/0/contents", f"/{server.token[:-1]}/", f"/x{server.token}/0/"):
        assert ask(server, path)[0] == 403
    good = f"/{server.token}/0/contents"
    assert ask(server, good, Host=f"evil.example:{server.server_port}")[0] == 403
    assert ask(server, good, Host="127.0.0.1")[0] == 403
    assert stage.reads == 0
    assert ask(server, good)[0] == 200


def test_there_is_nothing_but_pages_and_contents_and_nothing_can_be_sent(serve, stage):
    server = serve(stage)
    for path in ("1/", "-1/", "0", "0/run.sqlite", "0/../0/contents", "x/contents"):
        assert ask(server, f"/{server.token}/{path}")[0] == 404
    for method in ("POST", "PUT", "DELETE"):
        assert ask(server, f"/{server.token}/0/", method)[0] == 501


def test_the_headers_alone_can_be_asked_for(serve, stage):
    server = serve(stage)
    for path in ("", "0/", "0/contents", "1/"):
        asked = [ask(server, f"/{server.token}/{path}", m) for m in ("HEAD", "GET")]
        (head, headers, nothing), (get, known, text) = asked
        assert head == get and headers["Content-Length"] == known["Content-Length"]
        assert nothing == "" and text
    assert ask(server, "/0/contents", "HEAD")[0] == 403


def test_answers_are_not_kept_and_pages_have_their_policy(serve, stage):
    server = serve(stage)
    for path in ("", "0/", "0/contents"):
        status, headers, _ = ask(server, f"/{server.token}/{path}")
        assert status == 200 and headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_run_is_read_once_for_each_change(serve, stage, result):
    server = serve(stage)
    path = f"/{server.token}/0/contents"
    first = json.loads(ask(server, path)[2])
    assert len(first["rows"]) == 8 and first["summary"].startswith("8 members")
    assert ask(server, f"{path}?seen={first['version']}")[0] == 204
    assert json.loads(ask(server, path)[2]) == first and stage.reads == 1
    stage.play(result)
    status, _, text = ask(server, f"{path}?seen={first['version']}")
    assert status == 200 and len(json.loads(text)["rows"]) == 32 and stage.reads == 2


def test_what_cannot_be_read_is_told(serve, stage):
    server = serve(stage)
    for broken, text in (
        (None, "Nothing has trained yet."),
        (runs.DamagedError("a row is gone"), "a row is gone"),
        (runs.RunMismatchError("another recipe"), "another recipe"),
    ):
        stage.play(broken)
        told = json.loads(ask(server, f"/{server.token}/0/contents")[2])
        assert told == {"problem": text, "version": told["version"]}


def test_a_port_that_is_taken_is_told(serve, stage):
    port = serve(stage).server_port
    with pytest.raises(OSError, match=f"got port {port}, which cannot be had"):
        Server([], port)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("needs Chromium")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_the_page_follows_its_run(serve, stage, result, chromium):
    stage.play(None)
    server = serve(stage)
    chromium.open(f"{server.address}0/")
    problem = "document.getElementById('problem').textContent"
    until(chromium, f"{problem} === 'Nothing has trained yet.'")
    stage.play(part(result, 8))
    until(chromium, "sweep.rows && sweep.rows.length === 8 && charts.length === 2")
    assert chromium.run(problem) == ""
    best = part(result, 8).ranking()[0]
    assert f"member={best})" in chromium.run(CHOSEN)
    chromium.run("brush('learning_rate', [0, 0.5]); choose(3)")
    own = chromium.run("sweep.rows[3][0]")
    stage.play(result)
    until(chromium, "sweep.rows.length === 32")
    # What the reader chose stays.
    assert f"member={own})" in chromium.run(CHOSEN)
    assert chromium.run("view.brushes.size") == 1
    assert 0 < chromium.run("view.found.length") < 32
    assert complaints(chromium, server.address) == []


def test_hostile_names_run_nothing_on_the_live_page(serve, stage, result, chromium):
    stage.play(renamed(result, HOSTILE))
    stage.folder = stage.folder / HOSTILE.replace("/", "")
    stage.folder.mkdir()
    server = serve(stage)
    chromium.open(f"{server.address}0/")
    until(chromium, "charts.length === 2")
    assert complaints(chromium, server.address) == []
    assert HOSTILE in chromium.run("document.querySelector('#table').textContent")


def test_several_runs_stand_side_by_side(serve, stage, chromium):
    server = serve(stage, stage)
    chromium.open(server.address)
    inner = (
        "Array.from(frames).map((frame) => "
        "frame.document.querySelectorAll('#table tbody tr').length)"
    )
    until(chromium, f"String({inner}) === '8,8'")
    tops = "[...document.querySelectorAll('iframe')].map((f) => f.offsetTop)"
    chromium.ask("Emulation.setDeviceMetricsOverride", width=1300, height=800,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
    assert chromium.run(tops) == [0, 0]
    chromium.ask("Emulation.clearDeviceMetricsOverride")
    assert complaints(chromium, server.address) == []
