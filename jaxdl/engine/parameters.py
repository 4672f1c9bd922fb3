"""How many parameters each member of a task has, an objective of a search."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.layout import structures_of
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, Standing
from jaxdl.spaces.sample import traced_columns
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.facts import Facts, counts_for
from jaxdl.train.parameters import at_live, count_parameters
from jaxdl.train.part import in_shape
from jaxdl.train.score import PARAMETERS, counts_parameters
from jaxdl.train.structure import Bound, Names, Structure


class Parameters:
    """Counts the parameters of members, if these are an objective of the task."""

    def __init__(self, task: Task, outlines: Outlines):
        """Makes a counter that has counted nothing yet.

        Args:
            task: its plan, its variants and what it ranks by are known.
            outlines: of each program of the task.
        """
        self.task, self.outlines = task, outlines
        self.column: NDArray[np.float64] | None = None  # [members]; None: no objective
        if counts_parameters(task.rank_by):
            self.column = np.full(task.num_members, np.nan)
        self._known: dict[Any, int] = {}

    def count(self, rung: Rung) -> None:
        """Counts those of the members of a rung; traces each size of a model once."""
        if self.column is None:
            return
        n = len(rung.members)
        number, structures = structures_of(self.task.bounded, rung.hparams, n)
        columns = traced_columns(self.task.space, rung.hparams)
        for i, structure in enumerate(structures[place] for place in number):
            live, chosen = (
                {name: int(columns[name][i]) for name in _of(kind, structure)}
                for kind in (Bound, Names)
            )
            self.column[rung.members[i]] = self._count(structure, live, chosen)

    def of(self, members: NDArray[np.int64]) -> Standing:
        """Returns the column of some members by its name; {} if it is no objective."""
        return {} if self.column is None else {PARAMETERS: self.column[members]}

    def _count(
        self, structure: Structure, live: dict[str, int], chosen: dict[str, int]
    ) -> int:
        alone = at_live(structure, live)
        key = alone, tuple(chosen.items())
        if key not in self._known:
            recipe, facts = self.task.recipe, self._facts(structure)
            bound = BoundRecipe(recipe, alone, facts.unread())
            shape = in_shape(self.outlines[structure, facts].inference.train)
            counts = counts_for(recipe, facts)
            self._known[key] = count_parameters(bound, chosen, counts, shape)
        return self._known[key]

    def _facts(self, structure: Structure) -> Facts:
        """Returns the facts of the first variant that has a program."""
        facts = [v.facts for v in self.task.variants]
        return next(own for own in facts if (structure, own) in self.outlines)


def _of(kind: type, structure: Structure) -> list[str]:
    """Returns the names of the sizes, or of the choices."""
    pairs = zip(structure.names, structure.values, strict=True)
    return [name for name, value in pairs if isinstance(value, kind)]
