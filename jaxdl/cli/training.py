"""The commands that train from an experiment file: `sweep`, `fit` and `check`.

Each command takes the parsed options, prints, and returns an exit status.
"""

import argparse
import json

from jaxdl import runs
from jaxdl.cli import clock, watch
from jaxdl.cli.cluster import crew_of
from jaxdl.cli.output import show, tell
from jaxdl.cli.resuming import resumed
from jaxdl.cli.space import print_space
from jaxdl.cli.summary import print_errors, print_summary
from jaxdl.engine import Plan, SweepProgress
from jaxdl.experiment import (
    Experiment,
    ExperimentError,
    check,
    hyperparameters,
    load,
    pinned,
)
from jaxdl.keys import as_key
from jaxdl.plain import to_json
from jaxdl.searches import random
from jaxdl.searches.rungs import start
from jaxdl.sweeps import StartFrom, SweepResult, fit, sweep
from jaxdl.sweeps.summary import (
    Summary,
    errors_of,
    seconds_of_importance,
    summarize,
)
from jaxdl.train import Status


def run_sweep(options: argparse.Namespace) -> int:
    """Trains many models. Returns 1 if none has a finite score."""
    if options.out is not None and not options.space:
        runs.claim(options.out)
    crew = crew_of(options)
    experiment = load(options.file)
    space = pinned(experiment.space, options.hparams)
    if options.space:
        asked = options.search or random(), as_key(options.seed), space
        start(*asked, options.members, options.epochs)  # refuses what it cannot do
        return print_space(space, as_json=options.json)
    if options.watch:
        _watch(options, experiment)
    deadline = clock.deadline_of(options.time, options.began)
    result = sweep(
        experiment.recipe,
        space,
        experiment.data,
        key=options.seed,
        members=options.members,
        epochs=options.epochs,
        search=options.search,
        patience=options.patience,
        repeats=options.repeats,
        folds=options.folds,
        run_dir=options.out,
        extend=options.extend,
        shard=options.shard,
        keep=options.keep,
        plan=Plan(options.block_width, max_programs=options.max_programs),
        seconds=deadline,
        start_from=_start(options),
        progress=_print_progress if options.json else True,
        crew=crew,
    )
    in_time = deadline is None or deadline.left() > seconds_of_importance(result)
    summary = summarize(
        result, experiment.data, options.human_error, importance=in_time
    )
    if options.json:
        _print_json("summary", summary)
    else:
        print_summary(summary)
    if options.out is not None and not options.json:
        show(f"results in {options.out}")
    if options.shard is not None and not options.json:
        _tell_shard(result)
    # A shard has done its work, whatever came out: other shards may have a best.
    return 1 if summary.best is None and options.shard is None else 0


def _tell_shard(result: SweepResult) -> None:
    """Prints which members of the sweep the members of a shard are."""
    first, members = result.task.offset * result.num_variants, len(result.status)
    show(
        f"its members 0 to {members - 1:,} are {first:,} to {first + members - 1:,} of "
        "the sweep"
    )


def _start(options: argparse.Namespace) -> StartFrom | None:
    if options.start_from is not None:
        return StartFrom(options.start_from, narrow=options.narrow, names=options.names)
    if options.narrow or options.names:
        raise ExperimentError(
            "got --narrow or --names without --start-from; expected the run whose best "
            "configurations they are about: add --start-from RUN"
        )
    return None


def _watch(options: argparse.Namespace, experiment: Experiment) -> None:
    if options.out is None:
        raise ExperimentError(
            "got --watch without --out; expected the folder of the run, which the page "
            "shows: add --out RUN"
        )
    tell(f"watch {watch.start([options.out], experiment).address}")


def run_fit(options: argparse.Namespace) -> int:
    """Trains one model. Returns 1 if it diverged."""
    out = options.out and runs.claim(options.out)
    experiment = load(options.file)
    space, on_epoch = experiment.space, None
    if out is None:
        hp = hyperparameters(space, options.hparams)
    else:
        hp, on_epoch = resumed(out, space, options.hparams)
    member = fit(
        experiment.recipe,
        hp,
        experiment.data,
        key=options.seed,
        epochs=options.epochs,
        patience=options.patience,
        run_dir=out,
        on_epoch=on_epoch,
    )
    if member.status == Status.DIVERGED:
        show(f"diverged at step {member.stopped_at}: lower the learning rate")
        return 1
    if options.patience is not None:
        at = f" at step {member.stopped_at}" if member.status == Status.STOPPED else ""
        show(
            f"{member.status}{at}; the weights are those of epoch "
            f"{member.kept_epoch + 1}"
        )
    errors = errors_of(member, experiment.data, options.human_error)
    print_errors("the model", errors)
    if out is not None:
        show(f"results in {out}")
    return 0


def run_check(options: argparse.Namespace) -> int:
    """Checks an experiment. Returns 1 if something is wrong."""
    experiment = load(options.file)
    space = pinned(experiment.space, options.hparams)
    healthy = True
    given = experiment.recipe, space, experiment.data
    for finding in check(*given, key=options.seed, targets=options.targets):
        show(f"{'ok  ' if finding.healthy else 'LOOK'}  {finding.text}")
        healthy &= finding.healthy
    return 0 if healthy else 1


def _print_progress(progress: SweepProgress) -> None:
    _print_json("progress", progress)


def _print_json(name: str, value: SweepProgress | Summary) -> None:
    """Prints a line for other programs to read, such as {"progress": {...}}."""
    show(json.dumps({name: to_json(value)}, allow_nan=False))
