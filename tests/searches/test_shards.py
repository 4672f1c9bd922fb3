"""Shards: which configurations each has, and what they are."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.searches import random
from jaxdl.searches.shards import Shard, as_shard, part_of_search
from jaxdl.spaces import SpaceError

KEY = jax.random.key(0)
SPACE = {"rate": dl.LogUniform(1e-3, 1e-1), "kind": dl.Static(["a", "b"])}


@pytest.mark.parametrize(
    ("count", "whole", "firsts"),
    [(3, 10, [0, 3, 6]), (4, 4, [0, 1, 2, 3]), (1, 7, [0]), (3, 11, [0, 3, 7])],
)
def test_shards_are_equal_parts_in_the_order_of_the_configurations(
    count, whole, firsts
):
    """Shard i begins at the whole part of i m / n, computed by hand."""
    shards = [Shard(i, count, whole) for i in range(count)]
    assert [shard.first for shard in shards] == firsts
    ends = [*firsts[1:], whole]
    assert [shard.first + shard.members for shard in shards] == ends


@pytest.mark.parametrize(
    ("search", "members"),
    [(random(), 10), (dl.sobol(), 10), (dl.portfolio(), 10), (dl.grid_search(5), 10)],
    ids=["random", "sobol", "portfolio", "grid"],
)
def test_a_shard_asks_for_what_the_whole_search_asks_for(search, members):
    whole = next(search(KEY, SPACE, members, 4))
    for number, first, until in ((0, 0, 3), (1, 3, 6), (2, 6, 10)):
        part = part_of_search(search, Shard(number, 3, members))
        rung, *rest = part(KEY, SPACE, until - first, 4)
        assert not rest
        assert rung.members.tolist() == [*range(until - first)]
        assert rung.until.tolist() == [4] * (until - first)
        for name, column in rung.hparams.items():
            assert column.tolist() == whole.hparams[name][first:until].tolist()


def test_the_name_of_the_search_stays():
    part = part_of_search(dl.sobol(), Shard(0, 2, 4))
    assert part.__qualname__.startswith("sobol")


@pytest.mark.parametrize(
    "shard", [(2, 2), (-1, 2), (0, 0), (0, 11), (0.0, 2), (True, 2), 1, (1,), "0/2"]
)
def test_what_is_no_shard_is_refused(shard):
    with pytest.raises(SpaceError, match=r"a pair \(i, n\)"):
        as_shard(shard, 10, random())


def own(key, space, members, epochs):
    yield next(random()(key, space, members, epochs))


@pytest.mark.parametrize(
    "search", [dl.halving(2), dl.hyperband(2), dl.pbt(1), dl.refinement(2), own]
)
def test_a_search_that_looks_at_all_members_has_no_shards(search):
    with pytest.raises(SpaceError, match="random, sobol, portfolio or grid"):
        as_shard((0, 2), 10, search)


def test_numbers_of_numpy_become_plain_ints():
    shard = as_shard([np.int64(1), np.int64(2)], 10, random())
    assert shard == (1, 2, 10) and {*map(type, shard)} == {int}
