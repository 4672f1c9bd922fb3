"""Learning curves, extrapolated all at once: where will each end, and how surely?

All is float64 on the host, without a library of linear algebra: its threads could add
in another order, and decisions must not depend on the number of cores.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POWERS = (0.5, 1.0, 2.0)  # α of power laws
DECAYS = (0.05, 0.1, 0.2, 0.4)  # τ of exponentials, in whole trainings
ROUNDS = 30  # of expectation and maximization; later ones hardly move a prediction
LEAST = 1e-6  # of a variance, where the values of all curves have a spread of 1
FAR = 3.0  # spreads above the median: worse values count as this one
FLOOR = 0.05  # of the median score: lower scores differ little on the log scale

Array = NDArray[np.float64]


class _Sums(NamedTuple):
    """Sums over the observed epochs of each curve, `[n, 1]`, and shape, `[n, K]`."""

    ones: Array
    g: Array
    gg: Array
    y: Array
    gy: Array
    yy: Array


class _Model(NamedTuple):
    """What all curves share."""

    mean: tuple[float, float]  # of c and a
    cov: tuple[float, float, float]  # cc, ca, aa
    noise: float  # variance
    shares: Array  # [K] of the shapes


class _Posterior(NamedTuple):
    """What is known of each curve under each shape, `[n, K]`."""

    weight: Array  # of the shape, sums to 1
    c: Array
    a: Array
    cc: Array  # covariances
    ca: Array
    aa: Array


def extrapolate(scores: Array, deviations: float = 0.0) -> Array:
    """Returns where each curve ends: the last score at the mean of its `c_i`, `[n]`.

    Curve i is `y_i(t) = c_i + a_i g(t) + noise`, where g falls from 1 at the first
    observed epoch s to 0 at the last epoch T of the training, so that `c_i` is the end.
    The shape g is one of three power laws, `t^-α`, or of four exponentials,
    `exp(-t / τ)`, shifted and scaled to this. y is the log of the score plus 5 % of the
    median score; where a score is negative, y is the score itself. All curves share the
    probabilities of the shapes, a Gaussian prior of (c, a) and the variance of the
    noise. Expectation and maximization finds these from all curves, so that what long
    ones did tells where short ones go.

    >>> t, ends = np.arange(1.0, 9.0), np.array([0.14, 0.21, 0.28, 0.35, 0.42, 0.48])
    >>> curves = ends[:, None] * (1 + 3 / t) / (1 + 3 / 8)
    >>> curves[5, 3:] = np.nan  # observed in 3 of 8 epochs, when it is at 0.70
    >>> extrapolate(curves).round(2)
    array([0.14, 0.21, 0.28, 0.35, 0.42, 0.48])

    Args:
        scores: `[n, T]`, lower is better; NaN in epochs that were not observed. The
            first observed epoch is the same in all curves, and not the last.
        deviations: how many standard deviations of `c_i` above its mean the returned
            value lies; negative for the better ends.

    Sources: Swersky et al., Freeze-Thaw Bayesian Optimization, 2014; Domhan et al.,
    Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by
    Extrapolation of Learning Curves, 2015; Dempster et al., Maximum Likelihood from
    Incomplete Data via the EM Algorithm, 1977.
    """
    seen = np.isfinite(scores)
    first = int(np.argmax(seen[0]))
    latest = seen.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    last = scores[np.arange(len(scores)), latest]
    shift = FLOOR * float(np.median(last))
    on_log = shift > 0 and not np.any(scores < 0)
    values = np.log(scores + shift) if on_log else scores
    middle, spread = _scale(values[np.arange(len(scores)), latest])
    y = np.where(seen, np.minimum((values - middle) / spread, FAR), 0.0)
    sums = _sums(y, seen, _shapes(scores.shape[1], first))
    found = _fit(sums, y[np.arange(len(y)), latest], y[:, first])
    mean = np.sum(found.weight * found.c, axis=1)
    square = np.sum(found.weight * (found.cc + found.c**2), axis=1)
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    ends = middle + spread * (mean + deviations * std)
    return np.exp(ends) - shift if on_log else ends


def _scale(values: Array) -> tuple[float, float]:
    """Returns the median of values and the distance of their quartiles, or 1 for 0."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return middle, high - low or 1.0


