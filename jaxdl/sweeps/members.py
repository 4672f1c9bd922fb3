"""One member of a sweep's result: what it trained with, its curves and its weights."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.sweeps.lineage import history
from jaxdl.train.epoch_state import Status
from jaxdl.train.member import Member
from jaxdl.train.structure import Structure, by_name, of_member

if TYPE_CHECKING:
    from jaxdl.sweeps.result import SweepResult


class NotKeptError(ValueError):
    """The weights of a member are not kept, see `keep` of `sweep`."""


def member_of(result: "SweepResult", i: int, *, weights: bool) -> Member:
    """Returns member i, see `SweepResult.member`."""
    members = len(result.status)
    if not 0 <= i < members:
        raise IndexError(f"got member {i}; expected 0..{members - 1}")
    index, slot = result.places[i]
    found = result.blocks[index] if index >= 0 else None
    if found is None:
        raise ValueError(f"member {i} never trained: the search did not ask for it")
    if weights:
        _check_weights(result, i, found)
    structure = found.block.structure
    variant = result.task.variants[i % result.num_variants]
    both = (found.params, found.state) if weights else (None, None)
    params, state = jax.tree.map(lambda x: x[slot], both)
    stopped_at = int(result.stopped_at[i])
    return Member(
        recipe=result.task.recipe,
        structure=structure,
        hparams=_drawn(result, structure, i),
        facts=variant.facts,
        scaling=variant.scaling,
        about=result.task.about,
        inference=result.inferences[structure, variant.facts],
        metrics={name: curve[i] for name, curve in result.metrics.items()},
        status=Status(result.status[i]),
        stopped_at=None if stopped_at < 0 else stopped_at,
        kept_epoch=int(result.kept_epoch[i]),
        params=params,
        state=state,
        history=history(result.rungs, i, structure),
        steps=None if result.steps is None else result.steps[i],
        number=i,
    )


def _check_weights(result: "SweepResult", i: int, found: TrainedBlock) -> None:
    """Checks that the weights of a member are there.

    Raises:
        DamagedError: they are lost with damaged files.
        NotKeptError: the sweep keeps those of others alone.
    """
    if not result.keeps(i):
        raise NotKeptError(
            f"got member {i}, whose weights are not kept: with keep={result.task.keep} "
            "a sweep keeps those of its best configurations; expected one of these, or "
            f"get the member by replay: jaxdl.replay(run, recipe, data, {i}) returns "
            f"it, and jaxdl replay RUN FILE --member {i} trains it again"
        )
    if found.params is None:
        raise runs.DamagedError(
            f"the weights of member {i} are lost with damaged files; expected a "
            "whole run: start its sweep again, which trains members that have not "
            "ended early; or start it in another folder"
        )


def _drawn(result: "SweepResult", structure: Structure, i: int) -> Any:
    """Returns what member i trained with, also what has no influence."""
    rung = next(rung for rung in reversed(result.rungs) if i in rung.members)
    at = int(np.flatnonzero(rung.members == i)[0])
    return of_member(structure, by_name(rung.hparams), at)
