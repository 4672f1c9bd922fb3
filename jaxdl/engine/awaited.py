"""Members that a search may still train, by the rungs that it asked for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxdl.searches.rungs import Rung


def awaited(
    epochs: NDArray[np.int64], rungs: Sequence[Rung], *, searching: bool, thaws: bool
) -> NDArray[np.bool_]:
    """Returns a mask of the members that the search may still train, `[members]`.

    Args:
        epochs: that each member has trained.
        rungs: that were entered.
        searching: whether the search goes on.
        thaws: whether it may ask again for a member that a rung left out.
    """
    asked, latest = np.zeros_like(epochs), np.full_like(epochs, -1)
    for number, rung in enumerate(rungs):
        asked[rung.members], latest[rung.members] = rung.until, number
    found = epochs < asked
    if searching:
        found |= thaws | (asked == 0) | (latest == len(rungs) - 1)
    return found
