"""Bias and variance: why a model is not better yet, and what to do about it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

HIGH = 0.02  # of an error rate; more avoidable bias or more variance is high

BIAS_ADVICE = (
    "train a bigger network: more hidden units or layers",
    "train longer, or with a better optimizer",
    "try another architecture",
)
VARIANCE_ADVICE = (
    "get more data, or augment what there is",
    "regularize: a larger L2 strength, a smaller keep_prob, or early stopping, which "
    "also fits the train set less",
    "try another architecture",
)
DIVERGED_ADVICE = ("lower the learning rate: the training diverged",)


class Diagnosis(NamedTuple):
    """Verdict and advice for one model; for many models the entries are arrays."""

    bias: Any  # the avoidable bias: train error minus human-level error
    variance: Any  # dev error minus train error
    high_bias: Any
    high_variance: Any
    advice: Any  # a tuple of texts, most useful first; an array of tuples for many


def bias_variance(
    train_error: ArrayLike, dev_error: ArrayLike, *, human_error: ArrayLike = 0.0
) -> Diagnosis:
    """Returns avoidable bias and variance, whether they are high, and what to do.

    `bias = train - human` and `variance = dev - train`; each is high above 0.02. The
    advice is the course's basic recipe: first reduce the bias, then the variance. One
    control for one of them is easiest to tune. Early stopping moves both at once: by
    the course it regularizes, and it ends the fitting of the train set.

        >>> diagnosis = dl.diagnose.bias_variance(0.01, 0.11)
        >>> bool(diagnosis.high_bias), bool(diagnosis.high_variance)
        (False, True)
        >>> diagnosis.advice[0]
        'get more data, or augment what there is'

    Args:
        train_error: error rates in [0, 1] on the train set, of any shape. NaN stands
            for a model that diverged; its bias and variance do not count as high.
        dev_error: the same on the dev set.
        human_error: the human-level error, an estimate of the lowest possible error.

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
