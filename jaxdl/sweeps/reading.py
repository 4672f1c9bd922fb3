"""A run's folder as the result of a sweep. Nothing in the folder is executed."""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.data import Dataset, Scaling
from jaxdl.data.trees import map_named
from jaxdl.engine.kind import kind_here
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.population import Population
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, check_rung
from jaxdl.spaces.distributions import SpaceError, as_objects
from jaxdl.spaces.plain import as_recorded
from jaxdl.spaces.sample import has_objects
from jaxdl.spaces.structures import MOST_PROGRAMS, structures
from jaxdl.sweeps.from_population import make_result
from jaxdl.sweeps.known import about_of
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.specification import programs_of, task_of
from jaxdl.train.member import Member
from jaxdl.train.outline import Outline, trace_recipe
from jaxdl.train.part import on_device_shapes
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.settings import check_jax
from jaxdl.train.structure import RecipeError, canonical, flatten

Traces = Callable[[Task, dict[str, Any]], Outlines]  # of a run's specification

REFUSED = (
    AttributeError, LookupError, MemoryError, OverflowError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip


def read_result(
    run: str | os.PathLike[str], recipe: RecipeFunction, *, space: Any = None
) -> SweepResult:
    """Returns what is on record of a sweep, also while it trains.

    Args:
        run: the folder of a run.
        recipe: the run's own.
        space: the run's own; of a run of `fit`, its hyperparameters. None: the one that
            the folder holds, if it is made of dicts, lists, tuples and jaxdl's
            distributions; a NamedTuple of yours or a distribution of yours has to be
            given.

    Raises:
        DamagedError: the folder's database is damaged.
        OSError: the folder holds no run that can be read.
        RunMismatchError: the recipe or the space is not the run's own, or the space has
            to be given.
        SettingsError: a setting of JAX is in the way.
    """
    check_jax()
    with runs.read_run(run) as store:
        return _checked(store, recipe, space, _outlines)


def follow(
    run: str | os.PathLike[str], recipe: RecipeFunction
) -> Callable[[Any], SweepResult]:
    """Returns `read(space)`, which reads a run as `read_result`, again and again.

    It traces the recipe once, and reads each record once.
    """
    known: dict[str, Outlines] = {}  # of the run's specification
    records: runs.Known = {}

    def outlines(task: Task, specification: dict[str, Any]) -> Outlines:
        text = json.dumps(specification, sort_keys=True)
        if text not in known:
            known.clear()
            known[text] = _outlines(task, specification)
        return known[text]

    def read(space: Any) -> SweepResult:
        with runs.read_run(run, records) as store:
            return _checked(store, recipe, space, outlines)

    check_jax()
    return read


def _checked(
    store: runs.Store, recipe: RecipeFunction, space: Any, traces: Traces
) -> SweepResult:
    """Returns the result of a run; a folder that no sweep writes is damaged."""
    try:
        return _result(store, recipe, space, traces)
    except (RecipeError, runs.RunMismatchError):
        raise
    except SpaceError as error:
        raise runs.RunMismatchError(str(error)) from error
    except REFUSED as error:
        raise runs.DamagedError(
            f"got a run in {store.folder} that no sweep writes ({error!r:.200}); "
            "expected one that no other program has changed"
        ) from error


def read_space(run: str | os.PathLike[str], space: Any) -> Any:
    """Returns the space of a run, which may have pinned or narrowed the given one.

    Args:
        run: the folder of a run.
        space: of the experiment file that the run was started with.

    Raises:
        DamagedError, OSError: as `read_result`.
    """
    with runs.read_run(run) as store:
        try:
            return as_recorded(space, store.specification["space"])
        except REFUSED:
            return space  # `read_result` names what is wrong


def load_member(
    run: str | os.PathLike[str],
    recipe: RecipeFunction,
    member: int,
    *,
    space: Any = None,
) -> Member:
    """Returns a trained member of a run.

    Args:
        run: the folder of the run.
        recipe: the run's own.
        member: its number.
        space: as for `read_result`.

    Raises:
        IndexError: there is no such member.
        OSError, RunMismatchError: as `read_result`.
        ValueError: it has not trained.
    """
    return read_result(run, recipe, space=space).member(member)


def _result(
    store: runs.Store, recipe: RecipeFunction, space: Any, traces: Traces
) -> SweepResult:
    task = task_of(store.specification, recipe, space)
    rungs = [rung_of(task, stored) for stored in store.rungs()]
    if not rungs:
        raise FileNotFoundError(f"no member has trained yet in {store.folder}")
    outlines = traces(task, store.specification)
    unused = np.zeros((task.num_members, 2), np.uint32)  # keys
    population = Population(task, unused, outlines, store)
    for rung in rungs:
        check_rung(rung, task.num_members, task.epochs)
        population.begin(rung)
        population.load()
    if store.num_rungs() > len(rungs):
        # A newer rung may have dropped arrays that were just read: read again.
        return _result(store, recipe, space, traces)
    return make_result(population)


def rung_of(task: Task, stored: runs.StoredRung) -> Rung:
    """Returns the rung that a run has on record."""
    names, leaves, treedef = flatten(task.space)
    columns = [
        _column(stored.hparams[name], objects=has_objects(leaf))
        for name, leaf in zip(names, leaves, strict=True)
    ]
    hparams = jax.tree.unflatten(treedef, columns)
    return Rung(stored.members, hparams, stored.until, stored.parents)


def _column(values: Sequence[Any], *, objects: bool) -> NDArray[Any]:
    """Returns values of members as the sweep had them."""
    if objects:
        return as_objects(values)
    return np.asarray(canonical(np.asarray(values)))


def _outlines(task: Task, specification: dict[str, Any]) -> Outlines:
    """Returns the outline of each program of a run.

    Raises:
        RunMismatchError: the recipe is not the run's, or ranks by another metric.
    """
    traced = {
        n: jax.ShapeDtypeStruct((), dtype)
        for n, dtype in specification["traced"].items()
    }
    outlines = {
        (structure, v.facts): _traced(
            task.recipe, traced, structure, _train(specification, v.scaling), v.facts
        )
        for structure in structures(task.bounded, MOST_PROGRAMS)
        for v in {v.facts: v for v in task.variants}.values()
    }
    found, recorded = programs_of(task, outlines), specification["programs"]
    for name, program in found.items():
        if program != recorded.get(name):
            now = kind_here().versions
            versions = " and ".join(
                f"{package} {specification['versions'].get(package)} (this is {own})"
                for package, own in now.items()
                if package in ("jax", "jaxdl")
            )
            raise runs.RunMismatchError(
                f"got a recipe whose program for {name or 'all members'} "
                "is not the run's; expected the recipe that the run was trained with, "
                f"{versions}"
            )
    for found in outlines.values():
        _check_ranking(task, found)
    return outlines


def _train(specification: dict[str, Any], scaling: Scaling | None) -> Dataset:
    """Returns shapes and types of a run's train set on a device."""
    arrays = (
        x and map_named(lambda _, shape: jax.ShapeDtypeStruct(*shape), x)
        for x in specification["shapes"]
    )
    about = about_of(specification)
    return on_device_shapes(Dataset(*arrays, scaling=scaling, about=about))


def _check_ranking(task: Task, found: Outline) -> None:
    if (found.metrics, found.rank_by) != (task.metrics, task.rank_by):
        raise runs.RunMismatchError(
            f"got a recipe with metrics {[*found.metrics]} and rank_by="
            f"{found.rank_by!r}; expected those of the run: metrics {[*task.metrics]} "
            f"and rank_by={task.rank_by!r}"
        )


def _traced(recipe: RecipeFunction, *arguments: Any) -> Outline:
    """Returns the outline of a program; the arguments are those of `trace_recipe`."""
    try:
        return trace_recipe(recipe, *arguments)
    except (RecipeError, *REFUSED) as error:
        raise runs.RunMismatchError(
            f"got a recipe that fails on the run's hyperparameters "
            f"{', '.join(arguments[1].names)} ({error!r:.200}); expected the recipe "
            "that the run was trained with"
        ) from error
