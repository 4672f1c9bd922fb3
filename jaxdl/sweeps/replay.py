"""Training one member of a finished sweep again, from nothing and to the same bits."""

import os
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Requests, Rung, Search
from jaxdl.sweeps.lineage import lineage, part_of
from jaxdl.sweeps.reading import read_result
from jaxdl.sweeps.repeats import data_of, with_variants
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.starting import start_digest
from jaxdl.sweeps.training import train_task
from jaxdl.train.keys import as_numbers
from jaxdl.train.member import Member
from jaxdl.train.recipe import RecipeFunction


def replay(
    run: SweepResult | str | os.PathLike[str],
    recipe: RecipeFunction,
    data: Splits,
    member: int,
    *,
    space: Any = None,
    start: Member | None = None,
    progress: bool = True,
) -> Member:
    """Returns a member of a sweep, trained again: bit for bit what it was.

    It trains the member alone, with the members whose weights it copied on its way. If
    the run does not keep its weights, see `keep` of `sweep`, its curves are compared.

    Args:
        run: a result of `sweep`, or the folder of a run.
        recipe: the run's own.
        data: the run's own.
        member: its number.
        space: as for `read_result`; a result has it already.
        start: as for `fit`, for the folder of a run that started from a member.
        progress: whether to show progress.

    Raises:
        IndexError: there is no such member.
        OSError: the folder holds no run that can be read.
        RunMismatchError: the recipe or `start` is not the run's own, or the member came
            out differently, as it does on other data, hardware or versions.
    """
    if not isinstance(run, SweepResult):
        run = read_result(run, recipe, space=space)
    run.member(member, weights=False)  # refuses a number that is none
    kept = run.keeps(member)
    before, task = run.member(member, weights=kept), _with_start(run, start)
    configuration, number = divmod(member, run.num_variants)
    whole_task, whole = with_variants(task._replace(data=data))
    own = whole_task.variants[number]
    trained = run.blocks[run.places[member, 0]].block.until  # so far, in some runs
    rungs = [
        rung._replace(until=np.minimum(rung.until, trained))
        for rung in (_of_variant(r, number, run.num_variants) for r in run.rungs)
        if len(rung.members)
    ]
    alone = task._replace(
        recipe=recipe, data=data_of(own, whole), key=own.key, repeats=1, folds=None,
        keep=None, search=_again(rungs, configuration), first=(),
        variants=(own._replace(train=None, dev=None),),
    )  # fmt: skip
    again = train_task(alone, progress=progress).member(configuration)
    _check_same(member, before, again, weights=kept)
    return again


def _with_start(run: SweepResult, start: Member | None) -> Task:
    """Returns the task of a run with the weights that it started from, if any.

    Raises:
        RunMismatchError: they are not given, or are others.
    """
    task, digest = run.task, (run.specification or {}).get("start")
    if start is not None:
        task = task._replace(start=(start.params, start.state))
    if digest is not None and task.start is None:
        raise runs.RunMismatchError(
            "got a run that started from the weights of a member, which its folder "
            "does not keep; expected that member: jaxdl.replay(..., start=member)"
        )
    if start is not None and start_digest((start.params, start.state)) != digest:
        raise runs.RunMismatchError(
            "got start=, a member with other weights than those that the run started "
            "from; expected that member, or no start if the run had none"
        )
    return task


def _check_same(member: int, before: Member, again: Member, *, weights: bool) -> None:
    for name, curve in before.metrics.items():
        same = np.array_equal(curve, again.metrics[name], equal_nan=True)
        if not same:
            differs = ~np.isclose(curve, again.metrics[name], 0, 0, equal_nan=True)
            raise runs.RunMismatchError(
                f"member {member} has another {name} from epoch "
                f"{int(np.argmax(differs)) + 1} on; expected the data, the device, "
                "its threads and the versions that the run was trained with"
            )
    if not weights:
        return
    both = (as_numbers((m.params, m.state)) for m in (before, again))
    pairs = zip(*map(jax.tree.leaves, both), strict=True)
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        raise runs.RunMismatchError(
            f"member {member} has the same metrics and other weights; expected the "
            "device, its threads and the versions that the run was trained with"
        )


def _of_variant(rung: Rung, number: int, num_variants: int) -> Rung:
    """Returns the rung of configurations in one of their variants."""
    part = part_of(rung, np.flatnonzero(rung.members % num_variants == number))
    parents = None if part.parents is None else part.parents // num_variants
    return part._replace(members=part.members // num_variants, parents=parents)


def _again(rungs: list[Rung], member: int) -> Search:
    """Returns the search that asks for the rungs that a member came through."""

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        for rung in lineage(rungs, member):
            _ = yield rung  # the standing changes nothing

    return search
