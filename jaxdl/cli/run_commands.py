"""The commands on the folder of a run: train a member again, export one, examine it."""

import argparse

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.experiment import ExperimentError, load
from jaxdl.interop import export
from jaxdl.sweeps import SweepResult, read_result, replay
from jaxdl.train import Member
from jaxdl.train.identity import data_digest


def run_replay(options: argparse.Namespace) -> int:
    """Trains a member again; what differs from the run is an error."""
    experiment = load(options.file)
    result = read_result(options.run_dir, experiment.recipe, space=experiment.space)
    number = _number(result, options.member)
    member = replay(result, experiment.recipe, experiment.data, number)
    print(f"member {number} is what it was, bit for bit{_described(member)}")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Writes a member as files for other programs."""
    experiment = load(options.file)
    result = read_result(options.run_dir, experiment.recipe, space=experiment.space)
    _check_data(result, experiment.data)
    number = _number(result, options.member)
    member = result.member(number)
    out = options.out or options.run_dir / f"member_{number}"
    for path in export(member, out, experiment.data.moments):
        print(path)
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Examines a run's folder; 1 if something is damaged."""
    findings = runs.doctor(options.run_dir)
    for problem in findings.problems:
        print(f"LOOK  {problem}")
    for note in findings.notes:
        print(f"note  {note}")
    if not findings.problems:
        print("ok    all that was acknowledged is there")
    return 1 if findings.problems else 0


def _check_data(result: SweepResult, data: Splits) -> None:
    """Checks that a file's data are the run's: normalization goes with the weights."""
    assert result.specification is not None
    if result.specification["data"] != data_digest(result.first_data(data)):
        raise runs.RunMismatchError(
            "got a file whose data are not the run's; expected those that it was "
            "trained with, by whose normalization its weights are used"
        )


def _number(result: SweepResult, member: str) -> int:
    """Returns the number of a member, or that of the best."""
    best, members = int(result.ranking()[0]), len(result.status)
    if member == "best" and result.diverged()[best]:
        raise ExperimentError(
            "got best, and all diverged; expected a run with a member that did not, or "
            "a number: --member N"
        )
    number = int(result.members_of(best)[0]) if member == "best" else int(member)
    if number >= members:
        raise ExperimentError(
            f"got member {number}; expected one of the run's, 0 to {members - 1}, or "
            "best"
        )
    if not result.trained()[number]:
        raise ExperimentError(
            f"got member {number}, which has not trained yet; expected one that has: "
            "resume the sweep"
        )
    return number


def _described(member: Member) -> str:
    if member.kept_epoch < 0:
        return ""
    return f": dev error {member.metrics['dev_error'][member.kept_epoch]:.2%}"
