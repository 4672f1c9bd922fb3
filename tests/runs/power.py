"""A disk that forgets: the calls of a process, and what a power loss leaves of them.

`strace` records the calls. A file has what was written to it before its last fsync, and
any part of what was written since; a folder has the names of its last fsync, and any
first part of the changes since. This is what POSIX promises, and less than what most
systems keep.
"""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "openat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename",
    "unlink", "mkdir", "rmdir",
)  # fmt: skip
LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FILE = re.compile(r"^(\d+)<((?:[^>\\]|\\x[0-9a-f]{2})*)>")
WAYS = (
    "nothing",
    "everything",
    "names",
    "contents",
    "something",
)  # of what is unsynced


class Call(NamedTuple):
    """A call of the traced process that changes a disk, or a line that it printed."""

    name: str
    path: str
    data: bytes = b""
    number: int = 0  # offset, length or descriptor
    other: str = ""  # where it is renamed to


def record_calls(command, folder, log, work=None):
    """Returns the calls of a command that concern a folder, in their order."""
    trace = [
        "strace", "-f", "-y", "-xx", "-s", str(2**24), "-o", log, "-e",
        f"trace={','.join(CALLS)}", *command,
    ]  # fmt: skip
    subprocess.run(trace, check=True, stdout=subprocess.DEVNULL, cwd=work)
    begun, calls = {}, []
    for line in log.read_text().splitlines():
        found = LINE.match(line)
        if not found:
            continue
        process, name, rest = found.groups()
        if rest.endswith("<unfinished ...>"):
            begun[process] = rest.removesuffix("<unfinished ...>")
            if "sync" in name:
                calls += _call("begin", rest, folder)
            continue
        whole = "resumed>" not in line
        rest = rest if whole else begun.pop(process) + rest
        if re.search(r"\) += -1 ", rest):
            continue
        if "sync" in name and whole:
            calls += _call("begin", rest, folder)
        calls += _call(name, rest, folder)
    return calls


def _call(name, rest, folder):
    """Returns a call in a list, or an empty one if it is none of the folder's."""
    texts = [bytes.fromhex(x.replace("\\x", "")) for x in TEXT.findall(rest)]
    file = FILE.match(rest)
    path = _plain(file[2]) if file else os.fsdecode(texts[0]) if texts else ""
    if name == "write" and file[1] == "1":
        return [Call("printed", "", texts[0])]
    if name == "openat":
        path = os.fsdecode(texts[0])
        if "O_CREAT" not in rest:
            return []
    above = name == "fsync" and path == str(folder.parent)
    if not (Path(path).is_relative_to(folder) or above) or path.endswith("-shm"):
        return []  # shared memory, which SQLite makes again
    if name == "rename":
        return [Call(name, path, other=os.fsdecode(texts[1]))]
    if name in ("write", "pwrite64"):
        count = int(re.search(r"= (\d+)$", rest)[1])
        at = int(re.search(r", (\d+)\) += ", rest)[1]) if name == "pwrite64" else -1
        return [Call("write", path, texts[0][:count], at)]
    if name == "ftruncate":
        return [Call(name, path, number=int(re.search(r", (\d+)\)", rest)[1]))]
    return [Call("sync" if "sync" in name else name, path)]


def _plain(text):
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text)


class File:
    """The content of a file: what is on the disk, and what was done since."""

    def __init__(self):
        self.kept, self.since, self.begun, self.length = bytearray(), [], 0, 0

    def add(self, act):
        """Notes a write, `(offset, bytes)`, or a new length, `(length, None)`."""
        at, data = act
        self.since.append(act)
        self.length = at if data is None else max(self.length, at + len(data))

    def sync(self):
        """Puts on the disk what was done before the sync began."""
        self.kept = self.after(self.since[: self.begun])
        del self.since[: self.begun]
        self.begun = 0

    def after(self, acts):
        content = bytearray(self.kept)
        for at, data in acts:
            end = at if data is None else at + len(data)
            content.extend(bytes(max(0, end - len(content))))
            if data is None:
                del content[at:]
            else:
                content[at:end] = data
        return content


class Disk:
    """A folder as calls change it; `left` makes what a power loss leaves."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.names, self.kept, self.since = {}, {}, []  # by path: a File, or None

    def do(self, call):
        """Changes the disk as a call does."""
        if call.name in ("openat", "mkdir"):
            if call.path not in self.names:
                self._name(call.path, None if call.name == "mkdir" else File())
        elif call.name in ("unlink", "rmdir"):
            self._name(call.path, "gone")
        elif call.name == "rename":
            self._name(call.other, self.names[call.path], call.path)
        elif call.name in ("begin", "sync"):
            self._sync(call)
        elif call.name in ("write", "ftruncate"):
            file = self.names[call.path]
            at = file.length if call.number < 0 else call.number
            file.add((at, call.data if call.name == "write" else None))

    def _name(self, path, what, source=None):
        change = (path, what, source)
        self.since.append(change)
        _apply(self.names, change)

    def _sync(self, call):
        file = self.names.get(call.path)
        if file is not None and call.name == "begin":
            file.begun = len(file.since)
        elif file is not None:
            file.sync()
        elif call.name == "sync":
            own = [c for c in self.since if os.path.dirname(c[0]) == call.path]
            self.since = [c for c in self.since if c not in own]
            for change in own:
                _apply(self.kept, change)

    def left(self, target, way, draws):
        """Writes into a folder what a power loss leaves, in one of `WAYS`."""
        names = dict(self.kept)
        most = {
            "nothing": 0,
            "contents": 0,
            "something": draws.randint(0, len(self.since)),
        }
        for change in self.since[: most.get(way)]:
            _apply(names, change)
        shutil.rmtree(target, ignore_errors=True)
        for path, file in sorted(names.items()):
            place = target / os.path.relpath(path, self.folder)
            if not place.parent.is_dir() and path != self.folder:
                continue  # the name of the folder above is lost
            if file is None:
                place.mkdir(mode=0o700, parents=path == self.folder)
            else:
                place.write_bytes(file.after(_some(file.since, way, draws)))


def _apply(names, change):
    path, what, source = change
    if source is not None:
        names.pop(source, None)
    if what == "gone":
        names.pop(path, None)
    else:
        names[path] = what


def _some(acts, way, draws):
    """Returns those acts since the last sync that reach the disk."""
    if way in ("nothing", "names"):
        return []
    if way == "something":
        return [act for act in acts if draws.random() < 0.5]
    return acts


def states(calls, folder, target, seed=0):
    """Yields, after each call that matters, what was printed, and how it was left."""
    disk, printed, draws = Disk(folder), b"", random.Random(seed)
    for number, call in enumerate(calls):
        if call.name == "printed":
            printed += call.data
            continue
        disk.do(call)
        if call.name == "begin":
            continue
        for way in WAYS:
            disk.left(target, way, draws)
            yield f"call {number}, {call.name} {call.path}, {way}", printed
