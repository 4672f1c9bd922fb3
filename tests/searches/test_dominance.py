"""Fronts by the definition, pair by pair; and the order within a front, by hand."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.searches import dominance, ranking
from tests.searches.conftest import KEY, SPACE, play

NAN = np.nan


def by_pairs(rows):
    """Returns the fronts, peeled off one after another by comparing all pairs."""
    found = np.full(len(rows), -1)
    left = [i for i in range(len(rows)) if not np.isnan(rows[i]).any()]
    number = 0
    while left:
        first = [
            i for i in left
            if not any(
                (rows[j] <= rows[i]).all() and (rows[j] < rows[i]).any() for j in left
            )
        ]  # fmt: skip
        found[first] = number
        left, number = [i for i in left if i not in first], number + 1
    return np.where(found < 0, number, found)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_fronts_are_those_of_all_pairs(objectives):
    random = np.random.default_rng(objectives)
    for _ in range(40):
        rows = random.integers(0, 6, (random.integers(0, 30), objectives)).astype(float)
        rows[random.random(rows.shape) < 0.05] = NAN
        expected = by_pairs(rows)
        np.testing.assert_array_equal(dominance.fronts(rows), expected)
        order = dominance.order(rows, np.zeros(len(rows)))
        assert sorted(order) == [*range(len(rows))]
        assert (np.diff(expected[order]) >= 0).all()


def test_a_front_begins_with_the_lowest_score_and_spreads():
    """Five of one front; ranks 0 to 4 in each objective, so distances are of ranks."""
    front = np.array([[0.5, 1.0], [0.1, 1e6], [0.3, 1e3], [0.2, 1e5], [0.4, 1e2]])
    assert dominance.order(front, np.zeros(5)).tolist() == [1, 0, 2, 3, 4]


def test_ties_go_by_the_other_objectives_then_the_loss_then_the_id():
    rows = np.array([[0.1, 5.0], [0.1, 3.0], [0.1, 3.0], [0.1, 3.0]])
    assert dominance.order(rows, np.array([0.0, 2.0, 1.0, 1.0])).tolist() == [
        2,
        3,
        1,
        0,
    ]


def one_by_one(rows):
    """Returns the spread of a front by its definition, row after row."""
    left, order = sorted(range(len(rows)), key=lambda i: (*rows[i], i)), []
    ranks = [[sum(other[k] < row[k] for other in rows) for k in (0, 1)] for row in rows]
    while left:
        far = [
            min((max(abs(a - b) for a, b in zip(ranks[i], ranks[j], strict=True))
                 for j in order), default=0)
            for i in left
        ]  # fmt: skip
        order.append(left.pop(far.index(max(far))))
    return order


def test_rows_that_equal_others_come_after_the_spread():
    random = np.random.default_rng(0)
    for _ in range(20):
        first = random.integers(0, 8, 20).astype(float)
        rows = np.stack([first, 8 - first], axis=1)
        assert dominance.order(rows, np.zeros(20)).tolist() == one_by_one(rows)


def test_equal_rows_and_a_large_front_take_little_time():
    rows = np.zeros((60_000, 2))
    assert dominance.order(rows, -np.arange(60_000.0))[0] == 59_999
    first = np.arange(20_000.0)
    order = dominance.order(np.stack([first, -first], axis=1), np.zeros(20_000))
    assert order[:3].tolist() == [0, 19_999, 9_999] and len(set(order)) == 20_000
    assert (np.diff(order[1_000:]) > 0).all()


def standing(errors, sizes, loss=None):
    errors, sizes = np.array(errors, float), np.array(sizes, float)
    return {
        "dev_error": errors, "score": errors, "parameters": sizes,
        "dev_loss": errors if loss is None else np.array(loss, float),
        "objectives": np.stack([errors, sizes], axis=1),
    }  # fmt: skip


def test_what_is_unknown_ranks_last_and_dominates_nothing():
    """Member 0 has no loss, member 1 no error; both would dominate all others."""
    known = standing([0.0, NAN, 0.3, 0.2], [1, 1, 3, 4], loss=[np.inf, 0.1, 0.3, 0.2])
    assert ranking(known).tolist() == [3, 2, 1, 0]


def follow(search, members, epochs, errors, sizes):
    """Returns the members of each rung of a search with two objectives."""
    asking = search(KEY, SPACE, members, epochs)
    rungs = [next(asking)]
    while True:
        ids = rungs[-1].members
        try:
            rungs.append(asking.send(standing(errors[ids], sizes[ids])))
        except StopIteration:
            return [rung.members.tolist() for rung in rungs]


ERRORS = np.array([0.9, 0.1, 0.2, 0.5, 0.15, 0.6, 0.7, 0.8])
SIZES = np.array([1.0, 80, 70, 50, 90, 60, 75, 2])


def test_halving_keeps_both_ends_of_the_front():
    """By hand: 0, 7, 3, 2 and 1 are the front; 4, 5 and 6 are dominated."""
    rungs = follow(dl.halving(2), 8, 8, ERRORS, SIZES)
    # lowest error 1, farthest from it 0, then the middle 3, then 2 (a tie with 7)
    assert rungs == [[*range(8)], [0, 1, 2, 3], [0, 1], [1]]
    alone = play(dl.halving(2), 8, 8, ERRORS)
    assert alone[1].members.tolist() == [1, 2, 3, 4]


def test_hyperband_goes_by_both():
    expected = follow(dl.halving(2, first=1), 8, 8, ERRORS, SIZES)
    rungs = follow(dl.hyperband(2), 24, 8, np.tile(ERRORS, 3), np.tile(SIZES, 3))
    both = follow(dl.hyperband(2), 24, 8, np.tile(ERRORS, 3), np.ones(24))
    assert len(rungs) == len(expected) and rungs[1] != both[1]


def test_population_based_training_goes_by_the_first():
    asking = dl.pbt(1)(KEY, SPACE, 8, 2)
    next(asking)
    rung = asking.send(standing(ERRORS, SIZES))
    changed = np.flatnonzero(rung.parents != rung.members)
    assert changed.tolist() == [0, 7] and set(rung.parents[changed]) <= {1, 4}
