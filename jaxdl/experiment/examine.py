"""What is worth knowing of an experiment before hours are spent on it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import terminal
from jaxdl.data import Dataset, Splits, check, mismatch
from jaxdl.diagnose import check_gradients, signal
from jaxdl.train import (
    RecipeFunction,
    TrainState,
    build,
    combine,
    fit,
    init,
    inspect,
    make_cost,
    member_key,
    partition,
)

EXAMPLES = 16  # that the gradient is checked on
EVERY = 20_000  # parameters up to which every coordinate is checked
PER_LEAF = 1_000  # coordinates of a leaf that are checked in larger models
NOISE = 0.01  # standard deviation that moves initial zeros off the kink of a ReLU


class Finding(NamedTuple):
    """One thing that was looked at."""

    healthy: bool
    text: str


def examine(
    recipe: RecipeFunction, hp: Any, data: Splits, *, key: jax.Array
) -> Iterator[Finding]:
    """Yields what is found in the data, the signal and the gradient of one model.

    The data are checked as training would, and the sets compared. The signal is
    followed through the layers at random initialization. The gradient of the very cost
    that training descends, with its penalty and one fixed dropout mask, is checked
    there and again after one epoch: in models of up to 20,000 parameters at every
    coordinate, in larger ones at 1,000 of each leaf, drawn at random.

    Args:
        recipe: function from hyperparameters to a `Recipe`.
        hp: hyperparameters of one model.
        data: normalized train, dev and test sets.
        key: a threefry key.

    Raises:
        DataError: the data cannot be trained on.
        RecipeError: the recipe or a hyperparameter cannot be traced.
    """
    check(data)
    traced, structure = partition(hp)
    inspect(recipe, traced, structure, data)
    yield from _data(data)
    whole = combine(traced, structure)
    batch = jax.tree.map(lambda x: jnp.asarray(x[:EXAMPLES]), data.train)
    start = init(recipe, whole, member_key(key, 0), batch.inputs.shape[1:])
    yield _signal(recipe, whole, start, batch)
    moved = start._replace(params=_moved(start.params, key))
    yield _gradient("at random initialization", recipe, whole, moved, batch)
    member = fit(recipe, hp, data, key=key, epochs=1, progress=False)
    trained = start._replace(params=member.params, state=member.state)
    yield _gradient("after one epoch", recipe, whole, trained, batch)


def _data(data: Splits) -> Iterator[Finding]:
    sizes = ", ".join(f"{len(d.inputs):,} {name}" for name, d in data.sets.items())
    shape = list(np.shape(data.train.inputs)[1:])
    yield Finding(True, f"data: {sizes} examples of shape {shape}, all finite")
    constant = int(np.sum(np.ptp(data.train.inputs, axis=0) == 0))
    if constant:
        yield Finding(True, f"data: {constant} features are constant in the train set")
    found = mismatch(data)
    for advice in found.advice or ("no two sets differ in a feature or the labels",):
        yield Finding(not any(found.dev_test), f"data: {advice}")


def _signal(
    recipe: RecipeFunction, hp: Any, start: TrainState, batch: Dataset
) -> Finding:
    built = build(recipe, hp)
    found = signal(
        built.model, start.params, start.state, batch, built.loss, key=start.key
    )
    rows = [
        (name, float(found.activations[name]), float(found.gradients[name]))
        for name in found.activations
    ]
    table = terminal.table(("layer", "activation", "gradient"), rows)
    faults = [
        f"{word} at {', '.join(layers)}"
        for word, layers in (
            ("exploding", found.exploding),
            ("vanishing", found.vanishing),
        )
        if layers
    ]
    verdict = "; ".join(faults) or "neither explodes nor vanishes"
    return Finding(not faults, f"signal: {verdict}\n{table}")


def _gradient(
    when: str, recipe: RecipeFunction, hp: Any, train_state: TrainState, batch: Dataset
) -> Finding:
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(train_state.params))
    cost = make_cost(recipe)
    found = check_gradients(
        lambda params: cost(params, hp, train_state, batch)[0],
        train_state.params,
        per_leaf=None if size <= EVERY else PER_LEAF,
    )
    coordinates = f"{size:,}" if size <= EVERY else f"{PER_LEAF:,} a leaf of {size:,}"
    text = (
        f"gradient {when}: {found.verdict}, score {found.score:.1e} over {coordinates} "
        "coordinates"
    )
    if found.verdict != "correct":
        worst = max(found.per_leaf, key=found.per_leaf.__getitem__)
        text += f"; worst at {worst} ({found.per_leaf[worst]:.1e})"
    return Finding(found.verdict == "correct", text)


def _moved(params: Any, key: jax.Array) -> Any:
    """Returns parameters with a little noise, so that no unit sits on a kink at 0."""
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    moved = [
        leaf + NOISE * jax.random.normal(k, leaf.shape, leaf.dtype)
        for leaf, k in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)
