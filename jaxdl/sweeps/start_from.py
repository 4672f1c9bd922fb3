"""A sweep that starts from the best configurations of another one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import runs, terminal
from jaxdl.counts import as_count
from jaxdl.engine.task import Task
from jaxdl.near import near
from jaxdl.searches.rungs import Requests, Rung, start
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.first import value_in, with_first
from jaxdl.spaces.plain import as_recorded, from_plain
from jaxdl.spaces.refine import varies
from jaxdl.sweeps.best_of_run import configurations
from jaxdl.sweeps.deciding import chosen
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.structure import by_name, flatten


class StartFrom(NamedTuple):
    """What a sweep starts from, where the defaults do not suit.

        dl.sweep(..., start_from=dl.sweeps.StartFrom("run", narrow=True))

    The `best` configurations of `run` become the first members, at most half of them.
    They have its values of the hyperparameters that both have; others are drawn. A
    configuration with a value that the space cannot give is left out.
    """

    run: str | os.PathLike[str] | SweepResult  # a folder, or the result of a sweep
    best: int = 8  # configurations, at most
    narrow: bool = False  # whether the ranges shrink to those around the best
    # Hyperparameters that the other sweep calls otherwise, {"rate": "learning_rate"}.
    names: Mapping[str, str] = MappingProxyType({})


def started(task: Task, given: Any, run_dir: Path | None, *, shown: bool) -> Task:
    """Returns a task with the first members that another sweep gives, if any.

    A run that is there has them on record, with its space: the other one may be gone.
    If it is not, it has to give the same ones. Of more or fewer members it may give
    more of them; those on record stay.

    Args:
        task: as it is asked for.
        given: a folder, a result, a `StartFrom`, or None.
        run_dir: the folder of the sweep's own run.
        shown: whether to print what the members come from.

    Raises:
        SpaceError: the sweeps have no hyperparameter in common, a name is unknown, or
            no configuration lies within the space.
        OSError, RunMismatchError: as `runs.read_run`.
        RunMismatchError: the run has other first members on record.
    """
    if given is None:
        return task
    source = given if isinstance(given, StartFrom) else StartFrom(given)
    recorded = runs.specification_of(run_dir)
    if run_dir is not None and "first" in recorded:
        first = tuple(map(from_plain, recorded["first"]))
        _check_same(task, source, first, run_dir, shown=shown)
        space = as_recorded(task.space, recorded["space"])
        return task._replace(first=first, space=space if source.narrow else task.space)
    task, words = _started(task, source)
    terminal.say(words, enabled=shown)
    return task


def _check_same(
    task: Task, source: StartFrom, first: tuple[Any, ...], run_dir: Path, *, shown: bool
) -> None:
    """Checks that a start gives the first members on record, if it can be read.

    Raises:
        RunMismatchError: it gives others.
        SpaceError: as `started`.
    """
    try:
        found = configurations(source.run)
    except (OSError, runs.RunMismatchError):
        terminal.say(
            f"the start cannot be read: takes the first members that {run_dir} has on "
            "record",
            enabled=shown,
        )
        return
    rows, _ = _rows(task, source, found)
    if (*rows[: len(first)],) != first:
        raise runs.RunMismatchError(
            "got start_from a sweep whose best configurations are not "
            f"the first members that the run in {run_dir} has on record: got "
            f"{rows[: len(first)]!r:.200}, recorded {[*first]!r:.200}; expected the "
            "same start, as it was: give it, or name another folder"
        )


def first_rung(task: Task) -> tuple[Requests, Rung]:
    """Returns the generator of a task's search, and the first rung that it yields.

    In the place of `auto` it is the search that suits the task as it is.

    Raises:
        SpaceError: as `searches.rungs.start`; or the search does not take the first
            members that are given.
    """
    space = with_first(task.space, task.first)
    requests, rung = start(chosen(task), task.key, space, task.members, task.epochs)
    columns = by_name(rung.hparams)
    for i, member in enumerate(rung.members.tolist()):
        row = task.first[member] if member < len(task.first) else {}
        for name, value in row.items():
            column = columns[name]
            expected = np.asarray([value], column.dtype)[0]
            if column[i] != expected:
                raise SpaceError(
                    f"got start_from with a search that gives member {member} "
                    f"{name}={column[i]} and not {value}; expected one that draws its "
                    "members with jaxdl.sample, such as random or halving"
                )
    return requests, rung


def _started(task: Task, source: StartFrom) -> tuple[Task, str]:
    """Returns a task with its first members, and what they come from, in words."""
    rows, left_out = _rows(task, source, configurations(source.run))
    space = _narrowed(task.space, rows) if source.narrow else task.space
    words = f"the first {len(rows)} members have {', '.join(rows[0])} of the best of "
    words += "another sweep"
    if left_out:
        words += f"; {left_out} of its configurations lie outside of the space"
    return task._replace(first=tuple(rows), space=space), words


def _rows(
    task: Task, source: StartFrom, found: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    """Returns the values of the first members, and how many lie outside of the space.

    Args:
        task: as it is asked for.
        source: of the first members.
        found: its configurations, best first.

    Raises:
        SpaceError: as `started`.
    """
    best = as_count("best", source.best, error=SpaceError)
    most = max(1, task.members // 2)
    if not found:
        raise SpaceError(
            "got start_from a sweep in which no configuration has a finite score; "
            "expected a start with a finite score: name another sweep"
        )
    known = [*found[0]]
    names = _names(task.space, known, source)
    rows, left_out = [], 0
    for values in found:
        row = _row(task.space, values, names)
        left_out += row is None
        if row is not None and len(rows) < min(best, most):
            rows.append(row)
    if not rows:
        raise SpaceError(
            f"got start_from of {len(found)} configurations with a finite score, none "
            f"of which lies within the space in {', '.join(names)}; expected one that "
            "does: widen the space"
        )
    return rows, left_out


def _names(space: Any, known: Sequence[str], source: StartFrom) -> dict[str, str]:
    """Returns the common hyperparameters: names of the space, and those of the start.

    Raises:
        SpaceError: there is none, or a name is unknown.
    """
    drawn = [name for name, leaf in by_name(space).items() if varies(leaf)]
    for own, other in source.names.items():
        for name, among in ((own, drawn), (other, known)):
            if name not in among:
                raise SpaceError(
                    f"got names={dict(source.names)} with {name!r}; expected names of "
                    f"the space, {drawn}, each with one of the start, {[*known]}"
                    f"{near(name, among)}"
                )
    pairs = {name: source.names.get(name, name) for name in drawn}
    common = {own: other for own, other in pairs.items() if other in known}
    if not common:
        raise SpaceError(
            f"got start_from a sweep with the hyperparameters {[*known]} and a space "
            f"that draws {drawn}; expected one in common: map them, "
            'StartFrom(RUN, names={"new": "old"}) or --names NEW=OLD'
        )
    return common


def _row(
    space: Any, values: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """Returns the values of a configuration by name; None: the space has not all."""
    leaves = by_name(space)
    found = {own: value_in(leaves[own], values[names[own]]) for own in names}
    if not all(found.values()):
        return None
    return {name: value for name, (value,) in found.items()}


def _narrowed(space: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Returns the space with ranges around the values of at least two rows."""
    names, leaves, treedef = flatten(space)
    if len(rows) < 2:
        return space
    own = [
        leaf.narrowed(leaf_column([row[name] for row in rows]))
        if name in rows[0]
        else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, own)


def leaf_column(values: Sequence[Any]) -> Any:
    """Returns values as a column of a leaf: numbers, or Python objects."""
    numbers = all(type(value) in (int, float) for value in values)
    if numbers:
        return np.asarray(values)
    column = np.empty(len(values), object)
    column[:] = values
    return column
