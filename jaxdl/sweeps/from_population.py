"""The result of a sweep, made of its population."""

import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.keeping import best_of
from jaxdl.engine.outlines import precisions
from jaxdl.engine.population import Population
from jaxdl.engine.task import Task
from jaxdl.searches.traits import Traits, traits_named, traits_of
from jaxdl.spaces.either import blanked
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.epoch_state import Status
from jaxdl.train.steps import Steps, joined_steps


def make_result(end: Population) -> SweepResult:
    """Returns the result of a sweep that ended, or stands, with this population."""
    store = end.store
    searching = not (end.ended if store is None else store.finished)
    running = end.status == Status.RUNNING
    short = running & (end.epochs < end.task.epochs)
    awaited = store is not None and end.awaited(
        searching=searching, thaws=not _traits(end.task, store).stops_for_good
    )
    cut_short = short & ~np.asarray(awaited, bool)
    status = np.where(running & ~short, Status.FINISHED, end.status)
    return SweepResult(
        task=end.task,
        hparams=blanked(end.hparams()),
        metrics=end.metrics,
        status=np.where(cut_short, Status.CUT_SHORT, status).astype(np.int32),
        stopped_at=np.where(cut_short & (end.steps > 0), end.steps, end.stopped_at),
        kept_epoch=end.kept_epoch,
        precisions=tuple(precisions(end.outlines)),
        inferences={key: found.inference for key, found in end.outlines.items()},
        rungs=tuple(end.rungs),
        blocks=tuple(b and b._replace(carry=None) for b in end.shelf.blocks),
        places=end.places,
        steps=_steps(end),
        parameters=end.parameters.column,
        kept=_kept(end, searching=searching),
        specification=None if store is None else store.specification,
    )


def _traits(task: Task, store: runs.Store) -> Traits:
    """Returns what is known of a search; one that is read has its name alone."""
    if task.search is None:
        return traits_named(store.specification["search"])
    return traits_of(task.search)


def _kept(end: Population, *, searching: bool) -> NDArray[np.bool_] | None:
    """Returns whose weights the task keeps; while it searches, whose are there."""
    task = end.task
    if task.keep is None:
        return None
    if searching:
        return np.isin(end.places[:, 0], [*end.shelf.full])
    v, standing = task.num_variants, end.standing(np.arange(task.num_members))
    kept = np.zeros(task.members, bool)
    kept[best_of(standing, task.rank_by, v, task.keep)] = True
    return np.repeat(kept, v)


def _steps(end: Population) -> tuple[Steps, ...] | None:
    """Returns the losses of each member's steps, if they were asked for."""
    every = end.task.every
    if every is None:
        return None
    found = []
    for losses, (number, _) in zip(end.step_losses, end.places, strict=True):
        steps = every  # of a member that never trained, which has no losses
        if number >= 0:
            block = end.shelf[number].block
            steps = end.outlines[block.structure, block.family.facts].steps_per_epoch
        found.append(joined_steps(losses, steps, every))
    return tuple(found)
