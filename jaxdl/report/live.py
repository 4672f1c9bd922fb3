"""A server of live pages for one's own browser: it reads runs and changes nothing.

It listens at the loopback address alone. Other users of the machine can reach that, so
each address holds a random token. Pages of other sites can name this server by a name
of their own, so the header Host has to name the loopback address.
"""

import hmac
import json
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from jaxdl import runs
from jaxdl.report import contents
from jaxdl.report.page import live_page, policy
from jaxdl.runs import database
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.summary import summarize
from jaxdl.train import RecipeError
from jaxdl.train.settings import SettingsError

HOST = "127.0.0.1"
FRAMES = "default-src 'none'; frame-src 'self'; style-src 'unsafe-inline'"
WAIT = 10.0  # seconds for a request to arrive


class Watched:
    """A run that is watched, and the contents of its page as of its last change."""

    def __init__(self, folder: Path, read: Callable[[], SweepResult | None]):
        """Begins without contents.

        Args:
            folder: of the run.
            read: returns the result so far; None: nothing has trained yet.
        """
        self.folder, self.read = folder, read
        self.lock = threading.Lock()
        self.version, self.text = "", ""

    def contents(self) -> tuple[str, str]:
        """Returns the version of the run, and the contents of its page as JSON."""
        with self.lock:
            version = _version(self.folder)
            if version != self.version:
                told = self._told() | {"version": version}
                self.version, self.text = version, json.dumps(told, allow_nan=False)
            return self.version, self.text

    def _told(self) -> dict[str, Any]:
        try:
            result = self.read()
        except (OSError, RecipeError, SettingsError, runs.RunMismatchError) as error:
            return {"problem": str(error)}
        if result is None:
            return {"problem": "Nothing has trained yet."}
        found = summarize(result, None, importance=False)
        outcome = contents.outcome(found, result.has_rates())
        outcome += contents.sampled(result)
        return {"summary": outcome, **contents.members(result, self.folder)}


class Server(ThreadingHTTPServer):
    """Serves pages of runs at its `address`."""

    daemon_threads = True

    def __init__(self, watched: Sequence[Watched], port: int = 0):
        """Listens at a port; 0 stands for any that is free.

        Raises:
            OSError: the port cannot be had.
        """
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise OSError(
                f"got port {port}, which cannot be had ({error}); expected a free one: "
                "name another, or none"
            ) from error
        self.watched = watched
        self.token = secrets.token_urlsafe(16)
        self.address = f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drops a connection that its browser has closed, and shows other errors."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = WAIT

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = cast(Server, self.server)
        names = {f"{name}:{server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in names:
            return self._refuse(HTTPStatus.FORBIDDEN)
        address = urlsplit(self.path)
        _, token, *path = address.path.split("/")
        if not hmac.compare_digest(token.encode(), server.token.encode()):
            return self._refuse(HTTPStatus.FORBIDDEN)
        watched = server.watched
        if path == [""]:
            return self._page(_frames(watched), FRAMES)
        if len(path) != 2 or path[0] not in map(str, range(len(watched))):
            return self._refuse(HTTPStatus.NOT_FOUND)
        run = watched[int(path[0])]
        if path[1] == "":
            return self._page(live_page(run.folder.name), policy(live=True))
        if path[1] != "contents":
            return self._refuse(HTTPStatus.NOT_FOUND)
        version, text = run.contents()
        if parse_qs(address.query).get("seen") == [version]:
            return self._answer(HTTPStatus.NO_CONTENT, "", "application/json")
        self._answer(HTTPStatus.OK, text, "application/json")

    def _page(self, page: str, rules: str) -> None:
        self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8", rules)

    def _refuse(self, status: HTTPStatus) -> None:
        self._answer(status, status.phrase, "text/plain")

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        kind: str,
        rules: str = "default-src 'none'",
    ) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", f"{rules}; frame-ancestors 'self'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":  # which asks for the headers alone
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing, because an address holds the token."""


def _version(folder: Path) -> str:
    """Returns a text that changes whenever the database of a run does."""
    parts = []
    for path in (folder / database.NAME, folder / f"{database.NAME}-wal"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        parts.append(f"{found.st_mtime_ns}.{found.st_size}")
    return "-".join(parts) or "none"


def _frames(watched: Sequence[Watched]) -> str:
    """Returns a page of all runs side by side."""
    frames = "".join(
        f'<iframe src="{i}/" title="{escape(run.folder.name)}"></iframe>'
        for i, run in enumerate(watched)
    )
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark"><title>Sweeps</title>'
        "<style>body{margin:0;display:flex;flex-wrap:wrap;height:100vh}"
        "iframe{flex:1 1 30rem;border:0;min-height:100%}</style>"
        f"{frames}</html>"
    )
