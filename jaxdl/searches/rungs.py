"""The rung protocol: how a search decides which members train on.

A search is a function `search(key, space, members, epochs)` that returns a generator.
This yields a `Rung`, receives the `Standing` of the rung's members, yields the next
rung, and so on until it ends. It knows nothing of blocks, programs and bits.
"""

from collections.abc import Callable, Generator
from inspect import signature
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.counts import is_count
from jaxdl.searches import dominance
from jaxdl.spaces.distributions import SpaceError

# Metrics of each member's kept epoch so far, `[n]` in the order of the rung; NaN for a
# member that diverged. `score` is the one that ranks members, lower is better. With
# several objectives there are `objectives` `[n, k]` as well, of which it is the first.
# Where a run resumes, a search that `takes_record` (see `searches/traits.py`) gets
# `recorded` as well: the ids `[k]` of the members that its next rung has on record.
Standing = dict[str, NDArray[Any]]
RECORDED = "recorded"


class Rung(NamedTuple):
    """Members that train on side by side, and how far.

    A member that a rung leaves out is frozen: it keeps its state. A later rung may ask
    for it again.
    """

    members: NDArray[np.int64]  # [n] ids; a member without weights begins
    hparams: Any  # theirs, the space's tree with [n] leaves
    until: NDArray[np.int64]  # [n] epochs that each will have trained
    # [n] ids whose weights and epochs each member copies; None: each keeps its own
    parents: NDArray[np.int64] | None = None


Requests = Generator[Rung, Standing, None]
Search = Callable[[jax.Array, Any, int, int], Requests]  # key, space, members, epochs


def start(
    search: Search, key: jax.Array, space: Any, members: int, epochs: int
) -> tuple[Requests, Rung]:
    """Returns the generator of a search, and the first rung that it yields.

    Raises:
        SpaceError: the search is not a generator function of key, space, members and
            epochs, or asks for nothing.
    """
    expected = (
        f"got search={search!r}; expected a generator function of key, space, members "
        "and epochs, such as jaxdl.halving(3) or jaxdl.sobol()"
    )
    try:
        signature(search).bind(key, space, members, epochs)
    except (TypeError, ValueError) as error:
        raise SpaceError(expected) from error
    requests = search(key, space, members, epochs)
    if not isinstance(requests, Generator):
        raise SpaceError(expected)
    rung = next(requests, None)
    if rung is None:
        raise SpaceError(f"got search={search!r}, which asks for no member")
    check_rung(rung, members, epochs)
    return requests, rung


def check_number(search: str, name: str, value: int, *, least: int) -> int:
    """Returns a setting of a search as a plain int.

    Raises:
        SpaceError: it is no integer of at least `least`.
    """
    if not is_count(value, least=least):
        raise SpaceError(
            f"{search} got {name}={value!r}; expected an int of at least {least}"
        )
    return int(value)


def check_rung(rung: Rung, members: int, epochs: int) -> None:
    """Checks what a search asks for.

    Args:
        rung: the next one.
        members: how many there are.
        epochs: that no member exceeds.

    Raises:
        SpaceError: it is no rung, its members or epochs are no ints, it names a member
            that does not exist or comes twice, or asks for more epochs than there are.
    """
    if not isinstance(rung, Rung):
        raise SpaceError(
            f"the search yielded {rung!r:.80}; expected a jaxdl.searches.Rung"
        )
    columns = [np.asarray(column) for column in (rung.members, rung.until)]
    whole = all(column.dtype.kind in "iu" for column in columns)
    if not whole or {column.shape for column in columns} != {(columns[0].size,)}:
        raise SpaceError(
            f"the search yielded a rung with members={rung.members!r:.80} and "
            f"until={rung.until!r:.80}; expected ints [n] each"
        )
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


def scores(standing: Standing) -> NDArray[Any]:
    """Returns the score of each member, lower is better; without one the dev error."""
    return standing["score" if "score" in standing else "dev_error"]


def ranking(standing: Standing) -> NDArray[np.int64]:
    """Returns positions, lowest score first, ties by dev loss.

    With several objectives it returns them front after front, and within a front from
    the lowest score on, each as far from those before it as possible, see
    `searches/dominance.py`. Members whose dev loss is not finite come last, after those
    of which an objective is NaN.
    """
    if "objectives" not in standing:
        return by_score(standing)
    loss = standing["dev_loss"]
    lost = ~np.isfinite(loss)
    found = dominance.order(
        np.where(lost[:, None], np.nan, standing["objectives"]), loss
    )
    return np.concatenate([found[~lost[found]], found[lost[found]]])


def by_score(standing: Standing) -> NDArray[np.int64]:
    """Returns positions, lowest score first, ties by dev loss, then by position.

    Members whose dev loss is not finite come last, after those whose score is NaN.
    """
    loss = standing["dev_loss"]
    return np.lexsort((loss, scores(standing), ~np.isfinite(loss)))


def pick(hparams: Any, positions: NDArray[Any]) -> Any:
    """Returns the hyperparameters of some members."""
    return jax.tree.map(lambda column: column[positions], hparams)
