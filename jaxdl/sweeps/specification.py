"""The specification of a sweep: all that its bits depend on, as JSON has it."""

import math
import operator
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdl import runs
from jaxdl.counts import is_count
from jaxdl.data import Splits
from jaxdl.data.trees import map_named
from jaxdl.engine.kind import Kind
from jaxdl.engine.outlines import Outlines, precisions
from jaxdl.engine.plan import Plan, as_plan
from jaxdl.engine.task import Task
from jaxdl.keys import key_of
from jaxdl.plain import to_json
from jaxdl.searches.one_rung import random
from jaxdl.searches.rungs import Rung
from jaxdl.searches.shards import as_shard
from jaxdl.searches.traits import name_of
from jaxdl.spaces.contract import Distribution, SpaceError
from jaxdl.spaces.of_one import as_space
from jaxdl.spaces.plain import check_recorded, from_plain, to_plain
from jaxdl.spaces.sample import traced_columns
from jaxdl.spaces.structures import MOST_PROGRAMS, count_structures, label
from jaxdl.sweeps.known import about_of, from_parts, known_parts
from jaxdl.sweeps.repeats import data_of
from jaxdl.sweeps.starting import start_digest
from jaxdl.train.identity import data_digest
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.score import CURVES, RankBy, curves

SETTINGS = ("members", "epochs", "patience", "repeats", "folds")  # of a task, as it is
SHARD = "shard"  # the part that the shards of one sweep differ in
FIT = "fit"  # the search of a run of one member
MOST_VALUES = 2**26  # of a metric in a run


def specify(
    task: Task, outlines: Outlines, rung: Rung, whole: Splits, kind: Kind
) -> dict[str, Any]:
    """Returns the specification of a task.

    Its parts are the task's own `members`, `epochs`, `patience`, `repeats`, `folds`,
    `key` and `plan`; the name of the `search` (the rungs of the run hold what it asked
    for); the `space`, and the types of its `traced` hyperparameters; the names of the
    `metrics`, and `rank_by` if it is not the error; the `precision` of matrix products
    and the digests of the `programs`; the digest of the `data` and the `shapes` of the
    train set; and the kind of `device`, the `versions`, `flags` and, on a CPU, the
    number of `threads` that it all ran with; what `known_parts` has of the variants;
    and, if they are given, `every`, `keep`, the digest of the weights at the `start`,
    how many members were `asked` for where time allowed fewer, the values of the
    `first` members, the `decision` of `auto`, and the `shard` (i, n) that the run is of
    the sweep that the other parts are of.

    Args:
        task: its plan and its metrics are known.
        outlines: of every program that the space can ask for.
        rung: the first one.
        whole: the sets that the rows of its variants are of.
        kind: of the crew that trains it.

    Raises:
        SpaceError: a static value is not finite, or there are too many members and
            epochs for a run.
    """
    _check_finite(outlines)
    _check_count(task)
    data = data_of(task.variants[0], whole)
    return {
        **{name: getattr(task, name) for name in SETTINGS},
        "members": task.whole,
        "folds": None if task.folds is None else task.num_folds,
        "search": name_of(task.search),
        "space": to_plain(task.space),
        "traced": {
            name: str(column.dtype)
            for name, column in traced_columns(task.space, rung.hparams).items()
        },
        "metrics": list(task.curves),
        **({} if task.rank_by == "error" else {"rank_by": to_json(task.rank_by)}),
        "key": np.asarray(jax.random.key_data(task.key)).tolist(),
        "plan": None if task.plan is None else _plan_to_plain(task.plan),
        "precision": precisions(outlines),
        "programs": programs_of(task, outlines),
        "data": digest_of(task, whole),
        "shapes": [
            None if x is None else map_named(_shape_to_plain, x)
            for x in (data.train.inputs, data.train.labels, data.train.weights)
        ],
        "device": kind.device,
        "versions": kind.versions,
        "flags": kind.flags,
        **({} if kind.threads is None else {"threads": kind.threads}),
        **known_parts(task),
        **({} if task.every is None else {"every": task.every}),
        **({} if task.asked is None else {"asked": task.asked}),
        **({"first": [to_plain(row) for row in task.first]} if task.first else {}),
        **({"decision": task.decision} if task.decision else {}),
        **({} if task.start is None else {"start": start_digest(task.start)}),
        **({} if task.keep is None else {"keep": task.keep}),
        **({} if task.shard is None else {SHARD: list(task.shard[:2])}),
    }


def _shape_to_plain(name: str, array: Any) -> list[Any]:
    del name
    return [list(array.shape), str(array.dtype)]


def digest_of(task: Task, whole: Splits) -> str:
    """Returns the digest of the data of a task.

    With a number of folds the first fold has all examples; folds that are given as rows
    may leave some to others.

    Args:
        task: that knows its variants.
        whole: the sets that the rows of its variants are of.
    """
    given = isinstance(task.folds, tuple)
    return data_digest(whole if given else data_of(task.variants[0], whole))


