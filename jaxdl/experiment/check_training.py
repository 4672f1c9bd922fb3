"""What an epoch of training and the gradient before and after it tell."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxdl.data import Splits
from jaxdl.data.trees import is_tree
from jaxdl.diagnose import baseline, check_gradients
from jaxdl.experiment.check_program import EXAMPLES, Prepared
from jaxdl.experiment.finding import Finding
from jaxdl.train import Status, TrainState, make_cost
from jaxdl.train.bound import make_advance, with_order
from jaxdl.train.facts import counts_for
from jaxdl.train.part import on_device
from jaxdl.train.recipe import error_of

NOISE = 0.01  # standard deviation that moves initial zeros off the kink of a ReLU
WORK = 2e10  # floating-point operations that one gradient check may cost, about


def check_training(
    program: Prepared, data: Splits, key: jax.Array, at: str
) -> Iterator[Finding]:
    """Yields what is found in the gradient before and after one epoch of training.

    Args:
        program: at its start.
        data: the three sets.
        key: of the training.
        at: the label of the program with a space in front; empty if it is alone.
    """
    start = program.start
    moved = start._replace(params=jax.jit(_moved)(start.params, key))
    yield _gradient(f"at random initialization{at}", program, moved)
    trained, end, metrics = _epoch(program, data, key)
    if int(end.status) == Status.DIVERGED:
        yield Finding(False, f"training{at}: diverged at step {int(end.stopped_at)}")
        return
    after = start._replace(params=trained.params, state=trained.state)
    yield _gradient(f"after one epoch{at}", program, after)
    yield from _against_a_constant(program, data, float(metrics["dev_error"]), at)


def _epoch(program: Prepared, data: Splits, key: jax.Array) -> tuple[Any, Any, Any]:
    """Returns both states and the metrics after an epoch."""
    bound, traced = program.bound, program.traced
    counts = counts_for(bound.recipe, bound.facts)
    train, dev = on_device(data.train), on_device(data.dev)
    advance = jax.jit(with_order(make_advance(bound), program.built.batch_size))
    carry = program.start, program.epoch_state
    return advance(traced, *carry, np.int32(0), train, dev, key, None, counts)


def _against_a_constant(
    program: Prepared, data: Splits, error: float, at: str
) -> Iterator[Finding]:
    """Yields a note if the best constant has a lower dev error than an epoch gives."""
    if is_tree(data.train.labels):
        return
    built = program.built
    outputs = jax.eval_shape(
        lambda x: built.model.apply(program.start.params, program.start.state, x)[0],
        program.batch.inputs,
    )
    best = baseline(
        data.train,
        data.dev,
        loss=built.loss,
        error=error_of(built),
        outputs=tuple(outputs.shape[1:]),
    )
    if best is not None and not error < best.error:
        yield Finding(
            True,
            f"training{at}: after one epoch the dev error is {error:.4g}, which is no "
            f"better than {best.error:.4g} of a model that always says {best.answer}",
        )


def _gradient(when: str, program: Prepared, train_state: TrainState) -> Finding:
    # Few examples have few kinks of a ReLU, at which a difference is no slope.
    batch = program.batch[:EXAMPLES]

    @jax.jit
    def cost(params):
        return make_cost(program.recipe)(params, program.hp, train_state, batch)[0]

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
    if found.at_kinks:
        text += f", without {found.at_kinks:,} at a kink, such as a ReLU's input of 0"
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
    theta, unravel = ravel_pytree(params)
    return unravel(theta + NOISE * jax.random.normal(key, theta.shape, theta.dtype))
