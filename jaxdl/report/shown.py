"""Which configurations a page and its figures show, where a sweep has very many."""

import numpy as np
from numpy.typing import NDArray

from jaxdl.sweeps import SweepResult

MOST = 50_000  # members that are all shown
BEST, OTHERS = 1_000, 9_000  # configurations that are shown of more members


def shown(result: SweepResult) -> NDArray[np.int64]:
    """Returns the configurations to show, ascending: all, or the best and a sample.

    Of more than 50,000 members they are the best 1,000 configurations, and 9,000 of the
    others at random, which are the same at each call.
    """
    count = len(result.diverged())
    if not is_sampled(result):
        return np.arange(count)
    order = result.ranking()
    others = np.random.default_rng(0).permutation(order[BEST:])[:OTHERS]
    return np.sort(np.concatenate([order[:BEST], others]))


def is_sampled(result: SweepResult) -> bool:
    """Returns whether a page shows some of the configurations alone."""
    return len(result.status) > MOST and len(result.diverged()) > BEST


def of_how_many(result: SweepResult) -> str:
    """Returns which configurations are shown, for a title; empty: all."""
    if not is_sampled(result):
        return ""
    count = len(result.diverged())
    others = min(OTHERS, count - BEST)
    what = "members" if result.num_variants == 1 else "configurations"
    return f"the best {BEST:,} of {count:,} {what}, and {others:,} others at random"
