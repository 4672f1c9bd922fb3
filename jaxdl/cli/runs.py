"""The commands `replay`, `merge` and `doctor` on a run's folder; how it is read.

Each command takes the parsed options, prints, and returns an exit status.
"""

import argparse

import numpy as np

from jaxdl import runs
from jaxdl.cli.output import show, warn
from jaxdl.cli.resuming import space_of
from jaxdl.data import Splits
from jaxdl.experiment import Experiment, ExperimentError, load
from jaxdl.shown import count, one_line
from jaxdl.sweeps import SweepResult, merge, read_result, replay
from jaxdl.sweeps.repeats import with_variants
from jaxdl.sweeps.specification import digest_of
from jaxdl.train import Member
from jaxdl.train.score import curve_of, words

SHOWN = 10  # numbers of members in a warning


def run_replay(options: argparse.Namespace) -> int:
    """Trains a member again, to the same bits."""
    result, experiment = read(options)
    number = number_of(result, options.member)
    member = replay(result, experiment.recipe, experiment.data, number)
    what = "bits" if result.keeps(number) else "curves"
    show(f"member {number} has the same {what} as in the run{_described(member)}")
    return 0


def run_merge(options: argparse.Namespace) -> int:
    """Makes one run of the shards of a sweep."""
    members = merge(options.run_dir)
    show(f"{count(members, 'member')} in {options.run_dir}")
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Says what is wrong with a run's folder. Returns 1 if something is."""
    findings = runs.doctor(options.run_dir)
    for problem in findings.problems:
        show(f"LOOK  {one_line(problem)}")
    for note in findings.notes:
        show(f"note  {one_line(note)}")
    if not findings.problems:
        show("ok    the run is whole")
    return 1 if findings.problems else 0


def read(options: argparse.Namespace) -> tuple[SweepResult, Experiment]:
    """Returns the result of a run so far, and the experiment of its file.

    Raises:
        ExperimentError: no member has trained for an epoch yet, or as `load`.
        OSError, RunMismatchError: as `read_result`.
    """
    experiment = load(options.file)
    space = space_of(options.run_dir, experiment.space)
    result = read_result(options.run_dir, experiment.recipe, space=space)
    if not result.trained().any():
        raise ExperimentError(
            f"got the run in {options.run_dir}, in which nothing has trained yet; "
            "expected a run with an epoch on record: try again later"
        )
    if runs.is_finished(options.run_dir) and (lost := _lost(result)):
        names = ", ".join(map(str, lost[:SHOWN])) + ", ..." * (len(lost) > SHOWN)
        warn(
            f"{count(len(lost), 'member')} of the run are lost with damaged records: "
            f"{names}; what follows, also which member is the best, is of the others"
        )
    return result, experiment


def _lost(result: SweepResult) -> list[int]:
    """Returns the members that a search asked for and that have no weights."""
    asked = np.unique(np.concatenate([rung.members for rung in result.rungs]))
    return asked[~result.trained()[asked]].tolist()


def check_data(result: SweepResult, data: Splits) -> None:
    """Checks that a file's data are the run's: normalization goes with the weights."""
    assert result.specification is not None
    task, whole = with_variants(result.task._replace(data=data, repeats=1))
    if result.specification["data"] != digest_of(task, whole):
        raise runs.RunMismatchError(
            "got a file whose data are not the run's; expected the data that the run "
            "trained with, because their normalization goes with the weights"
        )


def number_of(result: SweepResult, member: str | None) -> int:
    """Returns the number of a member; None stands for the best."""
    best, members = int(result.ranking()[0]), len(result.status)
    if member in (None, "best") and result.diverged()[best]:
        raise ExperimentError(
            "got best, and all members diverged; expected a run in which one did not, "
            "or a number: --member N"
        )
    number = int(result.members_of(best)[0] if member in (None, "best") else member)
    if number >= members:
        raise ExperimentError(
            f"got member {number}; expected a number from 0 to {members - 1}, or best"
        )
    if not result.trained()[number]:
        raise ExperimentError(
            f"got member {number}, which has not trained yet; expected a member that "
            "has: resume the sweep"
        )
    return number


def _described(member: Member) -> str:
    if member.kept_epoch < 0:
        return ""
    curve = curve_of(member.built.rank_by)
    value = member.metrics[curve][member.kept_epoch]
    digits = ".2%" if curve == "dev_error" else ".4g"
    return f": {words(curve)} {value:{digits}}"