def _shapes(epochs: int, first: int) -> Array:
    """Returns the shapes at all epochs, `[K, epochs]`: 1 at the first, 0 at the last.

    Args:
        epochs: of a whole training.
        first: the position of the first observed epoch.
    """
    t = np.arange(1.0, epochs + 1)
    powers = [t**-power for power in POWERS]
    decays = [np.exp(-t / (decay * epochs)) for decay in DECAYS]
    g = np.stack([*powers, *decays])
    return (g - g[:, -1:]) / (g[:, first, None] - g[:, -1:])


def _sums(y: Array, seen: NDArray[np.bool_], shapes: Array) -> _Sums:
    # One shape after another: [n, K, epochs] takes much memory for many curves.
    each = (np.where(seen, shape, 0.0) for shape in shapes)
    own = [[x.sum(axis=1) for x in (g, np.square(g), g * y)] for g in each]
    g, gg, gy = np.stack(own, axis=-1)  # [n, K] each
    return _Sums(
        ones=seen.sum(axis=1, dtype=float)[:, None],
        g=g,
        gg=gg,
        y=y.sum(axis=1)[:, None],
        gy=gy,
        yy=np.square(y).sum(axis=1)[:, None],
    )


def _fit(sums: _Sums, last: Array, first: Array) -> _Posterior:
    """Returns what is known of each curve, by the model that fits all of them best.

    Args:
        sums: of the curves.
        last: the last observed value of each, `[n]`.
        first: the first one.
    """
    many = len(POWERS) + len(DECAYS)
    mean = float(last.mean()), float((first - last).mean())
    model = _Model(mean, (1.0, 0.0, 1.0), 0.05, np.full(many, 1 / many))
    for _ in range(ROUNDS):
        model = _maximize(sums, _expect(sums, model))
    return _expect(sums, model)


def _expect(sums: _Sums, model: _Model) -> _Posterior:
    """Returns what the curves tell of their own (c, a) and shape, by Bayes' rule."""
    (m, k), noise = model.mean, model.noise
    icc, ica, iaa, det = _inverse(*model.cov)
    pcc, pca, paa = (
        prior + own / noise
        for prior, own in zip(
            (icc, ica, iaa), (sums.ones, sums.g, sums.gg), strict=True
        )
    )
    hc = icc * m + ica * k + sums.y / noise
    ha = ica * m + iaa * k + sums.gy / noise
    cc, ca, aa, precision = _inverse(pcc, pca, paa)
    c, a = cc * hc + ca * ha, ca * hc + aa * ha
    prior = icc * m**2 + 2 * ica * m * k + iaa * k**2
    square = sums.yy / noise + prior - hc * c - ha * a
    evidence = -0.5 * (
        sums.ones * np.log(noise) + np.log(det) + np.log(precision) + square
    )
    evidence += np.log(model.shares)
    weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    return _Posterior(weight, c, a, cc, ca, aa)


def _maximize(sums: _Sums, found: _Posterior) -> _Model:
    """Returns the model under which what was found is most probable."""
    weight, c, a, cc, ca, aa = found
    n = len(weight)
    m, k = float((weight * c).sum() / n), float((weight * a).sum() / n)
    cov = (
        float((weight * (cc + (c - m) ** 2)).sum() / n) + LEAST,
        float((weight * (ca + (c - m) * (a - k))).sum() / n),
        float((weight * (aa + (a - k) ** 2)).sum() / n) + LEAST,
    )
    square = sums.yy - 2 * (c * sums.y + a * sums.gy)
    square = square + sums.ones * (c**2 + cc) + sums.gg * (a**2 + aa)
    square = square + 2 * sums.g * (c * a + ca)
    noise = max(float((weight * square).sum() / sums.ones.sum()), LEAST)
    return _Model((m, k), cov, noise, np.maximum(weight.sum(axis=0) / n, LEAST))


def _inverse(cc, ca, aa):
    """Returns the inverse of symmetric matrices of two rows, and their determinant."""
    det = cc * aa - ca**2
    return aa / det, -ca / det, cc / det, det
