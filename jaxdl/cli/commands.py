"""The commands: each takes the parsed options, prints, and returns an exit status."""

import argparse

import jax

from jaxdl import nn, runs, terminal
from jaxdl.data import Splits
from jaxdl.diagnose import bias_variance, expected_rank, importance
from jaxdl.experiment import examine, hyperparameters, load
from jaxdl.search import Plan, SweepResult, sweep, variant
from jaxdl.train import Member, fit


def run_sweep(options: argparse.Namespace) -> int:
    """Trains many models; 1 if all of them diverged."""
    if options.out is not None:
        runs.claim(options.out)
    experiment = load(options.file)
    result = sweep(
        *experiment,
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
    )
    print(terminal.table(*result.rows(10), width=terminal.width()))
    name = "member" if result.variants == 1 else "configuration"
    if result.diverged().all():
        print(f"\nall {options.members} {name}s diverged: lower the learning rates")
        return 1
    if all((rung.until == options.epochs).all() for rung in result.rungs):
        _print_importance(result)  # of dev errors after the same number of epochs
    name = f"{name} {result.ranking()[0]}"
    if result.variants > 1:
        _print_noise(name, result)
        name = "its first model"
    data, _ = variant(experiment.data, _key(options), folds=options.folds)
    _print_errors(name, result.best(), data)
    if options.out is not None and runs.is_finished(options.out):
        print(f"results in {options.out}")
    return 0


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
    _print_errors("the model", member, experiment.data)
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


def _print_noise(name: str, result: SweepResult) -> None:
    """Prints how well the best configuration did, and whom noise may hide behind it."""
    winner, others = result.ranking()[0], len(result.diverged()) - 1
    error = result.mean()["dev_error"][winner]
    noise = result.standard_error()["dev_error"][winner]
    print(
        f"\n{name}: dev error {error:.2%}, standard error {noise:.2%}, over "
        f"{result.variants} models; not told apart from it: "
        f"{len(result.not_worse()) - 1} of {others} others"
    )


def _print_importance(result: SweepResult) -> None:
    try:
        found = importance(result.configurations(), result.mean()["dev_error"])
    except (ImportError, ValueError):  # no scikit-learn, or too few members to tell
        return
    rows = [
        (name, f"{share:.0%}", expected_rank(name) or "-")
        for name, share in found.shares.items()
    ]
    print(
        "\nwhat the dev error depended on (expected: 1 is tuned first, 4 rarely), as "
        f"far as its variance is explained, {max(found.explained, 0):.0%}:"
    )
    print(terminal.table(("hyperparameter", "share", "expected"), rows))


def _print_errors(name: str, member: Member, data: Splits) -> None:
    train, test = (member.evaluate(d)["error"] for d in (data.train, data.test))
    dev = float(member.metrics["dev_error"][member.kept_epoch])
    print(
        f"\n{name}: train error {train:.2%}, dev error {dev:.2%}, test error "
        f"{test:.2%} on {len(data.test.inputs)} examples"
    )
    if not nn.has_classes(member.loss):
        return  # another error is no rate
    diagnosis = bias_variance(train, dev)
    for high, what, size in (
        (diagnosis.high_bias, "bias", diagnosis.bias),
        (diagnosis.high_variance, "variance", diagnosis.variance),
    ):
        if high:
            print(f"high {what} of {size:.2%}")
    for advice in diagnosis.advice:
        print(f"- {advice}")


def _key(options: argparse.Namespace) -> jax.Array:
    return jax.random.key(options.seed, impl="threefry2x32")
