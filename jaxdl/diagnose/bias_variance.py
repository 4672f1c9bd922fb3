"""Bias or variance: what keeps a model from being better, and what to do about it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

HIGH = 0.02  # as an error rate: two points of avoidable bias or of variance are high

BIAS_ADVICE = (
    "train a bigger network: more hidden units or layers",
    "train longer, or with a better optimizer",
    "try another architecture",
)
VARIANCE_ADVICE = (
    "get more data, or augment what there is",
    "regularize: a larger L2 strength, a smaller keep_prob, early stopping",
    "try another architecture",
)
DIVERGED_ADVICE = ("lower the learning rate: the training diverged",)


class Diagnosis(NamedTuple):
    """Verdict and advice, for one model or, with arrays for entries, for many."""

    bias: Any  # avoidable: train error less human-level error
    variance: Any  # dev error less train error
    high_bias: Any
    high_variance: Any
    advice: Any  # a tuple of texts, most useful first; an array of tuples for many


def bias_variance(
    train_error: ArrayLike, dev_error: ArrayLike, *, human_error: ArrayLike = 0.0
) -> Diagnosis:
    """Returns avoidable bias and variance, whether they are high, and what to do.

    `bias = train - human` and `variance = dev - train`; either is high above 0.02. The
    advice is the course's basic recipe: first mend the bias, then the variance.

    Args:
        train_error: error rates in [0, 1] on the train set, of any shape; NaN for
            models that diverged, of which nothing is high.
        dev_error: the same on the dev set.
        human_error: human-level error, which stands for the best that is possible.

    Raises:
        ValueError: a rate is outside [0, 1], or the shapes do not fit.
    """
    rates = np.broadcast_arrays(
        *(np.asarray(e, float) for e in (train_error, dev_error, human_error))
    )
    for name, rate in zip(("train", "dev", "human"), rates, strict=True):
        if not (((rate >= 0) & (rate <= 1)) | np.isnan(rate)).all():
            raise ValueError(
                f"got {name}_error={rate}; expected rates between 0 and 1, such as "
                "0.15 for 15 %"
            )
    train, dev, human = rates
    bias, variance = train - human, dev - train
    high_bias, high_variance = bias > HIGH, variance > HIGH
    advice = np.empty(bias.shape, object)
    for i in np.ndindex(bias.shape):
        known = np.isfinite(bias[i]) and np.isfinite(variance[i])
        verdict = bool(high_bias[i]), bool(high_variance[i])
        advice[i] = _advice(*verdict) if known else DIVERGED_ADVICE
    whole = (bias, variance, high_bias, high_variance, advice)
    return Diagnosis(*(entry[()] for entry in whole))


def _advice(high_bias: bool, high_variance: bool) -> tuple[str, ...]:
    both = BIAS_ADVICE * high_bias + VARIANCE_ADVICE * high_variance
    return tuple(dict.fromkeys(both))  # each piece once
