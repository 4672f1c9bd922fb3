"""A page of a sweep: one HTML file that needs neither network nor server.

Nothing in it is from elsewhere and nothing leaves it: its policy lets run what is named
by its hash, and nothing else. All texts from data are escaped; the script writes them
as text, never as markup.
"""

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxdl import nn
from jaxdl.data import Splits
from jaxdl.optim import Schedule
from jaxdl.report import contents
from jaxdl.report.curves import learning_curves, train_against_dev
from jaxdl.report.network import (
    confusion,
    learning_rates,
    signal,
    steps_of,
    worst_examples,
)
from jaxdl.report.parallel import parallel_coordinates
from jaxdl.report.ranges import heat_map, hyperparameters, importance
from jaxdl.report.searches import funnel, lineage
from jaxdl.report.style import save
from jaxdl.sweeps import SweepResult
from jaxdl.sweeps.summary import summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WIDE = 8.5  # inches, from which on a figure has no other beside it


class Shown(NamedTuple):
    """A figure of the page."""

    draw: Callable[[], "Figure"]
    alt: str  # what it is, for those who do not see it
    caption: str  # how it is read


def report(
    result: SweepResult,
    path: str | os.PathLike[str],
    *,
    data: Splits | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    schedule: Callable[[Any], Schedule] | None = None,
) -> None:
    """Writes a page of all figures, the diagnosis, every member and the specification.

    Curves of more than 800,000 numbers leave epochs out, evenly and never the last, so
    that the page of 1,024 members stays below 10 MB.

    Args:
        result: of a sweep.
        path: of the HTML file, which is replaced if there is one.
        data: of the sweep, for the figures and errors of its best member.
        run_dir: the sweep's folder, for the command to replay and what it was run on.
        schedule: from hyperparameters to their learning-rate schedule, to draw it.

    Raises:
        ImportError: matplotlib is missing.
        OSError: the file cannot be written, or the folder not be read.
    """
    sections = _sections(result, data, schedule)
    summary, rates = summarize(result, data), result.has_rates()
    name = "" if run_dir is None else f" {Path(run_dir).name}"
    title = f"Sweep{name}: {contents.count(len(result.status), 'member')}"
    style, script = (_part(f"page.{kind}") for kind in ("css", "js"))
    texts = {
        "policy": _policy(style, script),
        "title": escape(title),
        "summary": escape(contents.outcome(summary, rates)),
        "links": _links(sections),
        "diagnosis": _diagnosis(*contents.diagnosis(summary, rates)),
        "figures": "".join(_section(*section) for section in sections.items()),
        "specification": _specification(contents.specification(result, run_dir)),
        "data": _json(contents.members(result, run_dir)),
        "style": style,
        "script": script,
    }
    # In one pass, so that no text is taken for a place of another.
    page = re.sub(r"\{\{(\w+)\}\}", lambda place: texts[place[1]], _part("page.html"))
    Path(path).write_bytes(page.encode("utf-8", "replace"))


def _sections(
    result: SweepResult,
    data: Splits | None,
    schedule: Callable[[Any], Schedule] | None,
) -> dict[str, list[Shown]]:
    learning = [
        Shown(partial(learning_curves, result, metric),
              f"{metric.replace('_', ' ')} of all members by epoch",
              "Color: how many members' curves pass. The line is the best member.")
        for metric in ("dev_error", "dev_loss")
    ]  # fmt: skip
    learning.append(
        Shown(partial(train_against_dev, result), "train against dev error",
              "Far right is high bias, far above the diagonal is high variance. Train "
              "errors are means over the steps of an epoch, with dropout.")
    )  # fmt: skip
    unequal = any((rung.until != rung.until.max()).any() for rung in result.rungs)
    unequal |= len({int(rung.until.max()) for rung in result.rungs}) > 1
    after = " Members trained for different numbers of epochs." if unequal else ""
    ranges = [
        Shown(partial(hyperparameters, result), "each hyperparameter against dev error",
              f"Each on its own scale.{after}"),
        Shown(partial(importance, result), "importance of the hyperparameters",
              "What the dev error depended on."),
        Shown(partial(parallel_coordinates, result), "the best tenth side by side",
              "Where lines meet, the best agree."),
        Shown(partial(heat_map, result), "median dev error over two hyperparameters",
              "Two that apply together, the most important if that can be told."),
    ]  # fmt: skip
    sections = {"Learning": learning, "Hyperparameters": ranges}
    if len(result.rungs) > 1:
        sections["Search"] = _search(result)
    first = result.first_data(data)
    if first is not None and result.has_best():
        sections["Best member"] = _best(result, first)
        if schedule is not None:
            rates = partial(learning_rates, result, schedule, steps_of(result, first))
            learning.append(
                Shown(rates, "learning rates by step", "Of the best tenth.")
            )
    return sections


def _search(result: SweepResult) -> list[Shown]:
    shown = [Shown(partial(funnel, result), "members that trained in each epoch",
                   "Who was asked to train on, and who did.")]  # fmt: skip
    if any(rung.parents is not None for rung in result.rungs):
        shown.append(
            Shown(partial(lineage, result), "who went on from whom",
                  "The way to the best, and its hyperparameters on that way.")
        )  # fmt: skip
    return shown


def _best(result: SweepResult, data: Splits) -> list[Shown]:
    norms = Shown(partial(signal, result, data.train), "norms by layer",
                  "At the trained weights, on examples of the train set.")  # fmt: skip
    if not nn.has_classes(result.best().loss):
        return [norms]
    worst = partial(worst_examples, result, data.dev, moments=data.moments)
    return [
        norms,
        Shown(partial(confusion, result, data.dev), "confusion matrix",
              "On the dev set; colors are shares of a row."),
        Shown(worst, "examples with the highest loss", "Of the dev set."),
    ]  # fmt: skip


def _policy(style: str, script: str) -> str:
    hashes = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    of_style, of_script = (f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; style-src {of_style}; script-src {of_script}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _links(sections: Iterable[str]) -> str:
    names = ["Diagnosis", *sections, "Members", "Member", "Specification"]
    return "".join(f'<a href="#{_id(name)}">{escape(name)}</a>\n' for name in names)


def _section(name: str, shown: list[Shown]) -> str:
    figures = "".join(map(_figure, shown))
    return (
        f'<section id="{_id(name)}"><h2>{escape(name)}</h2>'
        f'<div class="figures">{figures}</div></section>\n'
    )


def _figure(shown: Shown) -> str:
    """Returns a figure as an image of its own, so that no two share their names."""
    file, drawn = io.BytesIO(), shown.draw()
    save(drawn, file, "svg")
    wide = ' class="wide"' if drawn.get_figwidth() > WIDE else ""
    image = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure{wide}><img alt="{escape(shown.alt)}" '
        f'src="data:image/svg+xml;base64,{image}">'
        f"<figcaption>{escape(shown.caption)}</figcaption></figure>\n"
    )


def _diagnosis(found: list[str], advice: list[str]) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in found)
    if not advice:
        return text
    items = "".join(f"<li>{escape(line)}</li>" for line in advice)
    return f"{text}<h3>What to do, most useful first</h3><ul>{items}</ul>"


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
