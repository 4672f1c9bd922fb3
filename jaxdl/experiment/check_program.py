"""A program of a space at its start, and what its signal and its outputs tell."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from jaxdl import nn, terminal
from jaxdl.data import Dataset, Splits
from jaxdl.data.about import listed
from jaxdl.data.permutation import permutation
from jaxdl.data.trees import num_examples
from jaxdl.diagnose import Signal, signal
from jaxdl.experiment.finding import Finding
from jaxdl.train import TrainState
from jaxdl.train.bound import BoundRecipe, make_start
from jaxdl.train.epoch_state import EpochState
from jaxdl.train.facts import counts_for
from jaxdl.train.part import in_shape, on_device, scaled_labels, take
from jaxdl.train.per_example import per_example
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import first_key

EXAMPLES = 16  # in the batch of a check, where no layer has statistics of the batch
DRAWS = 16  # of random parameters, whose outputs are checked
CANCELLED = 1e-4  # of a gradient's length, which is more than rounding leaves


class Prepared(NamedTuple):
    """A program of a space with numbers in place, at random initialization."""

    bound: BoundRecipe
    traced: dict[str, jax.Array]
    recipe: RecipeFunction  # of the hyperparameters alone
    hp: Any
    start: TrainState
    epoch_state: EpochState
    batch: Dataset  # inputs as the model gets them
    normalized: bool  # whether these are normalized

    @property
    def built(self) -> Recipe:
        """The recipe's result; inside a traced function its numbers may be traced."""
        return build(self.recipe, self.hp)


def prepared(
    bound: BoundRecipe, traced: dict[str, jax.Array], data: Splits, key: jax.Array
) -> Prepared:
    """Returns a program at its start, with a batch of random examples of weight 1.

    If the model has state, such as the moments of a batch norm, the batch is as large
    as those of training.

    Args:
        bound: the recipe.
        traced: hyperparameters by name.
        data: the three sets.
        key: of the initialization and the batch.
    """
    recipe, hp = bound(traced, counts_for(bound.recipe, bound.facts))
    train = on_device(data.train)
    start = jax.jit(make_start(bound, in_shape(train), early_stopping=False))
    counts = counts_for(bound.recipe, bound.facts)
    state, epoch_state = start(traced, first_key(key), counts)
    several = EXAMPLES
    if jax.tree.leaves(state.state):
        several = build(recipe, hp).batch_size
    rows = jnp.asarray(permutation(key, num_examples(data.train.inputs))[:several])
    batch = replace(take(train, rows), weights=None)
    carry = state, epoch_state
    return Prepared(bound, traced, recipe, hp, *carry, batch, _is_normalized(data))


def signal_of(program: Prepared) -> Signal:
    """Returns the signal at random initialization."""

    def found(start, batch):
        built = program.built
        labelled = Dataset(batch.inputs, scaled_labels(batch))
        parts = built.model, start.params, start.state, labelled, built.loss
        return signal(*parts, key=start.key)

    return jax.jit(found)(program.start, program.batch)


def signal_findings(at: list[str], signals: list[Signal]) -> Iterator[Finding]:
    """Yields in words what is wrong with the signals of the programs of a space.

    A fault is only a note if another program has none, because a sweep compares them.

    Args:
        at: the label of each program with a space in front; empty if it is alone.
        signals: of the programs.
    """
    sound = [found for found in signals if not found.faults]
    for label, found in zip(at, signals, strict=True):
        if found.faults and sound:
            text = f"signal{label}: {found.faults}; a note, since others are healthy"
            yield Finding(True, text)
        elif found.faults:
            yield Finding(False, f"signal{label}: {found.faults}\n{_table(found)}")
    healthy = "signal: neither explodes nor vanishes"
    if sound and len(signals) == 1:
        yield Finding(True, f"{healthy}\n{_table(sound[0])}")
    elif sound:
        yield Finding(True, f"{healthy} in {len(sound)} of {len(signals)} programs")


def _table(found: Signal) -> str:
    rows = [
        (name, float(found.activations[name]), float(found.gradients[name]))
        for name in found.activations
    ]
    return terminal.table(("layer", "activation", "gradient"), rows)


def outputs_findings(program: Prepared, at: str) -> Iterator[Finding]:
    """Yields what is wrong with the outputs of models with random parameters.

    Args:
        program: at its start.
        at: the label of the program with a space in front; empty if it is alone.
    """
    outputs, pull = (np.asarray(x) for x in _drawn(program))
    if outputs.shape[1] > 1 and (outputs == outputs[:, :1]).all():
        yield Finding(
            False,
            f"outputs{at}: they do not depend on the inputs; expected a model that "
            "looks at its examples",
        )
    elif program.normalized and pull == 0:
        yield Finding(
            False,
            f"outputs{at}: they change with the normalized inputs in steps alone, as "
            "if these were rows of a table; expected the ids as they are: name them "
            "with data.from_arrays(..., ids=)",
        )
    elif nn.has_classes(program.built.loss) and (outputs >= 0).all():
        yield Finding(False, f"outputs{at}: {_not_logits(outputs)}")


