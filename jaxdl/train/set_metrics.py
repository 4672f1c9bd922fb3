"""Metrics of a whole set, which a recipe's `metrics` may hold.

Each is `f(outputs [m, ...], labels [m, ...], weights [m] or None) -> scalar`. Larger is
better, so that `rank_by` has a minus, such as `-auc`. Where a metric is undefined, such
as the AUC of one class alone, it is NaN, which ranks last.
"""

import jax
import jax.numpy as jnp

from jaxdl.nn.losses import targets
from jaxdl.train.metrics import confusion_matrix, f1


def auc(
    outputs: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Returns the area under the ROC curve of two classes, in [0, 1].

    It is the probability that a random example of class 1 has a higher logit than one
    of class 0; a tie counts half.

    Args:
        outputs: `[m, 1]` logits of class 1, or `[m, 2]`, whose difference counts.
        labels: `[m]` or `[m, 1]` of 0 and 1, or targets in the shape of the outputs.
        weights: of the examples, `[m]`; None: 1 each.

    Raises:
        ValueError: there is another number of outputs.

    Source: Hanley and McNeil, The Meaning and Use of the Area under a Receiver
    Operating Characteristic (ROC) Curve, 1982.
    """
    logit, one = _binary(outputs, labels)
    weight = jnp.ones_like(logit) if weights is None else weights.astype(logit.dtype)
    order = jnp.argsort(logit)
    zeros = (weight * ~one)[order]
    below = jnp.concatenate([jnp.zeros(1, logit.dtype), jnp.cumsum(zeros)])
    ends = (
        jnp.searchsorted(logit[order], logit, side=side) for side in ("left", "right")
    )
    beaten = sum(below[end] for end in ends) / (2 * below[-1])  # a tie counts half
    ones = weight * one
    area = jnp.sum(ones / jnp.sum(ones) * beaten)
    return jnp.where(jnp.isnan(logit).any(), jnp.nan, area)


def macro_f1(
    outputs: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Returns the mean F1 of the classes that occur in the labels or the predictions.

    Args:
        outputs: `[m, C]` logits, or `[m, 1]` for two classes.
        labels: `[m]` integers, or targets in the shape of the outputs.
        weights: of the examples, `[m]`; None: 1 each.

    Raises:
        ValueError: as `confusion_matrix`.
    """
    counts = confusion_matrix(outputs, labels, weights)
    occurs = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    return jnp.sum(f1(counts)) / jnp.sum(occurs)


def r2(
    outputs: jax.Array, labels: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Returns the coefficient of determination, the mean over the outputs.

    `R² = 1 - sum w (y - z)² / sum w (y - mean)²`, with the weighted mean of y. The
    constant prediction of this mean has 0. Equal targets have none: NaN.

    Args:
        outputs: `[m, K]` predictions z.
        labels: `[m, K]` targets y, or `[m]` where K is 1.
        weights: w of the examples, `[m]`; None: 1 each.

    Raises:
        ValueError: there is another number of targets.
    """
    z = outputs.reshape(len(outputs), -1)
    if labels.size != outputs.size:
        raise ValueError(
            f"got labels {list(labels.shape)} for outputs {list(outputs.shape)}; "
            "expected one target per output"
        )
    y = labels.reshape(z.shape).astype(z.dtype)
    w = jnp.ones(len(z), z.dtype) if weights is None else weights.astype(z.dtype)
    share = (w / jnp.sum(w))[:, None]
    mean = jnp.sum(share * y, axis=0, keepdims=True)
    spread = jnp.sum(share * (y - mean) ** 2, axis=0)
    missed = jnp.sum(share * (y - z) ** 2, axis=0)
    varies = jnp.max(y, axis=0) > jnp.min(y, axis=0)  # the spread is rounded
    return jnp.mean(jnp.where(varies, 1 - missed / spread, jnp.nan))


def _binary(outputs: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the logit of class 1, `[m]`, and whether an example is of it."""
    if outputs.ndim == 2 and outputs.shape[1] == 2:
        return outputs[:, 1] - outputs[:, 0], targets(outputs, labels)[:, 1] > 0.5
    if outputs.shape[1:] not in ((), (1,)) or labels.size != outputs.size:
        raise ValueError(
            f"got outputs {list(outputs.shape)} and labels {list(labels.shape)}; "
            "expected those of two classes: [m, 1] or [m, 2] outputs"
        )
    m = len(outputs)
    return outputs.reshape(m), labels.reshape(m) > 0.5
