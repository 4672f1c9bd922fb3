"""The commands: each takes the parsed options, prints, and returns an exit status."""

import argparse
import json

import jax

from jaxdl import runs
from jaxdl.cli.summary import (
    Summary,
    errors_of,
    plain,
    print_errors,
    print_summary,
    summarize,
)
from jaxdl.engine import Plan, SweepProgress
from jaxdl.experiment import examine, hyperparameters, load
from jaxdl.sweeps import sweep, variant
from jaxdl.train import fit


def run_sweep(options: argparse.Namespace) -> int:
    """Trains many models; 1 if all of them diverged."""
    if options.out is not None:
        runs.claim(options.out)
    experiment = load(options.file)
    result = sweep(
        experiment.recipe,
        experiment.space,
        experiment.data,
        key=_key(options),
        members=options.members,
        epochs=options.epochs,
        search=options.search,
        patience=options.patience,
        repeats=options.repeats,
        folds=options.folds,
        run_dir=options.out,
        extend=options.extend,
        plan=options.block_width and Plan(options.block_width),
        progress=_print_progress if options.json else True,
    )
    data, _ = variant(experiment.data, _key(options), folds=options.folds)
    summary = summarize(result, data)
    if options.json:
        _print_json("summary", summary)
    else:
        print_summary(summary)
    done = options.out is not None and runs.is_finished(options.out)
    if done and not options.json:
        print(f"results in {options.out}")
    return 1 if summary.best is None else 0


def run_fit(options: argparse.Namespace) -> int:
    """Trains one model; 1 if it diverged."""
    experiment = load(options.file)
    hp = hyperparameters(experiment.space, options.hparams)
    member = fit(
        experiment.recipe,
        hp,
        experiment.data,
        key=_key(options),
        epochs=options.epochs,
        patience=options.patience,
    )
    if member.status == "diverged":
        print(f"diverged at step {member.stopped_at}: lower the learning rate")
        return 1
    if options.patience is not None:
        at = f" at step {member.stopped_at}" if member.status == "stopped" else ""
        print(
            f"{member.status}{at}; the weights are those of epoch "
            f"{member.kept_epoch + 1}"
        )
    print_errors("the model", errors_of(member, experiment.data))
    return 0


def run_check(options: argparse.Namespace) -> int:
    """Examines an experiment; 1 if something is wrong."""
    experiment = load(options.file)
    hp = hyperparameters(experiment.space, options.hparams, middle=True)
    healthy = True
    for finding in examine(experiment.recipe, hp, experiment.data, key=_key(options)):
        print(f"{'ok  ' if finding.healthy else 'LOOK'}  {finding.text}", flush=True)
        healthy &= finding.healthy
    return 0 if healthy else 1


def _print_progress(progress: SweepProgress) -> None:
    _print_json("progress", progress)


def _print_json(name: str, value: SweepProgress | Summary) -> None:
    """Prints a line that other programs read, such as {"progress": {...}}."""
    print(json.dumps({name: plain(value)}, allow_nan=False), flush=True)


def _key(options: argparse.Namespace) -> jax.Array:
    return jax.random.key(options.seed, impl="threefry2x32")
