"""Objects as a Python session and a notebook show them: a few lines, or a table.

Names, options and classes are texts of others: no control character of theirs reaches
the terminal, and none is markup in a notebook.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

LINES = 10  # of a text, at most
WIDE = 100  # characters of a line, at most
BETWEEN = "  "  # two columns of a text


def as_text(title: str, lines: Iterable[str]) -> str:
    """Returns a title and lines below it: at most ten lines, none of them long.

    Args:
        title: what the object is.
        lines: about it; the last ones are counted if they are too many.
    """
    shown = [title, *lines]
    if len(shown) > LINES:
        shown[LINES - 1 :] = [f"... and {len(shown) - LINES + 1} more"]
    return "\n".join(short(line) for line in shown)


def pairs(facts: Mapping[str, Any]) -> list[str]:
    """Returns a line for each name with its value."""
    names = [one_line(name) for name in facts]
    width = max(map(len, names), default=0)
    values = map(cell, facts.values())
    return [f"{n:<{width}}{BETWEEN}{v}" for n, v in zip(names, values, strict=True)]


def as_html(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], picture: str = ""
) -> str:
    """Returns a title, a table and a picture as HTML.

    Args:
        title: what the object is.
        columns: their names; empty: each row is a name and a value.
        rows: of values.
        picture: SVG, which is used as it is.
    """
    names = "".join(f"<th>{_markup(name)}</th>" for name in columns)
    head = names and f"<thead><tr>{names}</tr></thead>"
    body = "".join(
        f"<tr>{''.join(f'<td>{_markup(value)}</td>' for value in row)}</tr>"
        for row in rows
    )
    return (
        f"<div><p>{_markup(title)}</p><table>"
        f"{head}<tbody>{body}</tbody></table>{picture}</div>"
    )


def count(n: int, what: str) -> str:
    """Returns such as `1 member` or `2,000 members`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def array_words(value: Any) -> str:
    """Returns the type and the shape of an array; of anything else its class."""
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return type(value).__name__
    return f"{value.dtype} [{', '.join(map(str, value.shape))}]"


def short(text: str) -> str:
    """Returns a text of at most one hundred characters."""
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def one_line(text: str) -> str:
    """Returns a text with escapes for what a terminal does not show, such as newlines.

    A name that others chose could else move the cursor, or look like a line of ours.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def cell(value: Any) -> str:
    """Returns a value as text: a float with four significant digits, NaN as a dash."""
    if not isinstance(value, float):
        return one_line(str(value))
    return "-" if math.isnan(value) else f"{value:.4g}"


def _markup(value: Any) -> str:
    return escape(cell(value))
