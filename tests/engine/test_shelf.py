"""The shelf: when a block is freed, and when its record's arrays can be dropped."""

from types import SimpleNamespace

import numpy as np

from jaxdl.engine.shelf import Shelf


def block(record):
    return SimpleNamespace(record=record)


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
