"""Losses and errors: `f(outputs, labels) -> [B]`, one value per example.

`B` examples, `C` classes, `K` outputs. Further axes between the examples and the
classes or outputs, such as the places of a sequence or the pixels of a picture, give
`[B, ...]` values; the value of an example is their mean.
"""

import functools
import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from jaxdl.within import check_within

PerExample = Callable[[jax.Array, jax.Array], jax.Array]


def softmax_cross_entropy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns `L = -sum_j y_j log softmax(z)_j`, `[B]`, stably from logits.

    The gradient is `dL/dz = softmax(z) - y`.

        >>> logits = jnp.log(jnp.array([[0.7, 0.2, 0.1]]))
        >>> loss = nn.softmax_cross_entropy(logits, jnp.array([1]))
        >>> round(float(loss[0]), 4)  # -log 0.2
        1.6094

    Args:
        outputs: `[B, C]` logits z.
        labels: `[B]` integers in 0..C-1, or `[B, C]` one-hot or soft targets.

    Raises:
        ValueError: the shapes do not fit, or `[B]` labels are not integers.
    """
    return -jnp.sum(targets(outputs, labels) * jax.nn.log_softmax(outputs), axis=-1)


def sigmoid_cross_entropy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns `sum_k -y_k log a_k - (1 - y_k) log(1 - a_k)`, `a = sigmoid(z)`, `[B]`.

    One output is a binary classification; several outputs are independent yes/no
    labels.

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
    """Returns the loss with labels that are moved towards equal probabilities.

    `y ← (1 - smoothing) y + smoothing / C` for the C classes of a softmax, and
    `y ← (1 - smoothing) y + smoothing / 2` for each yes/no label of a sigmoid.

    Args:
        loss: `softmax_cross_entropy` or `sigmoid_cross_entropy`.
        smoothing: in [0, 1); 0 switches it off, and 1 would make all labels equal; may
            be traced.

    Raises:
        ValueError: it is another loss, or `smoothing` is a plain number outside [0, 1).

    Source: Szegedy et al., Rethinking the Inception Architecture, 2016.
    """
    binary = _is_sigmoid("label_smoothing", loss)
    check_within("label_smoothing", "smoothing", smoothing, least=0, below=1)

    @functools.wraps(loss)
    def smoothed(outputs, labels):
        if binary:
            sharp = _same_shape(outputs, labels)
            return loss(outputs, sharp + smoothing * (0.5 - sharp))
        return loss(outputs, optax.smooth_labels(targets(outputs, labels), smoothing))

    return smoothed


def class_weighted(loss: PerExample, weights: ArrayLike) -> PerExample:
    """Returns the loss `(sum_j y_j w_j) L`: each example has the weight of its class.

    Together with `label_smoothing`, wrap the smoothed loss: the class is then that of
    the label.

    Args:
        loss: `softmax_cross_entropy`, or `sigmoid_cross_entropy` of one output.
        weights: `[C]`, each at least 0, with C = 2 for one output; may be traced. If
            their mean over the examples is 1, as with `data.class_weights`, the
            learning rate keeps its scale.

    Raises:
        ValueError: it is another loss, or a NumPy array of weights has a negative one
            or zeros alone; or, when called, there is another number of classes.
    """
    binary = _is_sigmoid("class_weighted", loss)
    plain = weights if isinstance(weights, np.ndarray) else np.empty(0)
    if plain.size and (plain.min() < 0 or plain.max() == 0):
        raise ValueError(
            f"class_weighted got the weights {plain.tolist()}; expected none below 0 "
            "and some above"
        )

    @functools.wraps(loss)
    def weighted(outputs, labels):
        per_class = jnp.asarray(weights, outputs.dtype)
        classes = 2 if binary else outputs.shape[-1]
        if per_class.shape != (classes,) or (binary and outputs.shape[-1] != 1):
            raise ValueError(
                f"got class weights {list(per_class.shape)} for outputs "
                f"{list(outputs.shape)}; expected one weight for each class, which are "
                "two for a sigmoid of one output"
            )
        if binary:
            yes = _same_shape(outputs, labels)[..., 0]
            weight = (1 - yes) * per_class[0] + yes * per_class[1]
        else:
            weight = targets(outputs, labels) @ per_class
        return weight * loss(outputs, labels)

    return weighted


def hardmax(outputs: jax.Array) -> jax.Array:
    """Returns 1 at the largest entry of each row and 0 elsewhere, `[..., C]`.

    Args:
        outputs: `[..., C]`; among equal entries the first counts as the largest.
    """
    largest = jnp.argmax(outputs, axis=-1)
    return jax.nn.one_hot(largest, outputs.shape[-1], dtype=outputs.dtype)


def plain_loss(loss: PerExample) -> PerExample:
    """Returns the loss itself, without wrappers such as `label_smoothing`."""
    return inspect.unwrap(loss)


def has_classes(loss: PerExample) -> bool:
    """Returns whether the loss, wrapped or not, is a cross-entropy of classes."""
    return plain_loss(loss) in (softmax_cross_entropy, sigmoid_cross_entropy)


def labels_are_classes(loss: PerExample) -> bool | None:
    """Returns whether the labels of a loss are classes; None: only its author knows."""
    return has_classes(loss) or (False if plain_loss(loss) is squared_error else None)


def _is_sigmoid(wrapper: str, loss: PerExample) -> bool:
    if not has_classes(loss):
        raise ValueError(
            f"{wrapper} got the loss {getattr(loss, '__name__', loss)}; expected "
            "softmax_cross_entropy or sigmoid_cross_entropy, whose labels are classes"
        )
    return plain_loss(loss) is sigmoid_cross_entropy


def targets(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns labels as `[B, C]` targets: integers become one-hot rows.

    Raises:
        ValueError: the shapes do not fit, `[B]` labels are not integers, or there is
            only one class.
    """
    _check_rows(outputs)
    if outputs.shape[-1] == 1:
        raise ValueError(
            f"got outputs {list(outputs.shape)} for classes; expected one output each, "
            "two at least: one output goes with sigmoid_cross_entropy"
        )
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
