"""The outlines of a task: one for each program that its space can ask for."""

from collections.abc import Mapping
from typing import Any

import jax

from jaxdl.data import Splits
from jaxdl.engine.plan import MAX_PROGRAMS
from jaxdl.engine.task import Task
from jaxdl.spaces.sample import traced_columns
from jaxdl.spaces.structures import structures
from jaxdl.train.outline import Outline, outline
from jaxdl.train.structure import Structure

Outlines = Mapping[Structure, Outline]


def make_outlines(task: Task, hparams: Any, data: Splits) -> Outlines:
    """Returns the checked outline of every program.

    Args:
        task: its plan may be unknown.
        hparams: of some members, `[n]`, for the types of the traced ones.
        data: the sets of one variant.

    Raises:
        DataError, RecipeError: as `train.outline.outline`.
        SpaceError: there are too many programs.
    """
    traced = {
        name: jax.ShapeDtypeStruct((), column.dtype)
        for name, column in traced_columns(task.space, hparams).items()
    }
    return {
        structure: outline(task.recipe, traced, structure, data)
        for structure in structures(task.space, MAX_PROGRAMS)
    }


def precisions(outlines: Outlines) -> list[str]:
    """Returns the precisions of matrix products in any of the programs."""
    return sorted({found.precision for found in outlines.values()})
