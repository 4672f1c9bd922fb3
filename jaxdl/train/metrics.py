"""Metrics of a classifier, class by class, counted on the device.

Confusion matrices of several batches add up; compute ratios from the sum. Without
weights each example counts once. C is the number of classes; a single output is the
logit of class 1 of two classes.
"""

import jax
import jax.numpy as jnp

from jaxdl.nn.layer import check_count
from jaxdl.nn.losses import PerExample, targets


def confusion_matrix(
    outputs: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Returns how many examples of class i are predicted as class j, `[C, C]` integers.

    With weights it is the sum of theirs, a float.

    Args:
        outputs: `[B, C]` logits, or `[B, 1]` for two classes.
        labels: `[B]` integers, or targets in the shape of the outputs.
        weights: of the examples, `[B]`; None: count them.

    Raises:
        ValueError: the shapes do not fit, or `[B]` labels are not integers.
    """
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        labels = (labels.reshape(outputs.shape[0]) > 0.5).astype(int)
        outputs = jnp.concatenate([jnp.zeros_like(outputs), outputs], axis=1)
    classes = outputs.shape[-1]
    truth = jnp.argmax(targets(outputs, labels), axis=-1)
    counts = jnp.zeros(
        (classes, classes), jnp.int32 if weights is None else outputs.dtype
    )
    each = 1 if weights is None else weights
    return counts.at[truth, jnp.argmax(outputs, axis=-1)].add(each)


def multilabel_confusion(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns the confusion matrix of each of K yes/no labels, `[K, 2, 2]` integers.

    Args:
        outputs: `[B, K]` logits.
        labels: `[B, K]` targets in [0, 1].
    """
    one = jax.vmap(lambda z, y: confusion_matrix(z[:, None], y), (1, 1))
    return one(outputs, labels)


def accuracy(confusion: jax.Array) -> jax.Array:
    """Returns the fraction of examples that are predicted correctly.

    Args:
        confusion: `[..., C, C]` counts, rows the truth.
    """
    return _ratio(
        jnp.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1))
    )


def precision(confusion: jax.Array) -> jax.Array:
    """Returns for each class what fraction of its predictions is right, `[..., C]`.

    A class that is never predicted has 0.

    Args:
        confusion: `[..., C, C]` counts, rows the truth.
    """
    return _ratio(_hits(confusion), confusion.sum(axis=-2))


def recall(confusion: jax.Array) -> jax.Array:
    """Returns for each class what fraction of its examples is found, `[..., C]`.

    A class without examples has 0.

    Args:
        confusion: `[..., C, C]` counts, rows the truth.
    """
    return _ratio(_hits(confusion), confusion.sum(axis=-1))


def f1(confusion: jax.Array) -> jax.Array:
    """Returns `2 p r / (p + r)` of precision and recall of each class, `[..., C]`.

    Args:
        confusion: `[..., C, C]` counts, rows the truth.
    """
    return _ratio(2 * _hits(confusion), confusion.sum(axis=-2) + confusion.sum(axis=-1))


def top_k_error(k: int) -> PerExample:
    """Returns the error that is 1 where the class is not among the k largest logits.

    For k = 1 it is `zero_one_error`. It can be a recipe's `error`.

    Args:
        k: from 1 to the number of classes, a plain int.

    Raises:
        TypeError: k is not a plain int.
        ValueError: k is below 1, or, when called, there are fewer classes.
    """
    check_count("top_k_error", "k", k, least=1)

    def error(outputs, labels):
        if k > outputs.shape[-1]:
            raise ValueError(
                f"got k={k} for outputs {list(outputs.shape)}; expected at most "
                "the number of classes"
            )
        truth = jnp.argmax(targets(outputs, labels), axis=-1)
        _, largest = jax.lax.top_k(outputs, k)
        return 1 - jnp.any(largest == truth[..., None], axis=-1).astype(outputs.dtype)

    error.__name__ = f"top_{k}_error"
    return error


def _hits(confusion: jax.Array) -> jax.Array:
    return jnp.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: jax.Array, whole: jax.Array) -> jax.Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), 0)