def penalty_notes(program: Prepared, at: str) -> Iterator[Finding]:
    """Yields the weights that a penalty leaves out, where it acts on others."""
    size = num_examples(program.batch.inputs)
    slopes = jax.grad(lambda params: 1.0 * program.built.penalty(params, size))
    found = jax.jit(lambda params, key: slopes(_random(params, key)[0]))(
        program.start.params, program.start.key
    )
    acted = _named(found)
    left = [n for n, slope in acted.items() if slope.ndim > 1 and not np.any(slope)]
    if left and any(np.any(slope) for slope in acted.values()):
        yield Finding(
            True,
            f"penalty{at}: it does not act on the weights {listed(left)}; "
            "where= chooses what it acts on",
        )


def loss_notes(program: Prepared, at: str) -> Iterator[Finding]:
    """Yields a note if the loss of an example depends on the others of its batch."""
    batch, start = program.batch, program.start
    half = num_examples(batch.inputs) // 2

    def losses(batch, state):
        y, _ = program.built.model.apply(start.params, state, batch.inputs)
        labels = scaled_labels(batch)
        first = jax.tree.map(lambda x: x[:half], (y, labels))
        loss = program.built.loss
        return [per_example(loss, *x, weights=None) for x in ((y, labels), first)]

    among_all, among_half = jax.jit(losses)(batch, start.state)
    if half and not np.allclose(among_all[:half], among_half, 1e-3, equal_nan=True):
        yield Finding(
            True,
            f"loss{at}: the loss of an example depends on the others of its batch; "
            "batches of the dev set are others than those of training, and are padded: "
            "rank by a metric of the whole set, metrics={...} and rank_by=",
        )


def idle_notes(program: Prepared, at: str) -> Iterator[Finding]:
    """Yields the parameters whose effect the statistics of a batch take away.

    With the moments of training as constants they have an effect, and with those of the
    batch none: a batch norm subtracts the mean, with it the bias before it.
    """
    start, x = program.start, program.batch.inputs
    if not jax.tree.leaves(start.state):
        return

    def slopes(key):
        params, key = _random(start.params, key)
        apply, training = program.built.model.apply, {"train": True, "key": key}
        _, state = apply(params, start.state, x, **training)

        def cost(params, mode):
            y, _ = ravel_pytree(apply(params, state, x, **mode)[0])
            return y @ jax.random.normal(key, y.shape, y.dtype)

        found = (jax.grad(cost)(params, mode) for mode in (training, {}))
        return [jax.tree.map(_length, slope) for slope in found]

    trained, used = map(_named, jax.jit(slopes)(start.key))
    idle = [name for name in used if trained[name] < CANCELLED * used[name]]
    if idle:
        yield Finding(
            True,
            f"parameters{at}: {listed(idle)} have no effect in training, because a "
            "batch norm subtracts them with the mean; leave them out, as "
            "nn.dense(..., use_bias=False) does",
        )


def _length(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(x**2))


def _named(tree: Any) -> dict[str, Any]:
    """Returns the leaves of a tree by their paths."""
    leaves = jax.tree.leaves_with_path(tree)
    keystr = jax.tree_util.keystr
    return {keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _drawn(program: Prepared) -> tuple[jax.Array, jax.Array]:
    """Returns outputs `[DRAWS, B, ...]`, and the largest slope by an input."""
    start, x = program.start, program.batch.inputs

    def one(key):
        params, key = _random(start.params, key)

        def squares(x):
            y, _ = program.built.model.apply(params, start.state, x, key=key)
            return jnp.sum(y**2), y

        floats = [jnp.issubdtype(x.dtype, jnp.inexact) for x in jax.tree.leaves(x)]
        if not all(floats):
            return squares(x)[1], jnp.ones(())  # ids have no slope
        slopes, y = jax.grad(squares, has_aux=True)(x)
        return y, jnp.max(ravel_pytree(jax.tree.map(jnp.abs, slopes))[0])

    keys = jax.random.split(start.key, DRAWS)
    outputs, pull = jax.jit(lambda keys: jax.lax.map(one, keys))(keys)
    return outputs, pull.max()


def _random(params: Any, key: jax.Array) -> tuple[Any, jax.Array]:
    """Returns parameters that keep a signal's size whatever the initialization."""
    theta, unravel = ravel_pytree(params)
    key, own = jax.random.split(key)
    drawn = unravel(jax.random.normal(own, theta.shape, theta.dtype))
    return jax.tree.map(lambda x: x / math.sqrt(math.prod(x.shape[:-1])), drawn), key


def _not_logits(outputs: NDArray[Any]) -> str:
    """Returns what is wrong with outputs that are never negative."""
    if outputs.shape[-1] > 1 and np.allclose(outputs.sum(-1), 1, atol=1e-3):
        found = "add up to 1, as after a softmax"
    elif outputs.max() <= 1:
        found = "are never outside 0..1, as after a sigmoid"
    else:
        found = "are never negative, as after a ReLU"
    return (
        f"they {found}; expected logits, because the cross-entropy makes probabilities "
        "of them itself: leave out the last activation"
    )


def _is_normalized(data: Splits) -> bool:
    scaling = data.train.scaling
    return data.moments is not None or bool(scaling and scaling.inputs)
