"""The command `more-data`, which trains one configuration on parts of the train set."""

import argparse

import numpy as np

from jaxdl import report, terminal
from jaxdl.cli import files
from jaxdl.cli.output import show
from jaxdl.experiment import hyperparameters, load
from jaxdl.report.style import save
from jaxdl.sweeps import more_data


def run_more_data(options: argparse.Namespace) -> int:
    """Says whether more data would help. Returns 1 if a training diverged."""
    place = options.out and files.output_file(options.out, options)
    experiment = load(options.file)
    found = more_data(
        experiment.recipe,
        hyperparameters(experiment.space, options.hparams),
        experiment.data,
        key=options.seed,
        epochs=options.epochs,
        patience=options.patience,
        fractions=options.fractions,
        repeats=options.repeats,
    )
    names = ("examples", "train_error", "standard_error", "dev_error", "standard_error")
    show(terminal.table(names, found.rows()))
    show(f"\n{found.verdict}")
    if place is not None:
        save(report.more_data(found), place, options.out.suffix[1:].lower())
        show(f"figure in {options.out}")
    return 0 if np.isfinite(found.dev_error).all() else 1
