"""Sizes, and the bounds of their programs, from the space alone."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError


def padding(dist):
    """Returns computed over live units, each size of a range alike, and the bounds."""
    bounds = dl.AsSize(dist).all_bounds()
    sizes = np.arange(dist.low, dist.high + 1)
    computed = [min(b for b in bounds if b >= size) for size in sizes]
    return sum(computed) / sizes.sum(), bounds


@pytest.mark.parametrize(("low", "high"), [(1, 50), (16, 256), (100, 110), (1, 4)])
def test_bounds_leave_little_padding(low, high):
    share, bounds = padding(dl.IntUniform(low, high))
    assert share <= 1.25
    assert bounds[-1] == high
    assert len(bounds) <= 8


def test_bounds_by_hand():
    assert dl.AsSize(dl.IntUniform(100, 110)).all_bounds() == (110,)
    # 10 live of 16 computed with one bound, of 2 + 2 + 4 + 4 with two
    assert dl.AsSize(dl.IntUniform(1, 4)).all_bounds() == (2, 4)
    assert dl.AsSize(dl.Choice([8, 64])).all_bounds() == (8, 64)
    assert dl.AsSize(np.array([3, 3, 3, 3])).all_bounds() == (3,)


@pytest.mark.parametrize(
    "values", [dl.Uniform(1, 2), dl.Choice([1.5]), dl.IntUniform(-1, 3), [], "8", 2.5]
)
def test_what_is_no_size(values):
    with pytest.raises(SpaceError, match="IntUniform, .*a Choice of ints"):
        dl.AsSize(values)


def test_asked_bounds_have_about_as_many_draws_each():
    sized = dl.AsSize(dl.IntUniform(1, 8), bounds=2)
    assert sized.all_bounds() == (4, 8) and sized.shares() == (0.5, 0.5)
    assert dl.AsSize(dl.Choice([8, 64]), bounds=5).all_bounds() == (8, 64)


def test_bounds_may_be_given():
    sized = dl.AsSize(dl.IntUniform(1, 8), bounds=[2, np.int64(16)])
    assert sized.all_bounds() == (2, 16) and sized.shares() == (0.25, 0.75)
    assert {type(bound) for bound in sized.bounds} == {int}
    assert sized != dl.AsSize(dl.IntUniform(1, 8)) == dl.AsSize(dl.IntUniform(1, 8))


def test_a_narrowed_size_has_as_many_bounds():
    narrowed = dl.AsSize(dl.IntUniform(1, 64), 3).narrowed(np.array([8, 9, 12]))
    assert narrowed.bounds == 3 and narrowed.values.high < 64


@pytest.mark.parametrize(
    "bounds", [0, -1, 1.5, True, (), (4,), (8, 4), (4, 4, 8), "48"]
)
def test_what_are_no_bounds(bounds):
    with pytest.raises(SpaceError, match="expected how many, or ints in rising .*, 8"):
        dl.AsSize(dl.IntUniform(1, 8), bounds=bounds)
