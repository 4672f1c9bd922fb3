"""What a sweep returns: every member's hyperparameters, curves, status and weights."""

import dataclasses
import operator
from collections.abc import Mapping
from typing import Any, SupportsIndex

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import nn, terminal
from jaxdl.data import Dataset, Splits
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.engine.curves import kept_metrics, mean
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, ranking
from jaxdl.sweeps import display, frames, fronts, rows
from jaxdl.sweeps.ensembles import Ensemble, choose
from jaxdl.sweeps.members import member_of
from jaxdl.sweeps.repeats import (
    data_of,
    members_of,
    not_worse,
    standard_error,
    with_variants,
)
from jaxdl.train.epoch_state import Status
from jaxdl.train.facts import Facts
from jaxdl.train.inference import Inference
from jaxdl.train.member import Member
from jaxdl.train.score import PARAMETERS, curve_of, score
from jaxdl.train.steps import Steps
from jaxdl.train.structure import Structure


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """All members of a sweep. Arrays are NumPy, `[members]` first.

    With V = repeats times folds above 1, configuration c has the members `c V` to
    `c V + V - 1`, repeat after repeat and within it fold after fold. Rankings and
    tables are of configurations, by means over their members.
    """

    task: Task  # recipe, space, key, plan and settings; the data unless read from disk
    hparams: Any  # the space's tree with [members] leaves; NaN: does not apply
    metrics: dict[str, NDArray[Any]]  # train_loss train_error dev_loss dev_error and
    # the recipe's own, [members, epochs], NaN where a member did not run
    status: NDArray[np.int32]  # [members] of Status; RUNNING while the sweep still runs
    stopped_at: NDArray[np.int32]  # [members] step at which it stopped early, was cut
    # short or diverged; else -1
    kept_epoch: NDArray[np.int32]  # [members] epoch that the weights are from, or -1
    precisions: tuple[str, ...]  # of matrix products, in any of the programs
    rungs: tuple[Rung, ...]  # of members, as the search asked for them
    blocks: tuple[TrainedBlock | None, ...]  # weights, as they were trained
    places: NDArray[np.int64]  # [members, 2] block and slot of each; -1: not trained
    specification: Mapping[str, Any] | None  # of its run; None: not on disk
    # of each program, to predict and evaluate
    inferences: Mapping[tuple[Structure, Facts], Inference] = dataclasses.field(
        default_factory=dict
    )
    steps: tuple[Steps, ...] | None = None  # of each member, if `every` asked for them
    parameters: NDArray[np.float64] | None = None  # [members]; None: no objective
    kept: NDArray[np.bool_] | None = None  # [members] whose weights `keep` keeps

    __repr__ = display.as_text
    _repr_html_ = display.as_html
    to_dataframe = frames.to_dataframe
    curves = frames.curves
    pareto = fronts.pareto

    @property
    def num_variants(self) -> int:
        """V: how many members each configuration has."""
        return self.task.num_variants

    def trained(self) -> NDArray[np.bool_]:
        """Returns which members have trained at least an epoch, `[members]`."""
        return self.places[:, 0] >= 0

    def diverged(self) -> NDArray[np.bool_]:
        """Returns which configurations have a member that diverged."""
        lost = (self.status == Status.DIVERGED).reshape(-1, self.num_variants)
        return lost.any(axis=1)

    def has_best(self) -> bool:
        """Returns whether a configuration has a finite score and dev loss."""
        return bool(np.isfinite(self.scores() + self.mean()["dev_loss"]).any())

    def has_rates(self) -> bool:
        """Returns whether errors are shares of the examples, to be shown in percent."""
        errors = np.stack([self.metrics["train_error"], self.metrics["dev_error"]])
        errors = errors[np.isfinite(errors)]
        within = ((errors >= 0) & (errors <= 1)).all()
        first = np.flatnonzero(self.trained())[:1] if within else []
        return any(nn.has_classes(self.member(i, weights=False).loss) for i in first)

    def members_of(self, configuration: int) -> NDArray[np.int64]:
        """Returns the members of a configuration, `[V]`."""
        return members_of(np.array([configuration]), self.num_variants)

    def first_data(self, data: Splits) -> Splits:
        """Returns the sets that the first member of each configuration trains with.

        Args:
            data: of the sweep.
        """
        task, whole = with_variants(self.task._replace(data=data, repeats=1))
        return data_of(task.variants[0], whole)

    def ranking(self) -> NDArray[np.int64]:
        """Returns configurations, lowest score first, ties by mean dev loss.

        Configurations with a member that diverged, or whose dev loss is not finite,
        come last. Several objectives rank by dominance, see `searches.ranking`.
        """
        return ranking(self.mean() | fronts.ranks(self))

    def scores(self) -> NDArray[np.float64]:
        """Returns the score of each configuration, `[configurations]`: lower is better.

        It is the mean of the dev error at each member's kept epoch, or of the metric
        that the recipe ranks by; negative where larger is better.
        """
        return score(self.mean(), self.task.rank_by)

    def configurations(self) -> Any:
        """Returns the hyperparameters of each configuration, `[configurations]`."""
        return jax.tree.map(lambda column: column[:: self.num_variants], self.hparams)

    def final(self) -> dict[str, NDArray[Any]]:
        """Returns the metrics of each member's kept epoch, `[members]`.

        They are NaN for members that diverged. `parameters` is among them if it is an
        objective.
        """
        everyone = np.arange(len(self.status))
        own = kept_metrics(self.metrics, self.kept_epoch, self.status, everyone)
        return own if self.parameters is None else own | {PARAMETERS: self.parameters}

    def mean(self) -> dict[str, NDArray[np.float64]]:
        """Returns the means of the final metrics, `[configurations]`.

        They are NaN where a member diverged.
        """
        return mean(self.final(), self.num_variants)

    def standard_error(self) -> dict[str, NDArray[np.float64]]:
        """Returns the standard error of each mean, `s / sqrt(V)`, `[configurations]`.

        It is NaN where a member diverged, and everywhere if V is 1. Members of several
        folds share most of their examples, so that it tends to be too small.

        Source: Bengio and Grandvalet, No Unbiased Estimator of the Variance of K-Fold
        Cross-Validation, 2004.
        """
        return {
            name: standard_error(values.reshape(-1, self.num_variants))
            for name, values in self.final().items()
        }

    def not_worse(self) -> NDArray[np.int64]:
        """Returns the configurations whose distance to the best is within the noise.

        Those are the configurations whose score exceeds that of the best, on average
        over the same repeats and folds, by no more than one standard error of this
        difference. They come in the order of the ranking, the best first.

        Raises:
            ValueError: V is 1, which shows no noise.

        Source: Breiman, Friedman, Olshen and Stone, Classification and Regression
        Trees, 1984, for the rule of one standard error.
        """
        if self.num_variants == 1:
            raise ValueError(
                "got one model a configuration, which shows no noise; "
                "expected several: sweep with repeats=3 or folds=5"
            )
        scores, order = score(self.final(), self.task.rank_by), self.ranking()
        within = not_worse(scores.reshape(-1, self.num_variants), int(order[0]))
        return order[within[order]]

    def best(self) -> Member:
        """Returns the first member of the configuration with the lowest score.

        With repeats or folds, `not_worse` names others that noise may hide.

        Raises:
            ValueError: every configuration diverged, or none has a finite score.
        """
        winner, diverged = int(self.ranking()[0]), self.diverged()
        what = "members" if self.num_variants == 1 else "configurations"
        if diverged[winner]:
            raise ValueError(
                f"all {len(diverged)} {what} diverged; expected one that did not: "
                "lower the range of the learning rate"
            )
        if not self.has_best():
            raise ValueError(
                f"got {len(diverged)} {what} without a finite "
                f"{curve_of(self.task.rank_by)}; expected one that has it: look at "
                "what the metric divides by"
            )
        return self.member(self.members_of(winner)[0])

    def ensemble(self, dev: Dataset | None = None, *, size: int = 25) -> Ensemble:
        """Returns the members that are best together on the dev set.

        Of the 64 best members the one is added, again and again, that lowers the loss
        of the ensemble's mean prediction most; a member can be added several times.
        Where the recipe has an error of its own, or ranks by a metric, that takes the
        place of the loss.

            print(sweep.ensemble().evaluate(data.test))

        Args:
            dev: the dev set of the sweep, for the result of a folder; None: the
                result's own.
            size: how many additions, from 1 to 1,000.

        Raises:
            DataError: the dev set does not fit the members.
            ValueError: the sweep has folds, the result holds no data and no dev set
                is given, or no member has a finite score.

        Source: Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble Selection from
        Libraries of Models, 2004.
        """
        return choose(self, dev, size)

    def member(self, i: SupportsIndex, *, weights: bool = True) -> Member:
        """Returns member i.

        In `fit` its hyperparameters train the same configuration, except for a float
        that the space has in `Static`: `fit` traces it.

        Args:
            i: its number.
            weights: whether with its weights; else `params` and `state` are None.

        Raises:
            DamagedError: its weights are lost with damaged files of a run.
            IndexError: there is no such member.
            NotKeptError: its weights are not kept, see `keep` of `sweep`.
            ValueError: the search never trained it.
        """
        return member_of(self, operator.index(i), weights=weights)

    def keeps(self, i: int) -> bool:
        """Returns whether the sweep keeps the weights of member i, see its `keep`."""
        return self.kept is None or bool(self.kept[i])

    def rows(self, n: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Returns column names and a row of plain values for each of the n best.

        Rows are of configurations. With V above 1 the standard error of the metric that
        ranks them follows the means, and the status counts how many members ended how.
        """
        return rows.of_configurations(self, n)

    def member_rows(self, n: int | None = None) -> tuple[list[str], list[list[Any]]]:
        """Returns the same for each member of the n best configurations."""
        return rows.of_members(self, n)

    def table(self, n: int = 10) -> str:
        """Returns the n best configurations as text: metrics and hyperparameters."""
        return terminal.table(*self.rows(n))