def task_of(
    specification: Mapping[str, Any], recipe: RecipeFunction, space: Any
) -> Task:
    """Returns the task of a specification, without data and search.

    Args:
        specification: the specification of a run.
        recipe: the run's own.
        space: the run's own, or the hyperparameters of a run of `fit`; None: the one
            that the specification holds.

    Raises:
        SpaceError: the space is of classes that the specification cannot give back, or
            it is not the run's.
        ValueError, TypeError, LookupError: no sweep has such a specification.
    """
    if space is None:
        space = from_plain(specification["space"])
    else:
        if specification["search"] == FIT and not _has_distributions(space):
            space = as_space(space)
        check_recorded(space, specification["space"])
    task = Task(
        recipe=recipe,
        space=space,
        data=None,
        key=key_of(specification["key"]),
        plan=_plan_from_plain(specification["plan"]),
        stratify=specification.get("stratify"),
        about=about_of(specification),
        metrics=_own_metrics(specification["metrics"]),
        rank_by=rank_by_of(specification),
        every=specification.get("every"),
        asked=specification.get("asked"),
        first=tuple(map(from_plain, specification.get("first", ()))),
        keep=specification.get("keep"),
        decision=str(specification.get("decision", "")),
        **{name: specification[name] for name in SETTINGS},
    )
    if SHARD in specification:
        part = as_shard(specification[SHARD], task.members, random())
        task = task._replace(members=part.members, shard=part)
    if min(task.members, task.epochs, task.num_variants, task.block_width) < 1:
        raise ValueError("a count is below 1")
    for name in ("every", "keep"):
        if not ((value := getattr(task, name)) is None or is_count(value)):
            raise ValueError(f"got {name} {value!r:.80}")
    if not (task.folds is None or is_count(task.folds)):
        raise ValueError(f"got folds {task.folds!r:.80}")
    if count_structures(task.bounded) > MOST_PROGRAMS:
        raise ValueError("there are more programs than any sweep has")
    _check_count(task)
    folds, variants = from_parts(task, specification)
    return task._replace(folds=folds, variants=variants)


def _has_distributions(space: Any) -> bool:
    return any(isinstance(leaf, Distribution) for leaf in jax.tree.leaves(space))


def programs_of(task: Task, outlines: Outlines) -> dict[str, str]:
    """Returns the digest of each program, by what distinguishes it from the others.

    Programs of one structure differ if the recipe takes facts and these differ.
    """
    first = task.variants[0].facts
    return {
        label(structure)
        if facts == first
        else f"{label(structure)} of {facts.num_examples}".strip(): found.program
        for (structure, facts), found in outlines.items()
    }


def check_extends(task: Task, outlines: Outlines, run: str | os.PathLike[str]) -> None:
    """Checks that a run that cannot train longer keeps the number of its epochs.

    Its recipe reads `facts.epochs`, or it has dropped weights, see `keep` of `sweep`.

    Args:
        task: what is asked for.
        outlines: of every program.
        run: the folder of a run, if there is one.

    Raises:
        RunMismatchError: more epochs are asked for.
    """
    recorded = runs.specification_of(run)
    epochs, keep = recorded.get("epochs", task.epochs), recorded.get("keep")
    if task.epochs <= epochs:
        return
    longer = f"got {task.epochs} epochs for a run of {epochs}"
    if any(found.reads_epochs for found in outlines.values()):
        raise runs.RunMismatchError(
            f"{longer} whose recipe reads "
            "facts.epochs; expected the same: a longer training has another schedule "
            "from the first step, so start it in another folder"
        )
    if keep is not None:
        raise runs.RunMismatchError(
            f"{longer} with keep={keep}, which has dropped what the others would train "
            "on from; expected the same epochs: add members alone, or start the longer "
            "training in another folder"
        )


def _plan_to_plain(plan: Plan) -> dict[str, Any]:
    """Returns what a plan sets, as JSON has it."""
    return {name: to_json(x) for name, x in plan._asdict().items() if x is not None}


def _plan_from_plain(plain: Mapping[str, Any]) -> Plan:
    """Returns a recorded plan, which leaves nothing open.

    Raises:
        ValueError, TypeError, LookupError: no sweep has such a plan.
    """
    width, order = operator.index(plain["block_width"]), plain["order"]
    parts = {name: plain.get(name) for name in ("bounds", "max_programs")}
    return as_plan(Plan(width, order, **parts), varied=False)


def _own_metrics(names: list[str]) -> tuple[str, ...]:
    """Returns the names of a recipe's own metrics from those of all curves.

    Raises:
        ValueError: no sweep has such curves.
    """
    own = tuple(n.removeprefix("dev_") for n in names if n not in CURVES)
    if list(curves(own)) != names:
        raise ValueError(f"got the curves {names!r:.200}")
    return own


def rank_by_of(specification: Mapping[str, Any]) -> RankBy:
    """Returns what a recorded sweep ranks by."""
    recorded = specification.get("rank_by", "error")
    return tuple(recorded) if isinstance(recorded, list) else recorded


def num_variants_of(specification: Mapping[str, Any]) -> int:
    """V: how many members each configuration of a recorded sweep has."""
    return specification["repeats"] * (specification["folds"] or 1)


def _check_count(task: Task) -> None:
    members = task.whole * task.num_variants
    if members * task.epochs > MOST_VALUES:
        raise SpaceError(
            f"got {members} members and {task.epochs} epochs; expected at "
            f"most {MOST_VALUES} values of each metric in a run: fewer of either"
        )


def _check_finite(outlines: Outlines) -> None:
    for structure, _ in outlines:
        for name, value in zip(structure.names, structure.values, strict=True):
            if isinstance(value, float) and not math.isfinite(value):
                raise SpaceError(
                    f"got the static value {name}={value}; expected finite ones in a "
                    "run: choose by name, and map the name to a number in the recipe"
                )
