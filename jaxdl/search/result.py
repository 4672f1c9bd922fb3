"""What a sweep returns: every member's hyperparameters, curves, fate and weights."""

import dataclasses
import operator
from typing import Any, SupportsIndex

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import terminal
from jaxdl.search.blocks import Trained
from jaxdl.search.plan import Plan
from jaxdl.search.rungs import Rung, ranking
from jaxdl.train import Member, RecipeFunction, flatten


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """All members of a sweep. Arrays are NumPy, `[members]` first."""

    recipe: RecipeFunction
    hparams: Any  # the space's tree with [members] leaves
    metrics: dict[str, NDArray[Any]]  # train_loss train_error dev_loss dev_error,
    # [members, epochs], NaN where a member did not run
    status: NDArray[np.str_]  # [members] finished, stopped (early) or diverged
    stopped_at: NDArray[np.int32]  # [members] step at which it did, or -1
    kept_epoch: NDArray[np.int32]  # [members] epoch that the weights are from, or -1
    plan: Plan
    precisions: tuple[str, ...]  # of matrix products, in any of the space's programs
    rungs: tuple[Rung, ...]  # what the search asked for, one after another
    blocks: tuple[
        Trained | None, ...
    ]  # parameters and layer state, as they were trained
    places: NDArray[np.int64]  # [members, 2] block and slot of each

    def ranking(self) -> NDArray[np.int64]:
        """Returns member ids, lowest dev error of the kept epoch first, ties by loss.

        Members that diverged, or whose dev loss is not finite, come last.
        """
        return ranking(self.final())

    def final(self) -> dict[str, NDArray[Any]]:
        """Returns the metrics of each member's kept epoch, `[members]`.

        They are NaN for members that diverged.
        """
        kept = np.maximum(self.kept_epoch, 0)[:, None]
        diverged = self.status == "diverged"
        return {
            name: np.where(diverged, np.nan, np.take_along_axis(curve, kept, 1)[:, 0])
            for name, curve in self.metrics.items()
        }

    def best(self) -> Member:
        """Returns the member with the lowest dev error, of those that did not diverge.

        Raises:
            ValueError: every member diverged.
        """
        winner = int(self.ranking()[0])
        if self.status[winner] == "diverged":
            raise ValueError(
                f"all {len(self.status)} members diverged; expected one that did not: "
                "lower the range of the learning rate"
            )
        return self.member(winner)

    def member(self, i: SupportsIndex) -> Member:
        """Returns member i.

        Raises:
            IndexError: there is no such member.
            ValueError: the search never trained it.
        """
        i, members = operator.index(i), len(self.status)
        if not 0 <= i < members:
            raise IndexError(f"got member {i}; expected 0..{members - 1}")
        index, slot = self.places[i]
        block = self.blocks[index] if index >= 0 else None
        if block is None:
            raise ValueError(f"member {i} never trained: the search did not ask for it")
        params, state = jax.tree.map(lambda x: x[slot], (block.params, block.state))
        stopped_at = int(self.stopped_at[i])
        return Member(
            self.recipe,
            block.group.structure,
            jax.tree.map(lambda column: column[i], self.hparams),
            {name: curve[i] for name, curve in self.metrics.items()},
            str(self.status[i]),
            None if stopped_at < 0 else stopped_at,
            int(self.kept_epoch[i]),
            params,
            state,
        )

    def rows(self, n: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Returns column names and a row of plain values for each of the n best."""
        names, columns, _ = flatten(self.hparams)
        final = self.final()
        header = ["member", *self.metrics, "status", *names]
        rows = [
            [
                int(i),
                *(float(values[i]) for values in final.values()),
                self._fate(i),
                *(_plain(column[i]) for column in columns),
            ]
            for i in self.ranking()[:n]
        ]
        return header, rows

    def table(self, n: int = 10) -> str:
        """Returns the n best members as text: metrics and hyperparameters."""
        return terminal.table(*self.rows(n))

    def _fate(self, i: int) -> str:
        at = f" at step {self.stopped_at[i]}" if self.stopped_at[i] >= 0 else ""
        return f"{self.status[i]}{at}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
