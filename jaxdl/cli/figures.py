"""The commands that look at a run afterwards: a figure of it, and the page of all."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl import report
from jaxdl.experiment import Experiment, ExperimentError, load
from jaxdl.optim import Schedule
from jaxdl.report.network import steps_of
from jaxdl.report.style import save
from jaxdl.sweeps import SweepResult, read_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[SweepResult], "Figure"]] = {
    "learning_curves": report.learning_curves,
    "train_against_dev": report.train_against_dev,
    "hyperparameters": report.hyperparameters,
    "parallel_coordinates": report.parallel_coordinates,
    "heat_map": report.heat_map,
    "importance": report.importance,
    "funnel": report.funnel,
    "lineage": report.lineage,
}
OF_THE_BEST: dict[str, Callable[[SweepResult, Experiment], "Figure"]] = {
    "signal": lambda result, its: report.signal(result, its.data.train),
    "confusion": lambda result, its: report.confusion(result, its.data.dev),
    "worst_examples": lambda result, its: report.worst_examples(
        result, its.data.dev, moments=its.data.moments
    ),
    "learning_rates": lambda result, its: report.learning_rates(
        result, _schedule(its), steps_of(result, its.data)
    ),
}


def run_plot(options: argparse.Namespace) -> int:
    """Draws one figure of a run; 1 if it is of the best member and there is none."""
    result, experiment = read(options)
    if options.name in OF_THE_BEST:
        if not result.has_best():
            print("no member of the run has a finite error", file=sys.stderr)
            return 1
        first = experiment._replace(data=result.first_data(experiment.data))
        drawn = OF_THE_BEST[options.name](result, first)
    else:
        drawn = FIGURES[options.name](result)
    out = options.out or Path(f"{options.name}.png")
    save(drawn, out, out.suffix[1:].lower())
    print(f"figure in {out}")
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Writes the page of a run."""
    result, experiment = read(options)
    out = options.out or Path("report.html")
    report.report(
        result,
        out,
        data=experiment.data,
        run_dir=options.run_dir,
        schedule=experiment.schedule,
    )
    print(f"report in {out}")
    return 0


def add_commands(commands: Any, given: argparse.ArgumentParser) -> None:
    """Adds `plot` and `report` to the parser's commands.

    Args:
        commands: of the parser.
        given: takes the arguments that both have, a run and its experiment.
    """
    plot = commands.add_parser("plot", parents=[given], help="draw a figure of a run")
    plot.add_argument(
        "name",
        choices=[*FIGURES, *OF_THE_BEST],
        metavar="NAME",
        help=f"one of {', '.join([*FIGURES, *OF_THE_BEST])}",
    )
    plot.add_argument(
        "--out",
        type=_picture,
        metavar="FILE",
        help="a .png or .svg; default: NAME.png",
    )
    plot.set_defaults(run=run_plot)
    page = commands.add_parser(
        "report", parents=[given], help="write a page of all figures and members"
    )
    page.add_argument("--out", type=Path, metavar="FILE", help="default: report.html")
    page.set_defaults(run=run_report)


def read(options: argparse.Namespace) -> tuple[SweepResult, Experiment]:
    """Returns what is on record of a run, with the space that the file has.

    Raises:
        ExperimentError: nothing is, or as `load`.
        OSError, RunMismatchError: as `read_result`.
    """
    experiment = load(options.file)
    result = read_result(options.run_dir, experiment.recipe, space=experiment.space)
    if not result.metrics:
        raise ExperimentError(
            f"the run in {options.run_dir} has nothing on record yet; expected one "
            "that has trained for an epoch: try again later"
        )
    return result, experiment


def _schedule(experiment: Experiment) -> Callable[[Any], Schedule]:
    if experiment.schedule is None:
        raise ExperimentError(
            "the file defines no schedule; expected a function from hyperparameters to "
            "the learning-rate schedule that the recipe gives to its optimizer"
        )
    return experiment.schedule


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg"):
        raise argparse.ArgumentTypeError(f"got {text}; expected a .png or .svg file")
    return path
