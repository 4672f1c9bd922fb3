"""What a person sees in a terminal; knows numbers and names only.

Progress goes to standard error: a live bar on a terminal, a plain line now and then
elsewhere.
"""

import contextlib
import io
import math
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

LINE_EVERY = 5.0  # seconds between lines where there is no live bar
WIDE = 110  # characters that leave room for a bar beside what is said


def say(line: str, *, enabled: bool) -> None:
    """Prints a line."""
    Console(stderr=True, quiet=not enabled, highlight=False).print(line, soft_wrap=True)


@contextlib.contextmanager
def epoch_lines(*, enabled: bool) -> Iterator[Callable[..., None]]:
    """Yields `show(number, epochs, metrics)`, which prints an epoch of one model."""
    console = Console(stderr=True, quiet=not enabled, highlight=False)

    def show(number: int, epochs: int, metrics: Mapping[str, Any]) -> None:
        values = "  ".join(f"{name} {float(v):.4f}" for name, v in metrics.items())
        console.print(f"epoch {number}/{epochs}  {values}", soft_wrap=True)

    yield show


@contextlib.contextmanager
def sweep_progress(
    members: int, member_steps: int, *, enabled: bool
) -> Iterator[Callable[[int, int, float], None]]:
    """Yields `show(steps, died, dev_error)`, to be called after each dispatch.

    It may be called from several threads.

    Args:
        members: how many models are trained.
        member_steps: steps that all of them will take together.
        enabled: whether to print at all.

    Yields:
        show: takes the member-steps done by the dispatch, the members that diverged in
            it and the lowest dev error it saw (infinite for none).
    """
    console = Console(stderr=True, quiet=not enabled, highlight=False)
    live = console.is_terminal and enabled
    bar = Progress(
        *[BarColumn()] * (console.width >= WIDE),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}"),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not live,
    )
    task = bar.add_task(f"{members}/{members} alive", total=member_steps)
    seen = {"steps": 0, "alive": members, "best": math.inf}
    lock, began, printed = threading.Lock(), time.monotonic(), [-math.inf]

    def line() -> str:
        rate = seen["steps"] / max(time.monotonic() - began, 1e-9)
        best = "-" if math.isinf(seen["best"]) else f"{seen['best']:.2%}"
        return (
            f"{seen['alive']}/{members} alive  best dev error {best}  "
            f"{rate:,.0f} member-steps/s"
        )

    def show(steps: int, died: int, dev_error: float) -> None:
        with lock:
            seen["steps"] += steps
            seen["alive"] -= died
            seen["best"] = min(seen["best"], dev_error)
            now, done = time.monotonic(), seen["steps"] / member_steps
            bar.update(task, completed=seen["steps"], description=line())
            if not live and (now - printed[0] >= LINE_EVERY or done >= 1):
                left = (now - began) * (1 - done) / max(done, 1e-9)
                console.print(
                    f"{done:4.0%}  {line()}  {left:,.0f} s left", soft_wrap=True
                )
                printed[0] = now

    with bar:
        yield show
        # Members that stopped or diverged leave steps that nobody takes.
        bar.update(task, completed=member_steps)


def width() -> int | None:
    """Returns how many characters fit into a line of the terminal; None for no end."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None
) -> str:
    """Returns rows under their column names as plain text.

    Floats get four significant digits, NaN a dash.

    Args:
        columns: their names.
        rows: a value for each column.
        width: of a line; where the columns do not fit side by side, several tables
            follow each other, all with the first column. None: as wide as need be.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(row[i]) for row in [columns, *cells]) for i in range(len(columns))
    ]
    return "\n\n".join(
        _grid([columns[i] for i in part], [[row[i] for i in part] for row in cells])
        for part in _parts(widths, width)
    )


def _parts(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Returns which columns stand side by side, two spaces apart."""
    parts = [[0]]
    for i in range(1, len(widths)):
        needed = sum(widths[j] + 2 for j in [*parts[-1], i]) - 2
        if width is not None and needed > width and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(i)
    return parts


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        grid.add_column(Text(column), justify="right", no_wrap=True)
    for row in rows:
        grid.add_row(*map(Text, row))
    console = Console(file=io.StringIO(), width=100_000, color_system=None)
    with console.capture() as capture:
        console.print(grid)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join(line for line in lines if line)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.4g}"
