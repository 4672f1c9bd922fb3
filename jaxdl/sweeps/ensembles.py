"""Ensembles: some members of a sweep that predict together."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.special import expit, softmax

from jaxdl import nn
from jaxdl.counts import as_count
from jaxdl.data import Dataset
from jaxdl.data.checks import check_given
from jaxdl.nn.losses import PerExample
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.check import as_labels
from jaxdl.train.member import Member
from jaxdl.train.per_example import per_example
from jaxdl.train.recipe import Recipe, error_of
from jaxdl.train.score import larger_is_better

CANDIDATES = 64  # the best members; worse ones were hardly ever chosen
TINY = np.finfo(np.float64).tiny


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of a sweep, each with a weight. It predicts as a `Member` does.

    Probabilities are averaged where the loss is a cross-entropy, else outputs.
    """

    members: tuple[Member, ...]
    weights: NDArray[np.float64]  # [n], positive, of sum 1

    def predict(self, inputs: ArrayLike) -> NDArray[Any]:
        """Returns outputs `[m, ...]`, such as logits; see `Member.predict`.

        The softmax (the sigmoid for yes/no labels) of these logits is the weighted mean
        of that of the members.
        """
        mean = _mean_of(self.members[0].loss)
        outputs = [mean.of(member.predict(inputs)) for member in self.members]
        return mean.back(np.tensordot(self.weights, outputs, 1)).astype(np.float32)

    def evaluate(self, dataset: Dataset) -> dict[str, float]:
        """Returns the mean `loss` and `error` over a dataset, and the recipe's metrics.

        With weights the means are weighted. The loss is in the units of the labels.

        Raises:
            DataError: as `Member.evaluate`.
        """
        check_given(dataset, self.members[0].about)
        given = self.predict(dataset.inputs), _labels(self.members[0], dataset)
        metrics = _metrics(self.members[0].built).items()
        return {name: float(f(*given, dataset.weights)) for name, f in metrics}


def ensemble(sweep: SweepResult, dev: Dataset, *, size: int = 25) -> Ensemble:
    """Returns the members of a sweep that are best together on the dev set.

    Of the 64 best members the one is added, again and again, that lowers the loss of
    the ensemble's mean prediction most; a member can be added several times. Where the
    recipe ranks by a metric of its own, that metric takes the place of the loss.

        best = dl.sweeps.ensemble(sweep, data.dev)
        print(best.evaluate(data.test))

    Args:
        sweep: without folds, whose members have dev sets of their own.
        dev: the dev set of the sweep.
        size: how many additions, at least 1.

    Raises:
        DataError: the dev set does not fit the members.
        ValueError: the sweep has folds, or no member with a finite score.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble Selection from Libraries
    of Models, 2004.
    """
    additions = as_count("size", size, least=1)
    members = _candidates(sweep)
    check_given(dev, members[0].about)
    mean = _mean_of(members[0].loss)
    outputs = np.stack([mean.of(member.predict(dev.inputs)) for member in members])
    counts, total = np.zeros(len(members), int), np.zeros_like(outputs[0])
    for number in range(1, additions + 1):
        together = [mean.back((total + one) / number) for one in outputs]
        chosen = _lowest(members[0], together, dev)
        counts[chosen] += 1
        total += outputs[chosen]
    used = np.flatnonzero(counts)
    return Ensemble(tuple(members[i] for i in used), counts[used] / additions)


def _candidates(sweep: SweepResult) -> list[Member]:
    """Returns the best members, best first, that have the loss of the best one."""
    if sweep.task.folds is not None:
        raise ValueError(
            "got a sweep with folds, whose members have dev sets of their own; "
            "expected one without: sweep again without folds="
        )
    best = sweep.best()
    loss = nn.plain_loss(best.loss)
    finite = np.isfinite(sweep.final()["dev_loss"])
    order = [i for c in sweep.ranking() for i in sweep.members_of(int(c)) if finite[i]]
    members = map(sweep.member, order[:CANDIDATES])
    return [member for member in members if nn.plain_loss(member.loss) is loss]


def _lowest(member: Member, outputs: list[NDArray[Any]], dev: Dataset) -> int:
    """Returns which outputs have the lowest score."""
    rank_by = member.built.rank_by
    name = "loss" if rank_by == "error" else rank_by.removeprefix("-")
    metric, labels = _metrics(member.built)[name], _labels(member, dev)
    values = jax.vmap(lambda one: metric(one, labels, dev.weights))(
        jnp.asarray(np.stack(outputs), jnp.float32)
    )
    return int(jnp.nanargmin(-values if larger_is_better(rank_by) else values))


def _labels(member: Member, dataset: Dataset) -> jax.Array:
    return jnp.asarray(as_labels(dataset.labels, member.inference.train.labels))


def _metrics(built: Recipe) -> dict[str, Callable[..., jax.Array]]:
    """Returns all metrics of a recipe as functions of the whole set."""

    def mean(function: PerExample) -> Callable[..., jax.Array]:
        def of_the_set(outputs, labels, weights):
            values = per_example(function, outputs, labels, weights)
            return jnp.sum(values) / (
                len(labels) if weights is None else jnp.sum(weights)
            )

        return of_the_set

    plain = nn.plain_loss(built.loss)
    means = {"loss": mean(plain), "error": mean(error_of(built))}
    return means | dict(built.metrics)


class _Mean(NamedTuple):
    """How outputs are averaged: the mean of `of(outputs)`, then `back`."""

    of: Callable[[Any], NDArray[np.float64]]
    back: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _mean_of(loss: PerExample) -> _Mean:
    """Returns how the outputs of models with such a loss are averaged."""
    plain = nn.plain_loss(loss)
    if plain is nn.softmax_cross_entropy:
        return _Mean(lambda z: softmax(np.asarray(z, np.float64), axis=-1), _log)
    if plain is nn.sigmoid_cross_entropy:
        return _Mean(
            lambda z: np.stack([expit(x := np.asarray(z, np.float64)), expit(-x)]),
            lambda p: _log(p[0]) - _log(p[1]),
        )
    return _Mean(lambda y: np.asarray(y, np.float64), lambda y: y)


def _log(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(p, TINY))
