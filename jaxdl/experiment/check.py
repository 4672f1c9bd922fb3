"""Checks of an experiment that are worth a minute before hours of training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data as datasets
from jaxdl import terminal
from jaxdl.data import Dataset, Splits, mismatch
from jaxdl.diagnose import check_gradients, rules_of_thumb, signal
from jaxdl.train import Status, TrainState, facts_of, fit, given, make_cost
from jaxdl.train.outline import outline
from jaxdl.train.recipe import RecipeFunction, build
from jaxdl.train.state import as_key, init, member_key
from jaxdl.train.structure import combine, partition

EXAMPLES = 16  # in the batch on which the signal and the gradient are checked
NOISE = 0.01  # standard deviation that moves initial zeros off the kink of a ReLU
WORK = 2e10  # floating-point operations that one gradient check may cost, about


class Finding(NamedTuple):
    """The result of one check."""

    healthy: bool
    text: str


def check(
    recipe: RecipeFunction, hp: Any, data: Splits, *, key: jax.Array | int
) -> Iterator[Finding]:
    """Yields what is found in the data, the signal and the gradient of one model.

    The data are checked as `fit` checks them, and the three sets are compared. The
    signal is followed through the layers at random initialization. The gradient is
    checked before and after one epoch of training. It is the gradient of the cost that
    training descends, with the penalty and one fixed dropout mask. It is checked at
    every coordinate; in a costly model at some coordinates of each leaf, drawn at
    random, as many as take seconds.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        hp: hyperparameters of one model.
        data: normalized train, dev and test sets.
        key: a threefry key, or a seed.

    Raises:
        DataError: the data cannot be trained on.
        RecipeError: the recipe or a hyperparameter cannot be traced.
    """
    key = as_key(key)
    datasets.check(data)
    traced, structure = partition(hp)
    facts = facts_of(data, 1)
    outline(recipe, traced, structure, data, facts)
    recipe = given(recipe, facts)
    yield from _data(data)
    whole, batch = combine(traced, structure), _some(data.train, key)
    in_shape = batch.inputs.shape[1:]
    start = jax.jit(lambda k: init(recipe, whole, member_key(k, 0), in_shape))(key)
    yield _signal(recipe, whole, start, batch)
    moved = start._replace(params=jax.jit(_moved)(start.params, key))
    yield _gradient("at random initialization", recipe, whole, moved, batch)
    member = fit(recipe, hp, data, key=key, epochs=1, progress=False)
    if member.status == Status.DIVERGED:
        yield Finding(False, f"training: diverged at step {member.stopped_at}")
        return
    trained = start._replace(params=member.params, state=member.state)
    yield _gradient("after one epoch", recipe, whole, trained, batch)


def _some(dataset: Dataset, key: jax.Array) -> Dataset:
    """Returns a few random examples, each of weight 1."""
    rows = np.asarray(jax.random.permutation(key, len(dataset.inputs))[:EXAMPLES])
    return jax.tree.map(jnp.asarray, replace(dataset[rows], weights=None))


def _data(data: Splits) -> Iterator[Finding]:
    sizes = ", ".join(f"{len(d.inputs):,} {name}" for name, d in data.sets.items())
    shape = list(np.shape(data.train.inputs)[1:])
    yield Finding(True, f"data: {sizes} examples of shape {shape}, all finite")
    for rule in rules_of_thumb(data):
        yield Finding(True, f"data: rule of thumb: {rule}")
    inputs = np.asarray(data.train.inputs)
    constant = int(np.sum(np.max(inputs, axis=0) == np.min(inputs, axis=0)))
    if constant:
        yield Finding(True, f"data: {constant} features are constant in the train set")
    found = mismatch(data)
    fault = any(found.dev_test)  # the first advice is on it; a train set may differ
    for advice in found.advice or ("no two sets differ in a feature or the labels",):
        yield Finding(not fault, f"data: {advice}")
        fault = False


def _signal(
    recipe: RecipeFunction, hp: Any, start: TrainState, batch: Dataset
) -> Finding:
    built = build(recipe, hp)
    found = jax.jit(
        lambda s, b: signal(built.model, s.params, s.state, b, built.loss, key=s.key)
    )(start, batch)
    rows = [
        (name, float(found.activations[name]), float(found.gradients[name]))
        for name in found.activations
    ]
    table = terminal.table(("layer", "activation", "gradient"), rows)
    verdict = found.faults or "neither explodes nor vanishes"
    return Finding(not found.faults, f"signal: {verdict}\n{table}")


def _gradient(
    when: str, recipe: RecipeFunction, hp: Any, train_state: TrainState, batch: Dataset
) -> Finding:
    @jax.jit
    def cost(params):
        return make_cost(recipe)(params, hp, train_state, batch)[0]

    params = train_state.params
    if not jax.tree.leaves(params):
        return Finding(True, f"gradient {when}: the model has no parameters")
    per_leaf = _affordable(cost, params)
    try:
        found = check_gradients(cost, params, per_leaf=per_leaf)
    except ValueError as error:
        return Finding(False, f"gradient {when}: {error}")
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(params))
    coordinates = (
        f"{size:,}" if per_leaf is None else f"{per_leaf:,} a leaf of {size:,}"
    )
    text = (
        f"gradient {when}: {found.verdict}, score {found.score:.1e} over {coordinates} "
        "coordinates"
    )
    if found.verdict != "correct":
        known = {name: s for name, s in found.per_leaf.items() if not np.isnan(s)}
        worst = max(known, key=known.__getitem__, default=None)
        text += f"; worst at {worst} ({known[worst]:.1e})" if worst else ""
    return Finding(found.verdict == "correct", text)


def _affordable(cost: Any, params: Any) -> int | None:
    """Returns how many coordinates of a leaf to check; None: all of them."""
    sizes = [np.size(leaf) for leaf in jax.tree.leaves(params)]
    analysis = cost.lower(params).cost_analysis() or {}
    affordable = WORK / (2 * max(analysis.get("flops", 0.0), 1.0))
    return None if sum(sizes) <= affordable else max(5, int(affordable / len(sizes)))


def _moved(params: Any, key: jax.Array) -> Any:
    """Returns parameters with a little noise, which moves units off a kink at 0."""
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + NOISE * jax.random.normal(k, jnp.shape(leaf))
        for leaf, k in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)
