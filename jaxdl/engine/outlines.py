"""The outlines of a task: one for each program that its space can ask for."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxdl.data import Splits
from jaxdl.engine.plan import cap
from jaxdl.engine.task import Task
from jaxdl.nn.losses import PerExample
from jaxdl.searches.rungs import Rung
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.sample import traced_types
from jaxdl.spaces.structures import MOST_PROGRAMS, label, structures
from jaxdl.train.facts import Facts, facts_of
from jaxdl.train.outline import Outline, outline
from jaxdl.train.structure import RecipeError, Structure
from jaxdl.train.trace import check_pure, loss_of

# By structure, and facts of a variant: those of equal facts have the same.
Outlines = Mapping[tuple[Structure, Facts], Outline]


def make_outlines(
    task: Task,
    hparams: Any,
    data: Mapping[Facts, Splits],
    count: Callable[[], None] = lambda: None,
) -> Outlines:
    """Returns the checked outline of every program.

    Args:
        task: its plan may be unknown.
        hparams: of some members, `[n]`, for the types of the traced ones.
        data: the sets of a variant, for each of the facts that differ.
        count: called after each outline.

    Raises:
        DataError, RecipeError: as `train.outline.outline`; or two programs differ in
            their metrics, or in what they rank by; or the recipe is not pure.
        SpaceError: there are too many programs.
    """
    most = cap(task.plan)
    if len(data) > most:
        raise SpaceError(
            f"got folds of {len(data)} different sizes, each a program to compile; "
            f"expected at most {most}: give more of them the same size, or allow more "
            "with plan=jaxdl.Plan(max_programs=...), or --max-programs"
        )
    traced = traced_types(task.space, hparams)
    outlines = {}
    for structure in structures(task.bounded, most // len(data)):
        for facts, sets in data.items():
            found = outline(task.recipe, traced, structure, sets, facts)
            outlines[structure, facts] = found
            count()
    _check_ranking(outlines)
    (structure, facts), found = next(iter(outlines.items()))
    check_pure(task.recipe, traced, structure, data[facts], facts, found.program)
    return outlines


def first_loss(task: Task, rung: Rung) -> PerExample:
    """Returns the loss of the space's first program, before there are folds.

    Raises:
        RecipeError: as `train.outline.outline`.
    """
    assert task.data is not None
    structure = structures(task.bounded, MOST_PROGRAMS)[0]
    facts = facts_of(task.data, task.epochs, folded=True)
    return loss_of(
        task.recipe, traced_types(task.space, rung.hparams), structure, facts
    )


def ranked(task: Task, outlines: Outlines) -> Task:
    """Returns the task with the metrics of its outlines, and what they rank by."""
    first = next(iter(outlines.values()))
    return task._replace(metrics=first.metrics, rank_by=first.rank_by)


def _check_ranking(outlines: Outlines) -> None:
    one, *others = outlines.items()
    for other in others:
        pair = [(found.metrics, found.rank_by) for _, found in (one, other)]
        if pair[0] != pair[1]:
            places = (label(structure) for (structure, _), _ in (one, other))
            words = (
                f"metrics {[*metrics]} and rank_by={rank_by!r} for {place}"
                for place, (metrics, rank_by) in zip(places, pair, strict=True)
            )
            raise RecipeError(
                f"the recipe has {', but '.join(words)}; expected the same names for "
                "all hyperparameters, so that models can be compared"
            )


def precisions(outlines: Outlines) -> list[str]:
    """Returns the precisions of matrix products in any of the programs."""
    return sorted({found.precision for found in outlines.values()})
