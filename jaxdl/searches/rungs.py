"""What a search is: a generator that asks for rungs and is told how their members did.

    search(key, space, members, epochs)

yields a `Rung`, is sent its `Standing`, and so on until it is done. It decides who
trains on with which hyperparameters; how members become blocks, programs and bits is
none of its business.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.spaces.distributions import SpaceError

# Metrics of the kept epoch so far, `[n]` in the order of the rung; NaN for a member
# that diverged.
Standing = dict[str, NDArray[Any]]


class Rung(NamedTuple):
    """Members that train on side by side, and how far."""

    members: NDArray[np.int64]  # [n] ids; who has not trained yet begins
    hparams: Any  # theirs, the space's tree with [n] leaves
    until: NDArray[np.int64]  # [n] epochs that each will have trained
    # [n] ids whose weights and epochs each takes over; None: everybody keeps its own
    parents: NDArray[np.int64] | None = None


Asking = Generator[Rung, Standing, None]
Search = Callable[[jax.Array, Any, int, int], Asking]  # key, space, members, epochs


def check_number(search: str, name: str, value: int, *, least: int) -> None:
    """Checks a setting of a search.

    Raises:
        SpaceError: it is not a plain int of at least `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpaceError(
            f"{search} got {name}={value!r}; expected an int of at least {least}"
        )


def check_rung(rung: Rung, members: int, epochs: int) -> None:
    """Checks what a search asks for.

    Args:
        rung: the next one.
        members: how many there are.
        epochs: that no member exceeds.

    Raises:
        SpaceError: a member that there is not or that comes twice, or more epochs than
            there are.
    """
    ids, counts = np.unique(rung.members, return_counts=True)
    named = ids if rung.parents is None else np.append(ids, rung.parents)
    wrong = [*ids[counts > 1], *named[(named < 0) | (named >= members)]]
    if wrong:
        raise SpaceError(
            f"the search asked for member {wrong[0]}; expected ids from 0 to "
            f"{members - 1}, each once"
        )
    if np.max(rung.until, initial=0) > epochs:
        raise SpaceError(
            f"the search asked for {np.max(rung.until)} epochs; expected at most "
            f"{epochs}"
        )


def ranking(standing: Standing) -> NDArray[np.int64]:
    """Returns positions, lowest dev error first, ties by dev loss.

    Those whose dev loss is not finite come last.
    """
    loss = standing["dev_loss"]
    return np.lexsort((loss, standing["dev_error"], ~np.isfinite(loss)))


def pick(hparams: Any, positions: NDArray[Any]) -> Any:
    """Returns the hyperparameters of some members."""
    return jax.tree.map(lambda column: column[positions], hparams)
