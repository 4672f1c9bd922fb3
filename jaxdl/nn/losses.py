"""Losses and errors: `f(outputs, labels) -> [B]`, one value per example.

`B` examples, `C` classes, `K` outputs.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

PerExample = Callable[[jax.Array, jax.Array], jax.Array]


def softmax_cross_entropy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns `L = -sum_j y_j log softmax(z)_j`, `[B]`, stably from logits.

    The gradient is `dL/dz = softmax(z) - y`.

    Args:
        outputs: `[B, C]` logits z.
        labels: `[B]` integers in 0..C-1, or `[B, C]` one-hot or soft targets.

    Raises:
        ValueError: the shapes do not fit, or `[B]` labels are not integers.
    """
    return -jnp.sum(targets(outputs, labels) * jax.nn.log_softmax(outputs), axis=-1)


def sigmoid_cross_entropy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns `sum_k -y_k log a_k - (1 - y_k) log(1 - a_k)`, `a = sigmoid(z)`, `[B]`.

    One output is binary classification, several are independent yes/no labels.

    Args:
        outputs: `[B, K]` logits z.
        labels: `[B, K]` targets in [0, 1], or `[B]` where K is 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    wanted = _same_shape(outputs, labels)
    return jnp.sum(optax.sigmoid_binary_cross_entropy(outputs, wanted), axis=-1)


def squared_error(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns `sum_k (z_k - y_k)²`, `[B]`.

    Args:
        outputs: `[B, K]` predictions z.
        labels: `[B, K]` targets, or `[B]` where K is 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    return jnp.sum((outputs - _same_shape(outputs, labels)) ** 2, axis=-1)


def zero_one_error(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns 1 where the largest logit is not the label's class, else 0, `[B]`.

    Args:
        outputs: `[B, C]` logits.
        labels: `[B]` integers in 0..C-1, or `[B, C]` one-hot or soft targets.

    Raises:
        ValueError: the shapes do not fit, or `[B]` labels are not integers.
    """
    truth = jnp.argmax(targets(outputs, labels), axis=-1)
    return (jnp.argmax(outputs, axis=-1) != truth).astype(outputs.dtype)


def sigmoid_error(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns the fraction of outputs on the wrong side of probability 1/2, `[B]`.

    Args:
        outputs: `[B, K]` logits.
        labels: `[B, K]` targets in [0, 1], or `[B]` where K is 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    wrong = (outputs > 0) != (_same_shape(outputs, labels) > 0.5)
    return jnp.mean(wrong.astype(outputs.dtype), axis=-1)


def label_smoothing(loss: PerExample, smoothing: ArrayLike) -> PerExample:
    """Returns the loss of the labels `y ← (1 - smoothing) y + smoothing / C`.

    Args:
        loss: a loss of `[B, C]` targets, such as `softmax_cross_entropy`.
        smoothing: in [0, 1); 0 switches it off; may be traced.

    Source: Szegedy et al., Rethinking the Inception Architecture, 2016.
    """

    @functools.wraps(loss)
    def smoothed(outputs, labels):
        return loss(outputs, optax.smooth_labels(targets(outputs, labels), smoothing))

    return smoothed


def class_weighted(loss: PerExample, weights: ArrayLike) -> PerExample:
    """Returns the loss `(sum_j y_j w_j) L`: an example counts as its class does.

    Args:
        loss: a loss of classes, such as `softmax_cross_entropy`.
        weights: `[C]`, each at least 0; may be traced. With a mean of 1 over the
            examples, as `data.class_weights` has it, the learning rate keeps its scale.

    Raises:
        ValueError: when called, for another number of classes.
    """

    @functools.wraps(loss)
    def weighted(outputs, labels):
        per_class = jnp.asarray(weights, outputs.dtype)
        if per_class.shape != outputs.shape[-1:]:
            raise ValueError(
                f"got class weights {list(per_class.shape)} for outputs "
                f"{list(outputs.shape)}; expected one weight for each output"
            )
        return (targets(outputs, labels) @ per_class) * loss(outputs, labels)

    return weighted


def targets(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns labels as `[B, C]` targets: integers become one-hot rows.

    Raises:
        ValueError: the shapes do not fit, or `[B]` labels are not integers.
    """
    _check_rows(outputs)
    if labels.shape == outputs.shape:
        return labels.astype(outputs.dtype)
    integers = jnp.issubdtype(labels.dtype, jnp.integer)
    if not integers or labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"got labels {labels.dtype}{list(labels.shape)} for outputs "
            f"{list(outputs.shape)}; expected integer classes "
            f"{list(outputs.shape[:-1])} or targets {list(outputs.shape)}"
        )
    return jax.nn.one_hot(labels, outputs.shape[-1], dtype=outputs.dtype)


def _same_shape(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns labels as floats in the shape of the outputs."""
    _check_rows(outputs)
    if labels.shape != outputs.shape and (*labels.shape, 1) != outputs.shape:
        raise ValueError(
            f"got labels {list(labels.shape)} for outputs {list(outputs.shape)}; "
            "expected one target per output"
        )
    return labels.reshape(outputs.shape).astype(outputs.dtype)


def _check_rows(outputs: jax.Array) -> None:
    if outputs.ndim < 2:
        raise ValueError(
            f"got outputs {list(outputs.shape)}; expected a row for each example, such "
            "as [B, 1] for one output"
        )
