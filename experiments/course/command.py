"""Measures claims of the course; writes records, figures, page and notebook."""

import argparse
import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import jaxdl as dl
from experiments.bench.record import surroundings
from experiments.course import notebook, page
from experiments.course.arms import Finding, Outcome
from experiments.course.page import SCRIPTS, SEEDS, example, script
from jaxdl.report.style import save

OTHER = Path("runs/course")  # of other numbers of seeds than the page's


def main() -> None:
    options = parsed()
    dl.enable_compilation_cache()
    folder = page.FOLDER if options.seeds == SEEDS else OTHER
    where = surroundings()  # before a record is written, which is a change
    for name in options.names or SCRIPTS:
        clock, processor = time.perf_counter(), time.process_time()
        outcome = script(name).run(options.seeds, 0)
        seconds = {
            "seconds": round(time.perf_counter() - clock, 1),
            "processor_seconds": round(time.process_time() - processor, 1),
        }
        keep(folder, name, outcome, {**seconds, "surroundings": where})
    if folder == OTHER:
        print(f"records and figures are in {OTHER}; the page stays that of {SEEDS}")
        return
    page.write()
    notebook.write()


def parsed() -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser("python -m experiments.course")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    help = f"other than {SEEDS}: writes to {OTHER} and leaves the page"
    parser.add_argument("--seeds", type=int, default=SEEDS, help=help)
    options = parser.parse_args()
    if unknown := set(options.names) - set(SCRIPTS):
        expected = ", ".join(SCRIPTS)
        parser.error(f"got {', '.join(unknown)}; expected some of {expected}")
    if options.seeds < 2:
        parser.error(f"got --seeds {options.seeds}; expected at least 2")
    return options


def printed(name: str) -> str:
    """Returns what the example of a script prints if it is run by itself."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        exec(compile(example(script(name)), name, "exec"), {})  # noqa: S102
    return text.getvalue()


def keep(folder: Path, name: str, outcome: Outcome, told: dict[str, Any]) -> None:
    """Writes a script's record, figures and printed lines; prints what was found."""
    text = printed(name)  # before anything is written: it may fail
    record = {
        "name": name,
        **told,
        "findings": [plain(finding) for finding in outcome.findings],
        "figures": {file: alt for file, (_, alt) in outcome.figures.items()},
    }
    records, figures, texts = (
        folder / path.name for path in (page.RECORDS, page.FIGURES, page.PRINTED)
    )
    for made in (records, figures, texts):
        made.mkdir(parents=True, exist_ok=True)
    (records / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (texts / f"{name}.txt").write_text(text)
    for file, (figure, _) in outcome.figures.items():
        save(figure, figures / f"{file}.svg", "svg")
    print(f"{name}, {told['seconds']:.0f} s")
    for finding in outcome.findings:
        print(finding, flush=True)


def plain(finding: Finding) -> dict[str, Any]:
    """Returns a finding as JSON has it."""
    claim = finding.claim
    numbers = {n: getattr(finding, n) for n in ("mean", "low", "high", "n", "verdict")}
    own = {n: getattr(claim, n) for n in ("number", "sign", "smallest", "unit")}
    return {"claim": claim.text, **own, **numbers}
