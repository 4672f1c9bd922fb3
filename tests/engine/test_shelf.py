"""The shelf: when a block is freed, and when its record's arrays can be dropped."""

from typing import Any, NamedTuple

import numpy as np

from jaxdl.engine.shelf import Shelf


class Block(NamedTuple):
    """What the shelf knows of a trained block."""

    record: int
    carry: Any = None
    params: Any = None


def block(record):
    return Block(record)


def places(*numbers):
    return np.array(numbers, np.int64)


def test_a_block_is_freed_with_its_last_member():
    shelf = Shelf()
    assert shelf.add(block(10), places(-1, -1)) == []
    assert shelf.add(block(11), places(0)) == [] and shelf[0].record == 10
    assert shelf.add(block(12), places(0)) == [] and shelf.blocks[0] is None
    assert len(shelf) == 3 and shelf[1].record == 11


def test_arrays_go_when_the_block_that_superseded_them_is_freed_too():
    shelf = Shelf()
    found = [shelf.add(block(10 + n), places(n - 1, n - 1)) for n in range(4)]
    assert found == [[], [], [10], [11]]


def test_a_successor_of_several_blocks_keeps_them_all():
    shelf = Shelf()
    shelf.add(block(10), places(-1))
    shelf.add(block(11), places(-1))
    assert shelf.add(block(12), places(0, 1)) == []
    assert sorted(shelf.add(block(13), places(2, 2))) == [10, 11]


def test_members_that_copy_others_leave_their_blocks():
    shelf = Shelf()
    shelf.add(block(10), places(-1))
    shelf.add(block(11), places(-1))
    shelf.add(block(12), places(1))  # which supersedes 11
    assert sorted(shelf.recount(places(0, 0))) == [11, 12]
    assert [one and one.record for one in shelf.blocks] == [10, None, None]
    assert shelf.recount(places(0, -1)) == []
    assert shelf.add(block(13), places(0)) == [] and shelf.blocks[0] is None


def test_the_oldest_blocks_are_put_away_until_the_others_fit():
    shelf = Shelf()
    for number, count in enumerate((1, 2, 3)):
        carry = {"w": np.zeros(count), "step": np.zeros(count, np.int32)}
        shelf.add(Block(number, carry), places(-1))
    assert shelf.held == 12 * (1 + 2 + 3)
    shelf.put_away(60)
    assert shelf.held == 60 and shelf[0].carry is None and shelf[0].record == 0
    shelf.recount(places(0, 2))  # the second one is freed
    assert shelf.held == 36
    shelf.put_away(0)
    assert shelf.held == 0 and shelf[2].carry is None
    shelf.put_away(0)
    shelf.add(Block(3, {"w": np.zeros(1)}), places(0))
    assert shelf.held == 8 and shelf.blocks[0] is None
