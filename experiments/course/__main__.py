"""Measures claims of the course; writes records, figures, page and notebook.

python -m experiments.course [NAME ...] [--seeds N]
"""

import argparse
import json
import time

import jaxdl as dl
from experiments.bench.record import surroundings
from experiments.course import notebook
from experiments.course.arms import Finding, Outcome
from experiments.course.page import FIGURES, RECORDS, SCRIPTS, script, write
from jaxdl.report.style import save


def main() -> None:
    parser = argparse.ArgumentParser("python -m experiments.course")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    if unknown := set(options.names) - set(SCRIPTS):
        expected = ", ".join(SCRIPTS)
        parser.error(f"got {', '.join(unknown)}; expected some of {expected}")
    if options.seeds < 2:
        parser.error(f"got --seeds {options.seeds}; expected at least 2")
    dl.enable_compilation_cache()
    for name in options.names or SCRIPTS:
        begin = time.perf_counter()
        outcome = script(name).run(options.seeds, 0)
        keep(name, outcome, time.perf_counter() - begin)
    write()
    notebook.write()


def keep(name: str, outcome: Outcome, seconds: float) -> None:
    """Writes the record and the figures of a script, and prints what was found."""
    record = {
        "name": name,
        "seconds": round(seconds, 1),
        "surroundings": surroundings(),
        "findings": [plain(finding) for finding in outcome.findings],
        "figures": {file: alt for file, (_, alt) in outcome.figures.items()},
    }
    RECORDS.mkdir(exist_ok=True)
    FIGURES.mkdir(exist_ok=True)
    (RECORDS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    for file, (figure, _) in outcome.figures.items():
        save(figure, FIGURES / f"{file}.svg", "svg")
    print(f"{name}, {seconds:.0f} s")
    for finding in outcome.findings:
        print(finding, flush=True)


def plain(finding: Finding) -> dict:
    """Returns a finding as JSON has it."""
    claim = finding.claim
    numbers = {n: getattr(finding, n) for n in ("mean", "low", "high", "n", "verdict")}
    own = {n: getattr(claim, n) for n in ("number", "sign", "smallest", "unit")}
    return {"claim": claim.text, **own, **numbers}


if __name__ == "__main__":
    main()
