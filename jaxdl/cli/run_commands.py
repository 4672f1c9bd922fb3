"""The commands on the folder of a run: train a member again, export one, examine it."""

import argparse

from jaxdl import runs
from jaxdl.experiment import ExperimentError, load
from jaxdl.interop import export
from jaxdl.search import SweepResult, read_result, replay
from jaxdl.train import Member


def run_replay(options: argparse.Namespace) -> int:
    """Trains a member again; what differs from the run is an error."""
    experiment = load(options.file)
    result = read_result(options.run_dir, experiment.recipe)
    number = _number(result, options.member)
    member = replay(result, experiment.recipe, experiment.data, member=number)
    print(f"member {number} is what it was, bit for bit{_described(member)}")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Writes a member as files for other programs."""
    experiment = load(options.file)
    result = read_result(options.run_dir, experiment.recipe)
    number = _number(result, options.member)
    member = result.member(number)
    out = options.out or options.run_dir / f"member_{number}"
    for path in export(member, out, experiment.data.moments):
        print(path)
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Examines a run's folder; 1 if something is damaged."""
    findings = runs.examine(options.run_dir)
    for problem in findings.problems:
        print(f"LOOK  {problem}")
    for note in findings.notes:
        print(f"note  {note}")
    if not findings.problems:
        print("ok    all that was acknowledged is there")
    return 1 if findings.problems else 0


def _number(result: SweepResult, member: str) -> int:
    """Returns the number of a member, or that of the best."""
    if member == "best":
        return int(result.ranking()[0]) * result.variants
    number, members = int(member), len(result.status)
    if number >= members:
        raise ExperimentError(
            f"got member {number}; expected one of the run's, 0 to {members - 1}, or "
            "best"
        )
    return number


def _described(member: Member) -> str:
    if member.kept_epoch < 0:
        return ""
    return f": dev error {member.metrics['dev_error'][member.kept_epoch]:.2%}"
