"""Shards: parts of a search's configurations, each trained as a sweep of its own."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.counts import is_count
from jaxdl.searches.rungs import Requests, Rung, Search, pick
from jaxdl.searches.traits import traits_of
from jaxdl.spaces.contract import SpaceError


class Shard(NamedTuple):
    """One of several parts of a sweep, equal in size up to one configuration.

    Shard i of n has the configurations from `⌊i m / n⌋` on and before `⌊(i + 1) m / n⌋`
    of the m of the sweep. It counts them from 0 on.
    """

    number: int  # i, counted from 0
    count: int  # n
    whole: int  # m

    @property
    def first(self) -> int:
        """The configuration of the sweep that its configuration 0 is."""
        return self.number * self.whole // self.count

    @property
    def members(self) -> int:
        """How many configurations it has."""
        return (self.number + 1) * self.whole // self.count - self.first


def as_shard(shard: Any, members: int, search: Search) -> Shard:
    """Returns a shard of a sweep.

    Args:
        shard: a pair (i, n): its number, counted from 0, and how many there are.
        members: configurations of the sweep.
        search: of the sweep.

    Raises:
        SpaceError: it is no such pair, there are more shards than configurations, or
            the search decides by how members do.
    """
    pair = tuple(shard) if isinstance(shard, tuple | list) else ()
    whole = len(pair) == 2 and is_count(pair[0], least=0) and is_count(pair[1])
    if not whole or not pair[0] < pair[1] <= members:
        raise SpaceError(
            f"got shard={shard!r:.80} of a sweep of {members} members; expected a pair "
            "(i, n), in which i counts from 0 to n - 1 and n is at most the number of "
            "members"
        )
    if not traits_of(search).asks_once:
        raise SpaceError(
            "got a shard of a search that decides, or may decide, by how all members "
            "do; expected random, sobol, portfolio or grid: leave shard out"
        )
    return Shard(int(pair[0]), int(pair[1]), int(members))


def part_of_search(search: Search, shard: Shard) -> Search:
    """Returns the search that asks for a shard's configurations alone, from 0 on.

    Each has the hyperparameters that it has in the whole sweep.

    Args:
        search: of the whole sweep, which yields one rung of all configurations.
        shard: its part.
    """

    @functools.wraps(search)
    def part(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        rung = next(search(key, space, shard.whole, epochs))
        own = np.arange(shard.first, shard.first + shard.members)
        yield Rung(np.arange(members), pick(rung.hparams, own), rung.until[own])

    return part
