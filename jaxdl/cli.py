"""The command line: `jaxdl check FILE`, `jaxdl fit FILE` and `jaxdl sweep FILE`.

FILE is a Python file that defines `recipe`, `space` and `data`; see `jaxdl.experiment`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from jaxdl import nn, runs, terminal
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.data import DataError, Splits
from jaxdl.diagnose import bias_variance, expected_rank, importance
from jaxdl.experiment import ExperimentError, examine, hyperparameters, load
from jaxdl.search import Plan, SpaceError, SweepResult, sweep
from jaxdl.train import Member, RecipeError, fit

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    0 when a model was trained, or nothing wrong found in it; 1 when every model
    diverged, or something was found; 2 when the file, its data or the arguments cannot
    be used.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse takes NAME=VALUE only before the options of a command.
    hparams = [word for word in rest if "=" in word and not word.startswith("-")]
    if len(hparams) < len(rest) or (hparams and options.run is _sweep):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if hparams:
            options.hparams += hparams
        enable_compilation_cache()
        return options.run(options)
    except KeyboardInterrupt:
        print("jaxdl: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (
        DataError,
        ExperimentError,
        ImportError,
        MemoryError,
        OSError,
        RecipeError,
        SpaceError,
    ) as error:
        print(f"jaxdl: error: {error or type(error).__name__}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jaxdl", description=__doc__)
    commands = parser.add_subparsers(required=True)
    given = argparse.ArgumentParser(add_help=False)
    given.add_argument("file", type=Path, metavar="FILE", help="the experiment file")
    given.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: 0")
    trained = argparse.ArgumentParser(add_help=False)
    trained.add_argument(
        "--epochs", type=_count, default=20, metavar="N", help="default: 20"
    )
    trained.add_argument(
        "--patience",
        type=_count,
        metavar="N",
        help="stop after N epochs without a lower dev error and keep the best weights",
    )
    many = commands.add_parser(
        "sweep",
        parents=[given, trained],
        help="train many models with random hyperparameters",
    )
    many.add_argument(
        "--members", type=_count, default=256, metavar="N", help="default: 256"
    )
    many.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder for the results"
    )
    many.add_argument(
        "--block-width",
        type=_count,
        metavar="K",
        help="models in one program; by default as many as suit the device",
    )
    many.set_defaults(run=_sweep)
    one = commands.add_parser("fit", parents=[given, trained], help="train one model")
    one.set_defaults(run=_fit)
    look = commands.add_parser(
        "check",
        parents=[given],
        help="look at the data, the signal and the gradient before training",
    )
    look.set_defaults(run=_check)
    for command, left_out in (
        (one, "what the space has as a constant may be left out"),
        (look, "what is left out has the middle of its range"),
    ):
        command.add_argument(
            "hparams",
            nargs="*",
            metavar="NAME=VALUE",
            help=f"a hyperparameter; {left_out}",
        )
    return parser


def _sweep(options: argparse.Namespace) -> int:
    if options.out is not None:
        runs.claim(options.out)
    experiment = load(options.file)
    result = sweep(
        *experiment,
        key=_key(options),
        members=options.members,
        epochs=options.epochs,
        patience=options.patience,
        run_dir=options.out,
        plan=options.block_width and Plan(options.block_width),
    )
    print(result.table(10))
    if (result.status == "diverged").all():
        print(f"\nall {options.members} members diverged: lower the learning rates")
        return 1
    _print_importance(result)
    winner = int(result.ranking()[0])
    _print_errors(f"member {winner}", result.best(), experiment.data)
    if options.out is not None and runs.is_finished(options.out):
        print(f"results in {options.out}")
    return 0


def _fit(options: argparse.Namespace) -> int:
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


def _check(options: argparse.Namespace) -> int:
    experiment = load(options.file)
    hp = hyperparameters(experiment.space, options.hparams, middle=True)
    healthy = True
    for finding in examine(experiment.recipe, hp, experiment.data, key=_key(options)):
        print(f"{'ok  ' if finding.healthy else 'LOOK'}  {finding.text}", flush=True)
        healthy &= finding.healthy
    return 0 if healthy else 1


def _print_importance(result: SweepResult) -> None:
    try:
        found = importance(result.hparams, result.final()["dev_error"])
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


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected an int from 0 to 2^63-1"
        )
    return int(text)


def _key(options: argparse.Namespace) -> jax.Array:
    return jax.random.key(options.seed, impl="threefry2x32")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}; expected an int of at least 1")
    return int(text)
