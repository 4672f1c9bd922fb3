"""A browser without a window, spoken to over two pipes in its DevTools protocol."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")

# The browser reads commands from descriptor 3 and writes answers to 4. Copies above 9
# keep one from taking the other's place.
LAUNCH = """
import fcntl, os, sys
copies = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
for copy, place in zip(copies, (3, 4)):
    os.dup2(copy, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page, and what it reported."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing
        self.numbers = itertools.count(1)
        self.events = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    session = None

    def ask(self, method, **arguments):
        """Returns what a command returns; events until then are kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": arguments}
        if self.session:
            message["sessionId"] = self.session
        self.writing.write(json.dumps(message).encode() + b"\0")
        self.writing.flush()
        while (answer := self._next()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url):
        """Opens a page and waits until it has loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=url)
        while not self.happened("Page.loadEventFired"):
            self.events.append(self._next())

    def run(self, script):
        """Returns the value of an expression in the page, or of its promise."""
        done = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, text=text)

    def happened(self, method):
        return [e["params"] for e in self.events if e.get("method") == method]

    def _next(self):
        message = bytearray()
        while (byte := self.reading.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        return json.loads(message)


@contextlib.contextmanager
def browser(folder):
    """Yields a browser whose profile is in a folder."""
    ours, theirs = os.pipe(), os.pipe()  # from it, to it
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        PROGRAM, "--headless", "--disable-gpu", "--remote-debugging-pipe", *root,
        "--disable-dev-shm-usage", f"--user-data-dir={folder}", "--no-first-run",
        "--disable-background-networking",
    ]  # fmt: skip
    numbers = theirs[0], ours[1]
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", LAUNCH, *map(str, numbers), *command],
        pass_fds=numbers,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs[0])
    os.close(ours[1])
    with open(ours[0], "rb") as reading, open(theirs[1], "wb") as writing:
        try:
            yield Browser(reading, writing)
        finally:
            process.terminate()
            process.wait(30)


def until(opened, condition):
    """Waits until an expression of the page is true, for ten seconds at most."""
    assert opened.run(
        "new Promise((done) => { const begun = performance.now(), look = () => {"
        f"if ({condition}) done(true);"
        "else if (performance.now() - begun > 10000) done(false);"
        "else setTimeout(look, 20); }; look(); })"
    ), condition


def complaints(opened, own="data:image/svg+xml"):
    """Returns what was logged, thrown, or asked for beyond the page and its `own`."""
    opened.run("0")  # by which events so far have arrived
    asked = [e["request"]["url"] for e in opened.happened("Network.requestWillBeSent")]
    return [
        *opened.happened("Log.entryAdded"),
        *opened.happened("Runtime.exceptionThrown"),
        *opened.happened("Runtime.consoleAPICalled"),
        *(url for url in asked[1:] if not url.startswith(own)),
    ]
