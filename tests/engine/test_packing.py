"""Packing: who of the members that still train shares a block after a pause."""

import numpy as np

from jaxdl.engine.layout import Block
from jaxdl.engine.packing import Packing

ALL, NONE = np.ones(4, bool), np.zeros(4, bool)


def block(*members, structure="one", first=0, until=9):
    ids = np.array(members)
    return Block(structure, None, ids, {"rate": ids / 10}, first, until)


def make(pause=3, goals=9):
    """Returns a packing into blocks of 4, which pause every so many epochs."""
    return Packing(4, np.full(100, goals), lambda block: block.first + pause)


def spans(blocks):
    for one in blocks:  # hyperparameters stay beside their members
        np.testing.assert_array_equal(one.traced["rate"], one.members / 10)
    return [(one.members.tolist(), one.first, one.until) for one in blocks]


def test_members_wait_until_a_block_is_full_or_no_other_can_come():
    packing = make()
    first, second, third = map(
        packing.begin, [block(0, 1, 2, 3), block(4, 5, 6, 7), block(8, 9)]
    )
    assert [one.until for one in (first, second, third)] == [3, 3, 3]
    assert packing.after(first, np.array([True, False, True, True])) == []
    assert spans(packing.after(second, np.array([True, True, False, False]))) == [
        ([0, 2, 3, 4], 3, 6)
    ]
    assert spans(packing.after(third, np.array([False, True]))) == [([5, 9], 3, 6)]


def test_a_block_that_is_full_does_not_wait_for_others():
    packing = make()
    first, second = map(packing.begin, [block(0, 1, 2, 3), block(4, 5)])
    (again,) = packing.after(first, ALL)
    assert spans([again]) == [([0, 1, 2, 3], 3, 6)]
    # The others are behind, and join at the next pause.
    assert spans(packing.after(second, np.array([True, False]))) == [([4], 3, 6)]
    assert packing.after(again, np.array([True, False, True, True])) == []


def test_members_that_are_ahead_wait_for_those_behind():
    packing = make()
    ahead, behind = map(packing.begin, [block(0, 1, first=3), block(2, 3)])
    assert packing.after(ahead, ALL[:2]) == []  # at 6
    (one,) = packing.after(behind, ALL[:2])  # at 3
    assert spans(packing.after(one, ALL[:2])) == [([0, 1, 2, 3], 6, 9)]


def test_a_block_at_its_goal_is_done_and_so_is_one_where_nobody_trains():
    packing = make(pause=9)
    first = packing.begin(block(0, 1, 2, 3))
    assert first.until == 9 and packing.after(first, ALL) == []
    packing = make()
    assert packing.after(packing.begin(block(0, 1, 2, 3)), NONE) == []


def test_blocks_that_are_as_far_pause_together():
    """Or their members could not share a block."""
    pauses = iter([2, 5, 7])
    packing = Packing(4, np.full(9, 9), lambda block: next(pauses))
    begun = [packing.begin(block(i)) for i in range(3)]
    assert [one.until for one in begun] == [2, 2, 2]


def test_members_of_other_programs_and_goals_are_never_mixed():
    goals = np.full(20, 9)
    goals[2] = 7
    packing = Packing(4, goals, lambda block: block.first + 3)
    for one in (block(0), block(1, structure="two"), block(2)):
        assert len(packing.after(packing.begin(one), ALL[:1])) == 1
