"""What a command prints. No state of its streams fails a command.

Output that cannot be written is dropped, because the work is done by then.
"""

import codecs
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from jaxdl.shown import one_line

# What the tables and sentences print beyond ASCII, for streams that lack it.
PLAINER = {"─": "-", "²": "2", "−": "-", "…": "..."}


def prepare() -> None:
    """Makes the three standard streams usable, however the command was started.

    A closed descriptor of a stream is opened on `os.devnull`. Otherwise the next file
    that is opened, such as that of a run's lock, gets its number, and then what any
    code prints. A character that a stream cannot encode is written as a plainer one.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest free number, and those below are taken.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error("jaxdl.plainer", _plainer)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            file = open(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, file)
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="jaxdl.plainer")


def show(*texts: object) -> None:
    """Prints texts of a line or several to standard output."""
    _write("stdout", texts)


def tell(text: str) -> None:
    """Prints a text to standard error."""
    _write("stderr", [text])


def warn(message: Warning | str, *_: object, **__: object) -> None:
    """Prints a warning as a line of its own, in the place of `warnings.showwarning`."""
    tell(f"jaxdl: warning: {' '.join(str(message).split())}")


def finish() -> None:
    """Writes what the streams still hold, so that no error is left to the exit."""
    for name in ("stdout", "stderr"):
        _write(name, [])


def _write(name: str, texts: Iterable[object]) -> None:
    stream = getattr(sys, name)
    try:
        for text in texts:
            shown = map(one_line, str(text).split("\n"))
            print(*shown, sep="\n", file=stream)
        stream.flush()
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        _discard(stream)
        if name == "stdout" and not isinstance(error, BrokenPipeError):
            tell(f"jaxdl: the output cannot be written: {error}")


def _discard(stream: Any) -> None:
    """Sends to `os.devnull` what a stream still holds, and all that follows."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Returns plainer characters for those of an error, and where to continue."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode() for c in lacking)
    plain = (PLAINER.get(c, x) for c, x in zip(lacking, escaped, strict=True))
    return "".join(plain), error.end
