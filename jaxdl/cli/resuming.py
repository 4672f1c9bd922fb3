"""The hyperparameters of `jaxdl fit --out RUN`: the command's, and those on record."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdl import runs
from jaxdl.cli.output import tell
from jaxdl.experiment import ExperimentError, hyperparameters
from jaxdl.shown import cell
from jaxdl.spaces.among import Among
from jaxdl.spaces.of_one import as_space
from jaxdl.spaces.sizes import AsSize
from jaxdl.sweeps.columns import PREFIX
from jaxdl.sweeps.reading import read_space
from jaxdl.sweeps.specification import FIT
from jaxdl.sweeps.steering import OnEpoch, check_changes
from jaxdl.train import Member
from jaxdl.train.structure import by_name


def resumed(
    run_dir: Path, space: Any, arguments: Sequence[str]
) -> tuple[Any, OnEpoch | None]:
    """Returns the hyperparameters that a run begins with, and what changes them later.

    A run that is in the folder began with its own. Values of the command that differ
    from its last ones hold from the next epoch that is not on record; those that the
    command leaves out stay as they are.

    Args:
        run_dir: the folder, which may hold a run.
        space: of the experiment file.
        arguments: texts `NAME=VALUE`.

    Raises:
        ExperimentError: as `hyperparameters`; or the run has ended, and another value
            is asked for.
        SpaceError: another value is asked for of what cannot change.
    """
    columns, ended = _on_record(run_dir)
    if not columns:
        return hyperparameters(space, arguments), None
    first, last = (hyperparameters(space, _texts(c)) for c in (columns[0], columns[-1]))
    given = {argument.partition("=")[0] for argument in arguments}
    recorded = columns[-1]
    rest = {n: x for n, x in recorded.items() if not given & {n, f"{PREFIX}{n}"}}
    try:
        now = hyperparameters(space, [*arguments, *_texts(rest)])
    except ExperimentError as error:
        raise ExperimentError(
            f"{error}; the run in {run_dir} has {_words(recorded)}, of which only "
            "traced hyperparameters can change"
        ) from error
    changes = differences(last, now)
    check_changes(as_space(last), changes)
    if changes and ended:
        raise ExperimentError(
            f"got {_words(changes)} for the run in {run_dir}, which has ended; "
            "expected its last values: name another folder"
        )

    def on_epoch(member: Member) -> dict[str, Any] | None:
        changes = differences(member.hparams, now)
        if changes:
            epoch = len(member.metrics["dev_error"]) + 1
            tell(f"from epoch {epoch} on: {_words(changes)}")
        return changes or None

    return first, on_epoch


def space_of(run_dir: Path, space: Any) -> Any:
    """Returns the space of a run of the command line.

    Args:
        run_dir: the folder of the run.
        space: of its experiment file, which the run may have pinned or narrowed.
    """
    with runs.read_run(run_dir) as store:
        alone = store.specification.get("search") == FIT
    columns, _ = _on_record(run_dir) if alone else ([], False)
    if not columns:
        return read_space(run_dir, space)
    return as_space(hyperparameters(space, _texts(columns[0])))


def differences(before: Any, after: Any) -> dict[str, Any]:
    """Returns the values by name that differ between hyperparameters of one model.

    Those that the programs cannot tell apart do not differ.
    """
    old, new = (by_name(as_space(hparams)) for hparams in (before, after))
    return {
        name: leaf.values[0] if isinstance(leaf, Among | AsSize) else leaf
        for name, leaf in new.items()
        if name not in old or old[name] != leaf
    }


def _on_record(run_dir: Path) -> tuple[list[dict[str, Any]], bool]:
    """Returns the values by name of each rung, and whether the run has ended."""
    if not runs.has_run(run_dir):
        return [], False
    with runs.read_run(run_dir) as store:
        rungs, ended = store.rungs(), store.finished
    return [{n: x[0] for n, x in rung.hparams.items()} for rung in rungs], ended


def _texts(values: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _words(changes: dict[str, Any]) -> str:
    return ", ".join(f"{name}={cell(value)}" for name, value in changes.items())
