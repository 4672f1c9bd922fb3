"""How sure an error rate is at the size of its set."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdl.data import Dataset
from jaxdl.data.trees import num_examples

Z = 1.959963984540054  # 95 % of a normal distribution are within ±Z


class Interval(NamedTuple):
    """What m examples say of an error rate; for many rates the entries are arrays."""

    standard_error: Any  # sqrt(p (1 - p) / m)
    low: Any  # of Wilson's 95 % interval
    high: Any
    difference: Any  # of two models with about this error that the set can show


def error_interval(error: ArrayLike, examples: ArrayLike) -> Interval:
    """Returns how sure an error rate p is that was measured on m examples.

    - The standard error is `sqrt(p (1 - p) / m)`.
    - Wilson's 95 % interval is `(p + z²/2m ± z sqrt(p (1 - p)/m + z²/4m²)) / (1 +
      z²/m)`, `z = 1.96`. It stays in [0, 1] and is not empty at p = 0.
    - Two models of about this error differ by more than chance if their errors are
      further apart than `z sqrt(2 q (1 - q) / (m + 2))`, `q = (p m + 1) / (m + 2)`.
      Models that fail on the same examples can be told apart somewhat better.

    The error of the best of many models is too low: it was chosen for it. Errors
    between 0 and 1 on one example, such as that of several yes/no labels, are surer
    than this.

        >>> found = dl.diagnose.error_interval(0.1, 100)
        >>> round(float(found.low), 3), round(float(found.high), 3)
        (0.055, 0.174)
        >>> round(float(dl.diagnose.error_interval(0.01, 1_000_000).difference), 5)
        0.00028

    Args:
        error: error rates in [0, 1]; NaN gives NaN.
        examples: m, above 0; with weights, `effective_examples`.

    Raises:
        ValueError: a rate is outside [0, 1], or there are no examples.

    Sources: Wilson, Probable Inference, the Law of Succession, and Statistical
    Inference, 1927; Agresti and Caffo, Simple and Effective Confidence Intervals for
    Proportions and Differences of Proportions, 2000.
    """
    p, m = np.broadcast_arrays(np.asarray(error, float), np.asarray(examples, float))
    if not ((((p >= 0) & (p <= 1)) | np.isnan(p)) & (m > 0)).all():
        raise ValueError(
            f"got error={error} on examples={examples}; expected rates between 0 and "
            "1, such as 0.15 for 15 %, on at least one example"
        )
    standard_error = np.sqrt(p * (1 - p) / m)
    middle = p + Z**2 / (2 * m)
    half = Z * np.sqrt(p * (1 - p) / m + Z**2 / (4 * m**2))
    low, high = ((middle + side * half) / (1 + Z**2 / m) for side in (-1, 1))
    q = (p * m + 1) / (m + 2)
    difference = Z * np.sqrt(2 * q * (1 - q) / (m + 2))
    # Rounding may leave the lower end of p = 0 a little beside 0.
    return Interval(standard_error, np.clip(low, 0, 1), np.clip(high, 0, 1), difference)


def effective_examples(dataset: Dataset) -> float:
    """Returns how many examples of equal weight say as much: `(Σ w)² / Σ w²`.

    Source: Kish, Survey Sampling, 1965.
    """
    if dataset.weights is None:
        return float(num_examples(dataset.labels))
    weights = np.asarray(dataset.weights, float)
    return float(weights.sum() ** 2 / (weights**2).sum())
