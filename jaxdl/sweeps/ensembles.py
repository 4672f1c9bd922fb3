"""Ensembles: some members of a sweep that predict together."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxdl import nn, shown, terminal
from jaxdl.counts import as_count
from jaxdl.data import Dataset, Splits
from jaxdl.data.checks import check_given
from jaxdl.data.trees import is_tree, named, num_examples
from jaxdl.nn.losses import PerExample
from jaxdl.train.check import as_labels, check_labels
from jaxdl.train.member import Member
from jaxdl.train.part import scaled
from jaxdl.train.per_example import per_example
from jaxdl.train.recipe import Recipe, error_of
from jaxdl.train.score import larger_is_better, objectives_of

if TYPE_CHECKING:
    from jaxdl.sweeps.result import SweepResult

CANDIDATES = 64  # the best members, of which an ensemble is chosen
COLUMNS = "member", "weight"
MOST_ADDITIONS = 1000  # more hardly change the weights
TINY = np.finfo(np.float64).tiny


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Members of a sweep, each with a weight. It predicts as a `Member` does.

    Probabilities are averaged where the loss is a cross-entropy, else outputs.
    """

    members: tuple[Member, ...]
    weights: NDArray[np.float64]  # [n], positive, of sum 1
    numbers: NDArray[np.int64]  # [n], of the members in their sweep

    def __repr__(self) -> str:
        table = terminal.table(COLUMNS, self._rows()).splitlines()
        return shown.as_text(self._title(), table)

    def _repr_html_(self) -> str:
        return shown.as_html(self._title(), COLUMNS, self._rows())

    def _title(self) -> str:
        return f"Ensemble of {shown.count(len(self.members), 'member')}"

    def _rows(self) -> list[tuple[int, float]]:
        """Returns the number and the weight of each member, the heaviest first."""
        order = np.argsort(-self.weights, kind="stable")
        columns = self.numbers[order].tolist(), self.weights[order].tolist()
        return [*zip(*columns, strict=True)]

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


def choose(sweep: "SweepResult", dev: Dataset | None, size: int) -> Ensemble:
    """Returns the ensemble of a sweep, see `SweepResult.ensemble`."""
    additions, dev = as_count("size", size, most=MOST_ADDITIONS), _dev(sweep, dev)
    numbers = _candidates(sweep)
    members = [sweep.member(i) for i in numbers]
    check_given(dev, members[0].about)
    mean, each = _mean_of(members[0].loss), [m.predict(dev.inputs) for m in members]
    if is_tree(each[0]):
        raise ValueError(
            f"got a model with the outputs {[*named(each[0])]}; expected one of a "
            "single array, which can be averaged"
        )
    outputs = np.stack([mean.of(one) for one in each])
    counts, total = np.zeros(len(members), int), np.zeros_like(outputs[0])
    scores = _scores_of(members[0], dev)
    for number in range(1, additions + 1):
        together = [mean.back((total + one) / number) for one in outputs]
        chosen = int(np.argmin(scores(np.asarray(together, np.float32))))
        counts[chosen] += 1
        total += outputs[chosen]
    used = np.flatnonzero(counts)
    return Ensemble(
        tuple(members[i] for i in used), counts[used] / additions, numbers[used]
    )


def beside_best(
    found: Ensemble, best: Member, data: Splits
) -> tuple[list[str], list[list[Any]]]:
    """Returns column names, and the dev and test metrics of a member and an ensemble.

    Args:
        found: the ensemble.
        best: the member with the best score.
        data: of the sweep.
    """
    rows, names = [], []
    for name, model in (("best member", best), ("ensemble", found)):
        dev, test = model.evaluate(data.dev), model.evaluate(data.test)
        names = [*(f"dev_{x}" for x in dev), *(f"test_{x}" for x in test)]
        rows.append([name, *dev.values(), *test.values()])
    return ["model", *names], rows


def _dev(sweep: "SweepResult", dev: Dataset | None) -> Dataset:
    if sweep.task.folds is not None:
        raise ValueError(
            "got a sweep with folds, whose members have dev sets of their own; "
            "expected one without: sweep again without folds="
        )
    if dev is not None:
        return dev
    if sweep.task.data is None:
        raise ValueError(
            "got a result of a folder, which holds no data; expected the dev set of "
            "the sweep: sweep.ensemble(data.dev)"
        )
    return sweep.task.data.dev


def _candidates(sweep: "SweepResult") -> NDArray[np.int64]:
    """Returns the best members, best first, that are averaged as the best one is."""
    best = sweep.best()
    finite = np.isfinite(sweep.final()["dev_loss"])
    if sweep.kept is not None:
        finite &= sweep.kept
    order = [i for c in sweep.ranking() for i in sweep.members_of(int(c)) if finite[i]]
    of = _mean_of(best.loss).of
    alike = [i for i in order[:CANDIDATES] if _mean_of(sweep.member(i).loss).of is of]
    return np.array(alike)


def _scores_of(member: Member, dev: Dataset) -> Callable[[ArrayLike], jax.Array]:
    """Returns the function from outputs `[n, m, ...]` to scores `[n]`, low is good."""
    built, labels = member.built, _labels(member, dev)
    metric = _metrics(member)[chosen_by(built)]

    def score(outputs, labels, weights):
        value = metric(outputs, labels, weights)
        value = -value if larger_is_better(built.rank_by) else value
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    scores = jax.jit(jax.vmap(score, in_axes=(0, None, None)))
    return lambda outputs: scores(outputs, labels, dev.weights)


def chosen_by(built: Recipe) -> str:
    """Returns the metric that an ensemble is to be best in.

    It is what ranks the members, but for the 0-1 error, which is equal for many.
    """
    name = objectives_of(built.rank_by)[0].removeprefix("-")
    return "loss" if name == "error" and built.error is None else name


def _labels(member: Member, dataset: Dataset) -> Any:
    like, out_shape = member.inference.train.labels, member.inference.out_shape
    check_labels(member.loss, dataset, out_shape, "the dataset")
    return jax.tree.map(jnp.asarray, as_labels(dataset.labels, like))


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
        whole = num_examples(labels) if weights is None else jnp.sum(weights)
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
    from scipy.special import softmax  # imported here, since it takes 0.2 s

    return softmax(_floats(logits), axis=-1)


def _yes_and_no(logits: Any) -> NDArray[np.float64]:
    """Returns the probabilities of yes and of no, `[2, ...]`, each exact near 0."""
    from scipy.special import expit  # imported here, as above

    return np.stack([expit(_floats(logits)), expit(-_floats(logits))])


def _log(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(p, TINY))
