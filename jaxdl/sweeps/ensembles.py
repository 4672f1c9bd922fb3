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
from jaxdl.train.part import scaled
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

        With weights the means are weighted. Loss, error and metrics are those of the
        first member's recipe, in the units of `Member.evaluate`.

        Raises:
            DataError: as `Member.evaluate`.
        """
        check_given(dataset, self.members[0].about)
        given = self.predict(dataset.inputs), _labels(self.members[0], dataset)
        metrics = _metrics(self.members[0]).items()
        return {name: float(f(*given, dataset.weights)) for name, f in metrics}


def ensemble(sweep: SweepResult, dev: Dataset, *, size: int = 25) -> Ensemble:
    """Returns the members of a sweep that are best together on the dev set.

    Of the 64 best members the one is added, again and again, that lowers the loss of
    the ensemble's mean prediction most; a member can be added several times. Where the
    recipe has an error of its own, or ranks by a metric, that takes the place of the
    loss.

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
    """Returns the best members, best first, that are averaged as the best one is."""
    if sweep.task.folds is not None:
        raise ValueError(
            "got a sweep with folds, whose members have dev sets of their own; "
            "expected one without: sweep again without folds="
        )
    best = sweep.best()
    finite = np.isfinite(sweep.final()["dev_loss"])
    order = [i for c in sweep.ranking() for i in sweep.members_of(int(c)) if finite[i]]
    members = map(sweep.member, order[:CANDIDATES])
    of, _ = _mean_of(best.loss)
    return [member for member in members if _mean_of(member.loss).of is of]


def _lowest(member: Member, outputs: list[NDArray[Any]], dev: Dataset) -> int:
    """Returns which outputs have the lowest score; the first of equal ones."""
    built, labels = member.built, _labels(member, dev)
    metric = _metrics(member)[_chosen_by(built)]
    values = jax.vmap(lambda one: metric(one, labels, dev.weights))(
        jnp.asarray(np.stack(outputs), jnp.float32)
    )
    values = -values if larger_is_better(built.rank_by) else values
    return int(jnp.argmin(jnp.where(jnp.isnan(values), jnp.inf, values)))


def _chosen_by(built: Recipe) -> str:
    """Returns the metric that an ensemble is to be best in.

    It is what ranks the members, but for the 0-1 error, which is equal for many.
    """
    name = built.rank_by.removeprefix("-")
    return "loss" if name == "error" and built.error is None else name


def _labels(member: Member, dataset: Dataset) -> jax.Array:
    return jnp.asarray(as_labels(dataset.labels, member.inference.train.labels))


def _metrics(member: Member) -> dict[str, Callable[..., jax.Array]]:
    """Returns all metrics of a member as functions of the whole set.

    They take outputs and labels in the units of the labels. The loss is that of scaled
    ones, as `Member.evaluate` has it.
    """
    built, scaling = member.built, member.scaling
    plain = nn.plain_loss(built.loss)

    def loss(outputs, labels):
        if scaling is None or scaling.labels is None:
            return plain(outputs, labels)
        return plain(*(scaled(x, scaling.labels) for x in (outputs, labels)))

    means = {"loss": _mean(loss), "error": _mean(error_of(built))}
    return means | dict(built.metrics)


def _mean(function: PerExample) -> Callable[..., jax.Array]:
    """Returns the mean of a function over a set, weighted if the set is."""

    def of_the_set(outputs, labels, weights):
        values = per_example(function, outputs, labels, weights)
        whole = len(labels) if weights is None else jnp.sum(weights)
        return jnp.sum(values) / whole

    return of_the_set


class _Mean(NamedTuple):
    """How outputs are averaged: the mean of `of(outputs)`, then `back`."""

    of: Callable[[Any], NDArray[np.float64]]
    back: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _mean_of(loss: PerExample) -> _Mean:
    """Returns how the outputs of models with such a loss are averaged."""
    plain = nn.plain_loss(loss)
    if plain is nn.softmax_cross_entropy:
        return _Mean(_probabilities, _log)
    if plain is nn.sigmoid_cross_entropy:
        return _Mean(_yes_and_no, lambda p: _log(p[0]) - _log(p[1]))
    return _Mean(_floats, lambda y: y)


def _floats(outputs: Any) -> NDArray[np.float64]:
    return np.asarray(outputs, np.float64)


def _probabilities(logits: Any) -> NDArray[np.float64]:
    return softmax(_floats(logits), axis=-1)


def _yes_and_no(logits: Any) -> NDArray[np.float64]:
    """Returns the probabilities of yes and of no, `[2, ...]`, each exact near 0."""
    return np.stack([expit(_floats(logits)), expit(-_floats(logits))])


def _log(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(p, TINY))
