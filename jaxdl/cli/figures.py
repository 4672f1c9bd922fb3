"""The commands that draw a run: `plot` one figure, or `report` a page of all."""

import argparse
from pathlib import Path
from typing import Any

from jaxdl import report
from jaxdl.cli import files
from jaxdl.cli.output import show, tell
from jaxdl.cli.runs import read
from jaxdl.experiment import ExperimentError
from jaxdl.report import ranked
from jaxdl.report.figures import FIGURES, Needs, Source, draw
from jaxdl.report.style import save


def run_plot(options: argparse.Namespace) -> int:
    """Draws one figure of a run. Returns 1 if it needs a best member and has none."""
    out = options.out or Path(f"{options.name}.png")
    place = files.output_file(out, options)
    result, experiment = read(options)
    row = FIGURES[options.name]
    if row.needs >= Needs.DATA and not result.has_best():
        name = ranked.name(result)
        tell(f"no member of the run has a finite {name}")
        return 1
    if row.needs >= Needs.SCHEDULE and experiment.schedule is None:
        raise ExperimentError(
            "the file defines no schedule; expected a function from hyperparameters to "
            "the learning-rate schedule that the recipe gives to its optimizer"
        )
    first = result.first_data(experiment.data)
    drawn = draw(row, Source(result, first, experiment.schedule))
    save(drawn, place, out.suffix[1:].lower())
    only = "" if drawn.axes else f", which only says: {drawn.texts[0].get_text()}"
    show(f"figure in {out}{only}")
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Writes the page of a run."""
    out = options.out or options.run_dir / "report.html"
    place = files.output_file(out, options)
    result, experiment = read(options)
    report.report(
        result,
        place,
        data=experiment.data,
        run_dir=options.run_dir,
        schedule=experiment.schedule,
        human_error=options.human_error,
    )
    show(f"report in {out}")
    return 0


def add_commands(commands: Any, given: argparse.ArgumentParser) -> None:
    """Adds `plot` and `report` to the parser's commands.

    Args:
        commands: of the parser.
        given: takes a run and its experiment.
    """
    plot = commands.add_parser("plot", parents=[given], help="draw a figure of a run")
    plot.add_argument(
        "name",
        choices=[*FIGURES],
        metavar="NAME",
        help=f"one of {', '.join(FIGURES)}",
    )
    plot.add_argument(
        "--out",
        type=picture,
        metavar="FILE",
        help="a .png or .svg; default: NAME.png",
    )
    plot.set_defaults(run=run_plot)
    page = commands.add_parser(
        "report", parents=[given], help="write a page of all figures and members"
    )
    page.add_argument(
        "--out", type=files.path, metavar="FILE", help="default: report.html in RUN"
    )
    add_human_error(page)
    page.set_defaults(run=run_report)


def add_human_error(command: argparse.ArgumentParser) -> None:
    """Adds the option that the diagnosis takes."""
    command.add_argument(
        "--human-error",
        type=_rate,
        default=0.0,
        metavar="E",
        help="the error of people on this task, such as 0.01: bias is what the train "
        "error has above it; default: 0",
    )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected a rate from 0 to 1, such as 0.01 for 1 %"
        )
    return rate


def picture(text: str) -> Path:
    """Returns the path of a picture to write, for argparse."""
    path = files.path(text)
    if path.suffix.lower() not in (".png", ".svg"):
        raise argparse.ArgumentTypeError(f"got {text}; expected a .png or .svg file")
    return path
