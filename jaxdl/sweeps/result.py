"""What a sweep returns: every member's hyperparameters, curves, fate and weights."""

import dataclasses
import operator
from collections.abc import Iterable
from typing import Any, SupportsIndex

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs, terminal
from jaxdl.engine.blocks import Trained
from jaxdl.engine.plan import Plan
from jaxdl.engine.population import Population
from jaxdl.searches.rungs import Rung, ranking
from jaxdl.spaces.either import blanked, choose
from jaxdl.sweeps.repeats import mean, members_of, not_worse, standard_error
from jaxdl.train import FATES, RUNNING, Member, RecipeFunction, flatten


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """All members of a sweep. Arrays are NumPy, `[members]` first.

    With V = repeats times folds above 1, members `c V` to `c V + V - 1` are what became
    of configuration c, fold after fold and repeat after repeat; rankings and tables are
    of configurations, by means over their members. Else the two are the same.
    """

    recipe: RecipeFunction
    hparams: Any  # the space's tree with [members] leaves; NaN: does not apply
    metrics: dict[str, NDArray[Any]]  # train_loss train_error dev_loss dev_error,
    # [members, epochs], NaN where a member did not run
    status: NDArray[np.str_]  # [members] finished, stopped (early), diverged; or
    # running, in what is read of a run that goes on
    stopped_at: NDArray[np.int32]  # [members] step at which it did, or -1
    kept_epoch: NDArray[np.int32]  # [members] epoch that the weights are from, or -1
    space: Any  # that the hyperparameters are from
    key: jax.Array  # of the sweep
    patience: int | None  # likewise
    plan: Plan
    precisions: tuple[str, ...]  # of matrix products, in any of the space's programs
    rungs: tuple[Rung, ...]  # of members, as the search asked for them
    blocks: tuple[
        Trained | None, ...
    ]  # parameters and layer state, as they were trained
    places: NDArray[np.int64]  # [members, 2] block and slot of each
    repeats: int = 1
    folds: int | None = None

    @property
    def variants(self) -> int:
        """V: how many members each configuration has."""
        return self.repeats * (self.folds or 1)

    def ranking(self) -> NDArray[np.int64]:
        """Returns configurations, lowest mean dev error first, ties by dev loss.

        The metrics are those of each member's kept epoch. Configurations with a member
        that diverged, or whose dev loss is not finite, come last.
        """
        return ranking(self.mean())

    def configurations(self) -> Any:
        """Returns the hyperparameters of each configuration, `[configurations]`."""
        return jax.tree.map(lambda column: column[:: self.variants], self.hparams)

    def mean(self) -> dict[str, NDArray[np.float64]]:
        """Returns the means of the final metrics, `[configurations]`.

        They are NaN where a member diverged.
        """
        return mean(self.final(), self.variants)

    def standard_error(self) -> dict[str, NDArray[np.float64]]:
        """Returns the standard error of each mean, `s / sqrt(V)`, `[configurations]`.

        It is NaN where a member diverged, and everywhere if V is 1. Members of several
        folds share most of their examples, so that it is rather too small.

        Source: Bengio and Grandvalet, No Unbiased Estimator of the Variance of K-Fold
        Cross-Validation, 2004.
        """
        return {
            name: standard_error(values.reshape(-1, self.variants))
            for name, values in self.final().items()
        }

    def not_worse(self) -> NDArray[np.int64]:
        """Returns the configurations that noise alone may have put behind the best.

        In the order of the ranking, the best first: those whose dev error exceeds that
        of the best, on average over the same repeats and folds, by no more than one
        standard error of this difference.

        Raises:
            ValueError: V is 1, which tells nothing of the noise.

        Source: Breiman, Friedman, Olshen and Stone, Classification and Regression
        Trees, 1984, for the rule of one standard error.
        """
        if self.variants == 1:
            raise ValueError(
                "got one model a configuration, which tells nothing of the noise; "
                "expected several: sweep with repeats=3 or folds=5"
            )
        errors = self.final()["dev_error"].reshape(-1, self.variants)
        order = self.ranking()
        return order[not_worse(errors, int(order[0]))[order]]

    def diverged(self) -> NDArray[np.bool_]:
        """Returns which configurations have a member that diverged."""
        return (self.status == "diverged").reshape(-1, self.variants).any(axis=1)

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
        """Returns the first member of the configuration with the lowest dev error.

        With repeats or folds, `not_worse` says which others noise may hide.

        Raises:
            ValueError: every configuration diverged.
        """
        winner, diverged = int(self.ranking()[0]), self.diverged()
        if diverged[winner]:
            what = "members" if self.variants == 1 else "configurations"
            raise ValueError(
                f"all {len(diverged)} {what} diverged; expected one that did not: "
                "lower the range of the learning rate"
            )
        return self.member(winner * self.variants)

    def member(self, i: SupportsIndex) -> Member:
        """Returns member i.

        Raises:
            DamagedError: its weights are lost with damaged files of a run.
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
        if block.params is None:
            raise runs.DamagedError(
                f"the weights of member {i} are lost with damaged files; expected a "
                "run that is whole: start its sweep again, which trains them again"
            )
        params, state = jax.tree.map(lambda x: x[slot], (block.params, block.state))
        stopped_at = int(self.stopped_at[i])
        return Member(
            self.recipe,
            block.group.structure,
            choose(jax.tree.map(lambda column: column[i], self.hparams)),
            {name: curve[i] for name, curve in self.metrics.items()},
            str(self.status[i]),
            None if stopped_at < 0 else stopped_at,
            int(self.kept_epoch[i]),
            params,
            state,
        )

    def rows(self, n: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Returns column names and a row of plain values for each of the n best.

        Those are configurations; with V above 1 the standard error of the dev error
        follows its mean, and the status says how many members ended how.
        """
        v, values = self.variants, self.mean()
        if v == 1:
            return self.member_rows(n)
        values["standard_error"] = self.standard_error()["dev_error"]
        names, columns, _ = flatten(self.hparams)
        rows = [
            [
                int(i),
                *(float(column[i]) for column in values.values()),
                _count(self.status[i * v : (i + 1) * v]),
                *(_plain(column[i * v]) for column in columns),
            ]
            for i in self.ranking()[:n]
        ]
        return ["configuration", *values, "status", *names], rows

    def member_rows(self, n: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Returns the same for each member of the n best configurations."""
        names, columns, _ = flatten(self.hparams)
        final = self.final()
        origin = ["configuration", "repeat", "fold"] if self.variants > 1 else []
        rows = [
            [
                int(i),
                *self._origin(int(i)),
                *(float(values[i]) for values in final.values()),
                self._fate(i),
                *(_plain(column[i]) for column in columns),
            ]
            for i in members_of(self.ranking()[:n], self.variants)
        ]
        return ["member", *origin, *final, "status", *names], rows

    def table(self, n: int = 10) -> str:
        """Returns the n best configurations as text: metrics and hyperparameters."""
        return terminal.table(*self.rows(n))

    def _origin(self, i: int) -> list[int]:
        """Returns configuration, repeat and fold of member i; nothing if V is 1."""
        if self.variants == 1:
            return []
        configuration, variant = divmod(i, self.variants)
        return [configuration, *divmod(variant, self.folds or 1)]

    def _fate(self, i: int) -> str:
        at = f" at step {self.stopped_at[i]}" if self.stopped_at[i] >= 0 else ""
        return f"{self.status[i]}{at}"


def make_result(
    recipe: RecipeFunction,
    space: Any,
    key: jax.Array,
    plan: Plan,
    precisions: Iterable[str],
    end: Population,
    *,
    patience: int | None,
    repeats: int,
    folds: int | None,
    goes_on: bool = False,
) -> SweepResult:
    """Returns what a population has become, as a result.

    `goes_on` says that the search may still ask for more.
    """
    short = (end.fate == RUNNING) & (end.epochs < end.most)
    running = short & end.awaited(goes_on)
    cut_short = short & ~running  # by the search
    status = np.where(cut_short, "stopped", np.array(FATES)[end.fate])
    status = np.where(running, "running", status)
    return SweepResult(
        recipe=recipe,
        hparams=blanked(end.hparams()),
        metrics=end.metrics,
        status=status,
        stopped_at=np.where(cut_short, end.steps, end.stopped_at),
        kept_epoch=end.kept_epoch,
        space=space,
        key=key,
        patience=patience,
        plan=plan,
        precisions=tuple(sorted(precisions)),
        rungs=tuple(end.rungs),
        blocks=tuple(b and b._replace(carried=None) for b in end.blocks),
        places=end.places,
        repeats=repeats,
        folds=folds,
    )


def _count(status: NDArray[np.str_]) -> str:
    """Returns such as `finished`, or `4 finished, 1 diverged`."""
    words, counts = np.unique(status, return_counts=True)
    if len(words) == 1:
        return str(words[0])
    return ", ".join(f"{n} {word}" for word, n in zip(words, counts, strict=True))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
