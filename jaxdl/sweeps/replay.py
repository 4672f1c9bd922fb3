"""Training one member of a finished sweep again, from nothing and to the same bits."""

import os
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.data import Splits
from jaxdl.searches.rungs import Asking, Rung, Search, pick
from jaxdl.sweeps.reading import read_result
from jaxdl.sweeps.repeats import variant
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.sweep import sweep
from jaxdl.train import Member, RecipeFunction


def replay(
    run: SweepResult | str | os.PathLike[str],
    recipe: RecipeFunction,
    data: Splits,
    *,
    member: int,
    space: Any = None,
    progress: bool = True,
) -> Member:
    """Returns a member of a sweep, trained again: bit for bit what it was.

    Only the member trains, and those whose weights it took over on its way.

    Args:
        run: a result of `sweep`, or the folder of a run.
        recipe: the run's own.
        data: the run's own.
        member: its number.
        space: as for `read_result`, of which a result has no need.
        progress: whether to show progress.

    Raises:
        IndexError: there is no such member.
        OSError: the folder holds no run that can be read.
        RunMismatchError: the recipe is not the run's own, or the member went another
            way, as it does on other data, hardware or versions.
    """
    if not isinstance(run, SweepResult):
        run = read_result(run, recipe, space)
    before = run.member(member)
    configuration, number = divmod(member, run.variants)
    repeat, fold = divmod(number, run.folds or 1)
    data, key = variant(data, run.key, repeat=repeat, fold=fold, folds=run.folds)
    trained = run.blocks[run.places[member, 0]].group.until  # so far, in some runs
    rungs = [
        _of_variant(r, number, run.variants)._replace(
            until=np.minimum(r.until, trained)
        )
        for r in run.rungs
    ]
    again = sweep(
        recipe,
        run.space,
        data,
        key=key,
        members=len(run.status) // run.variants,
        epochs=len(before.metrics["dev_loss"]),
        search=_again([rung for rung in rungs if len(rung.members)], configuration),
        patience=run.patience,
        plan=run.plan,
        progress=progress,
    ).member(configuration)
    _check_same(member, before, again)
    return again


def lineage(rungs: list[Rung], member: int) -> list[Rung]:
    """Returns the rungs with those members alone that one member came from."""
    needed, kept = {member}, []
    for rung in reversed(rungs):
        at = np.flatnonzero(np.isin(rung.members, list(needed)))
        if rung.parents is not None:
            needed -= set(rung.members[at].tolist())
            needed |= set(rung.parents[at].tolist())
        if len(at):
            kept.append(_part(rung, at))
    return kept[::-1]


def _check_same(member: int, before: Member, again: Member) -> None:
    for name, curve in before.metrics.items():
        same = np.array_equal(curve, again.metrics[name], equal_nan=True)
        if not same:
            differs = ~np.isclose(curve, again.metrics[name], 0, 0, equal_nan=True)
            raise runs.RunMismatchError(
                f"member {member} has another {name} from epoch "
                f"{int(np.argmax(differs)) + 1} on; expected the data, the device and "
                "the versions that the run was trained with"
            )
    pairs = zip(
        *(jax.tree.leaves((m.params, m.state)) for m in (before, again)), strict=True
    )
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        raise runs.RunMismatchError(
            f"member {member} has the same metrics and other weights; expected the "
            "device and the versions that the run was trained with"
        )


def _part(rung: Rung, at: NDArray[np.int64]) -> Rung:
    parents = None if rung.parents is None else rung.parents[at]
    return Rung(rung.members[at], pick(rung.hparams, at), rung.until[at], parents)


def _of_variant(rung: Rung, number: int, variants: int) -> Rung:
    """Returns the rung of configurations in one of their variants."""
    part = _part(rung, np.flatnonzero(rung.members % variants == number))
    parents = None if part.parents is None else part.parents // variants
    return part._replace(members=part.members // variants, parents=parents)


def _again(rungs: list[Rung], member: int) -> Search:
    """Returns the search that asks for what is known to have been asked for."""

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Asking:
        for rung in lineage(rungs, member):
            _ = yield rung  # how they do changes nothing

    return search
