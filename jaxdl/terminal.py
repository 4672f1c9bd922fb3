"""Output in a terminal. This file knows only numbers and names.

Progress goes to standard error: as a live view on a terminal, and elsewhere as a plain
line every few seconds.
"""

import contextlib
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jaxdl.shown import cell, one_line

LINE_EVERY = 5.0  # seconds between lines where there is no live view
BAR = 60  # characters


def say(line: str, *, enabled: bool) -> None:
    """Prints a line."""
    _print(_console(enabled), line)


def epoch_lines(*, enabled: bool) -> Callable[..., None]:
    """Returns `show(number, epochs, metrics)`, which prints an epoch of one model."""
    console = _console(enabled)

    def show(number: int, epochs: int, metrics: Mapping[str, Any]) -> None:
        values = "  ".join(f"{name} {float(v):.4f}" for name, v in metrics.items())
        _print(console, f"epoch {number}/{epochs}  {values}")

    return show


@contextlib.contextmanager
def live(
    look: Callable[[], tuple[float, Sequence[str]]], *, enabled: bool
) -> Iterator[Callable[[], None]]:
    """Shows progress, and at the end one line with the final state.

    A terminal shows a view that is redrawn four times a second. Elsewhere, also in a
    notebook, a line is printed every few seconds.

    Args:
        look: returns the fraction that is done, and the texts to show after it.
        enabled: whether to print at all.

    Yields:
        changed: a function to call when there is something new, from one thread at a
            time.
    """
    console = _console(enabled)

    def line(last: bool = False) -> None:
        done, parts = look()
        if last or done < 1:  # what is done is told once, at the end
            _print(console, f"{done:4.0%}  {'  '.join(parts)}")

    if enabled and console.is_terminal and not console.is_dumb_terminal:
        drawn = Live(
            console=console,
            get_renderable=lambda: _frame(*look(), console.width),
            refresh_per_second=4,
            transient=True,
            redirect_stdout=_is_terminal(sys.stdout),
        )
        with drawn:
            yield lambda: None
    else:
        yield at_most_every(LINE_EVERY, line)
    line(last=True)


def at_most_every(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Returns a function that calls `act`, but at most once in `seconds` seconds."""
    acted = -math.inf

    def call() -> None:
        nonlocal acted
        now = time.monotonic()
        if now - acted >= seconds:
            acted = now
            act()

    return call


def _console(enabled: bool) -> Console:
    # A notebook claims to be a terminal, but prints the codes that move the cursor.
    # FORCE_COLOR, meant for logs with colors, makes Rich treat files as terminals.
    stream: Any = _Lossy(sys.stderr)
    return Console(
        file=stream,
        quiet=not enabled,
        highlight=False,
        markup=False,
        force_jupyter=False,
        force_terminal=_is_terminal(sys.stderr) and not Console().is_jupyter,
    )


class _Lossy:
    """A stream, or None, that drops what it cannot write, as on a full disk.

    Progress is printed amid a training, which no stream may end.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._stream.flush()


def _is_terminal(stream: Any) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # the stream is missing or closed
        return False


def _print(console: Console, line: str) -> None:
    """Prints a line. On a terminal long lines are wrapped between words."""
    console.print(line, soft_wrap=not console.is_terminal)


def _frame(done: float, parts: Sequence[str], width: int) -> Group:
    """Returns a bar and, below it, the parts, with as many on a line as fit."""
    bar = Table.grid(padding=(0, 2, 0, 0))
    bar.add_row(ProgressBar(total=1, completed=done, width=BAR), f"{done:.0%}")
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}   {part}" if lines[-1] else part
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return Group(bar, *(Text(x, no_wrap=True, overflow="ellipsis") for x in lines))


def width() -> int | None:
    """Returns the number of characters in a line of the terminal; None if unlimited."""
    return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None
) -> str:
    """Returns rows under their column names as plain text.

    Floats get four significant digits, NaN a dash.

    Args:
        columns: their names.
        rows: a value for each column.
        width: of a line. If the columns do not fit side by side, several tables follow
            each other, each with the first column. None: any width.
    """
    names = [one_line(name) for name in columns]
    cells = [[cell(value) for value in row] for row in rows]
    widths = [
        max(cell_len(row[i]) for row in [names, *cells]) for i in range(len(names))
    ]
    return "\n\n".join(
        _grid([[row[i] for i in part] for row in [names, *cells]])
        for part in _parts(widths, width)
    )


def _parts(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Returns the columns of each table; columns are two spaces apart."""
    parts = [[0]]
    for i in range(1, len(widths)):
        needed = sum(widths[j] + 2 for j in [*parts[-1], i]) - 2
        if width is not None and needed > width and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(i)
    return parts


def _grid(rows: Sequence[Sequence[str]]) -> str:
    """Returns the text of rows of cells, of which the first has the column names."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    header, *lines = (
        "  ".join(
            " " * (width - cell_len(x)) + x
            for x, width in zip(row, widths, strict=True)
        )
        for row in rows
    )
    return "\n".join([header, "─" * cell_len(header), *lines])
