"""The command `ensemble`, which has the best members of a run predict together."""

import argparse
from typing import Any

from jaxdl import terminal
from jaxdl.cli import exports, files, values
from jaxdl.cli.output import show, tell
from jaxdl.cli.runs import check_data, read
from jaxdl.experiment import ExperimentError
from jaxdl.report import ranked
from jaxdl.sweeps.ensembles import MOST_ADDITIONS, beside_best, chosen_by


def run_ensemble(options: argparse.Namespace) -> int:
    """Shows an ensemble beside the best member. Returns 1 if there is no best one."""
    places = exports.places(options, options.export)
    result, experiment = read(options)
    if result.task.folds is not None:
        raise ExperimentError(
            "got a run with folds, whose members have dev sets of their own; expected "
            "one without: sweep again without --folds"
        )
    data = experiment.data
    check_data(result, data)
    if not result.has_best():
        tell(f"no member of the run has a finite {ranked.name(result)}")
        return 1
    found = result.ensemble(data.dev, size=options.size)
    show(terminal.table(*beside_best(found, result.best(), data)))
    pairs = zip(found.numbers.tolist(), found.weights.tolist(), strict=True)
    show(f"\n{terminal.table(['member', 'weight'], [*map(list, pairs)])}")
    metric = chosen_by(found.members[0].built)
    show(f"chosen by the dev {metric}; another metric may be worse than the best's")
    exports.write(found, places, data.moments)
    return 0


def add_command(commands: Any, given: argparse.ArgumentParser) -> None:
    """Adds `ensemble` to the parser's commands.

    Args:
        commands: of the parser.
        given: takes a run and its experiment.
    """
    ensemble = commands.add_parser(
        "ensemble", parents=[given], help="have the best models predict together"
    )
    ensemble.add_argument(
        "--size",
        type=values.counts(1, MOST_ADDITIONS),
        default=25,
        metavar="N",
        help=f"how many times a model is added, at most {MOST_ADDITIONS}; default: 25",
    )
    ensemble.add_argument(
        "--export",
        type=files.path,
        metavar="PATH",
        help="write it as safetensors and JSON; the path has no ending",
    )
    exports.add_programs(ensemble)
    ensemble.set_defaults(run=run_ensemble)
