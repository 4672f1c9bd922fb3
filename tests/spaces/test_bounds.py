"""The bounds of a size: how large its programs are, from the space alone."""

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
