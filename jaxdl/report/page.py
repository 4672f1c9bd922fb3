"""A page of a sweep: one HTML file that needs neither network nor server.

It loads nothing and sends nothing: its policy allows the style and the script with its
hashes, and nothing else. All texts from data are escaped, and the script writes them as
text, never as markup.
"""

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable
from html import escape
from importlib.resources import files
from typing import Any

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.paths import as_path
from jaxdl.report import contents
from jaxdl.report.figures import FIGURES, Row, Source, can_draw, draw, texts
from jaxdl.report.style import save
from jaxdl.shown import count
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.summary import summarize

SCRIPTS = ("sweep", "table", "parallel", "curves", "page")  # in this order
LAST = ("Members", "Member", "Specification")  # sections
WIDE = 8.5  # inches; a wider figure has a row of the page to itself


def report(
    result: SweepResult,
    path: str | os.PathLike[str],
    *,
    data: Splits | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    schedule: Callable[[Any], Schedule] | None = None,
    human_error: float = 0.0,
) -> None:
    """Writes a page of all figures, the diagnosis, every member and the specification.

    Curves of more than 6,000,000 numbers leave epochs out, evenly and never the last,
    so that curves and table of 50,000 members take about 20 MB at most; the figures
    come on top. Of more than 50,000 members it shows the best 1,000 configurations and
    9,000 others, drawn at random, and says so. The lines and the table follow the
    ranges that a reader chooses on the axes. The figures need no script.

    Args:
        result: of a sweep.
        path: of the HTML file. It replaces a file of that name, and appears whole or
            not at all.
        data: of the sweep, for the figures and errors of its best member.
        run_dir: the sweep's folder, which the replay command names.
        schedule: from hyperparameters to their learning-rate schedule.
        human_error: the human-level error, in [0, 1], that the bias is counted from.

    Raises:
        ImportError: matplotlib is missing.
        OSError: the file cannot be written.
        ValueError: as `diagnose.bias_variance`.
    """
    first = None if data is None else result.first_data(data)
    source = Source(result, first, schedule)
    sections = _sections(source)
    summary, rates = summarize(result, data, human_error), result.has_rates()
    name = "" if run_dir is None else f" {as_path(run_dir).resolve().name}"
    title = f"Sweep{name}: {count(len(result.status), 'member')}"
    page = filled(
        {
            "title": escape(title),
            "summary": escape(
                contents.outcome(summary, rates) + contents.sampled(result)
            ),
            "links": _links(["Diagnosis", "Explore", *sections, *LAST]),
            "diagnosis": _part_of_page(
                "Diagnosis",
                _diagnosis(*contents.diagnosis(summary, rates))
                + _together(contents.together(result, data)),
            ),
            "figures": "".join(
                _section(name, rows, source) for name, rows in sections.items()
            ),
            "specification": _part_of_page(
                "Specification",
                _specification(contents.specification(result, run_dir, data)),
            ),
            "data": _json(contents.members(result, run_dir)),
        }
    )
    runs.write_file(as_path(path), page.encode("utf-8", "replace"))


def live_page(name: str) -> str:
    """Returns a page that asks its server for its contents, again and again.

    Args:
        name: of the run, which may hold anything.
    """
    links = _links(["Explore", "Members", "Member"])
    return filled(
        dict.fromkeys(("summary", "diagnosis", "figures", "specification"), "")
        | {"title": escape(f"Sweep {name}"), "links": links, "data": "null"},
        live=True,
    )


def filled(given: dict[str, str], live: bool = False) -> str:
    """Returns the page with texts in their places.

    Args:
        given: the texts by the names of their places, as HTML.
        live: whether it may ask its server for contents.
    """
    styles, scripts = _styles(), _scripts()
    known = styles | scripts | {"policy": policy(live), "live": " data-live" * live}
    known |= given
    # One pass, so that no text is replaced inside another.
    html = _part("web/page.html")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: known[place[1]], html)


def _sections(source: Source) -> dict[str, list[Row]]:
    """Returns the figures that the page shows, by section."""
    sections: dict[str, list[Row]] = {}
    for row in FIGURES.values():
        if can_draw(row, source) and row.shown(source.result):
            sections.setdefault(row.section, []).append(row)
    return sections


def _styles() -> dict[str, str]:
    """Returns the styles of the page, by the names of their places."""
    return {
        "library_style": _part("vendor/uPlot.min.css"),
        "style": _part("web/page.css"),
    }


def _scripts() -> dict[str, str]:
    """Returns the scripts of the page, by the names of their places."""
    own = "".join(_part(f"web/{name}.js") for name in SCRIPTS)
    return {"library": _part("vendor/uPlot.iife.min.js"), "script": own}


def policy(live: bool) -> str:
    """Returns the policy that lets the page's styles and scripts run, and nothing else.

    Args:
        live: whether the page may ask its server for contents.
    """
    asks = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; style-src {_hashes(_styles().values())}; "
        f"script-src {_hashes(_scripts().values())}; "
        f"img-src data:; {asks}base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: Iterable[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)


def _links(names: Iterable[str]) -> str:
    return "".join(f'<a href="#{_id(name)}">{escape(name)}</a>\n' for name in names)


def _section(name: str, rows: list[Row], source: Source) -> str:
    figures = "".join(_figure(row, source) for row in rows)
    return _part_of_page(name, f'<div class="figures">{figures}</div>')


def _part_of_page(name: str, text: str) -> str:
    """Returns a section of the page; its text is HTML."""
    return f'<section id="{_id(name)}"><h2>{escape(name)}</h2>{text}</section>\n'


def _figure(row: Row, source: Source) -> str:
    """Returns a figure as an image of its own, so that no two share their names."""
    file, drawn = io.BytesIO(), draw(row, source)
    alt, caption = texts(row, source)
    save(drawn, file, "svg")
    wide = ' class="wide"' if drawn.get_figwidth() > WIDE else ""
    image = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure{wide}><img alt="{escape(alt)}" '
        f'src="data:image/svg+xml;base64,{image}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def _diagnosis(found: list[str], advice: list[str]) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in found)
    if not advice:
        return text
    items = "".join(f"<li>{escape(line)}</li>" for line in advice)
    return f"{text}<h3>What to do, most useful first</h3><ul>{items}</ul>"


def _together(table: tuple[list[str], list[list[str]]] | None) -> str:
    if table is None:
        return ""
    columns, rows = table
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{escape(value)}</td>' for value in values)
        + "</tr>"
        for name, *values in rows
    )
    return (
        "<h3>Members that predict together</h3>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _specification(rows: list[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table>{lines}</table>"


def _json(value: Any) -> str:
    """Returns JSON that cannot end the element that it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c")


def _id(name: str) -> str:
    return name.lower().replace(" ", "-")


def _part(name: str) -> str:
    return files("jaxdl.report").joinpath(name).read_text(encoding="utf-8")
