"""Curves whose ends are known, extrapolated together."""

import numpy as np
import pytest

from jaxdl.searches.extrapolation import extrapolate

EPOCHS = np.arange(1.0, 21.0)
SHAPES = {
    "power law": EPOCHS**-1.0,
    "slow power law": EPOCHS**-0.5,
    "exponential": np.exp(-EPOCHS / 4),
}


def curves_of(shape, n=40, noise=0.0, seed=0):
    """Returns `n` curves of one shape, and where each ends without the noise."""
    draws = np.random.default_rng(seed)
    ends, drops = draws.uniform(0.1, 0.4, n), draws.uniform(0.2, 0.6, n)
    curves = ends[:, None] + drops[:, None] * (shape - shape[-1])
    return curves + noise * draws.normal(size=curves.shape), ends


def cut(curves, epochs):
    """Returns curves of which curve i has the first `epochs[i]` epochs."""
    seen = np.arange(curves.shape[1]) < np.asarray(epochs)[:, None]
    return np.where(seen, curves, np.nan)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("shift", [0.0, -1.0], ids=["errors", "negative scores"])
def test_short_curves_end_where_the_long_ones_tell(shape, shift):
    curves, ends = curves_of(shape)
    observed = cut(curves + shift, np.where(np.arange(40) < 20, 20, 5))
    found = extrapolate(observed) - shift
    assert np.abs(found - ends)[:20].max() < 0.02
    errors, above = np.abs(found - ends)[20:], (curves[:, 4] - ends)[20:]
    assert errors.mean() < 0.4 * above.mean()


def test_an_end_is_less_sure_the_earlier_it_is_foretold():
    curves, _ = curves_of(SHAPES["power law"], noise=0.01)
    observed = cut(curves, np.repeat([2, 4, 8, 20], 10))
    reach = extrapolate(observed, 1.0) - extrapolate(observed, -1.0)
    two, four, eight, all_of_them = reach.reshape(4, 10).mean(axis=1)
    assert two > four > eight > all_of_them > 0


def test_most_ends_lie_within_two_standard_deviations():
    curves, ends = curves_of(SHAPES["power law"], n=200, noise=0.01)
    curves, ends = curves - 1, ends - 1  # negative scores, whose noise is as modelled
    observed = cut(curves, np.tile([3, 6, 10, 20], 50))
    low, high = (extrapolate(observed, sign * 2.0) for sign in (-1, 1))
    inside = (low <= ends) & (ends <= high)
    assert 0.9 < inside.mean() < 1


def test_curves_that_cross_are_put_in_the_order_of_their_ends():
    """One is better now and flat, the other falls: so did others before."""
    fast, slow = 0.3 + 0.0 * EPOCHS, 0.1 + 0.8 / EPOCHS
    known = np.stack([level + 0.8 / EPOCHS for level in np.linspace(0.05, 0.3, 8)])
    flat = np.stack([np.full(20, level) for level in np.linspace(0.2, 0.5, 8)])
    curves = np.concatenate([known, flat, [fast], [slow]])
    observed = cut(curves, [*[20] * 16, 3, 3])
    assert observed[-1, 2] > observed[-2, 2]
    ends = extrapolate(observed)
    assert ends[-1] < ends[-2]


@pytest.mark.parametrize(
    "scores",
    [[[0.5, np.nan]], [[0.5, 0.4, np.nan], [0.5, 0.4, np.nan]],
     [[0.0, 0.0], [0.0, np.nan]], [[1e30, np.nan], [0.1, 0.1]]],
    ids=["one", "equal", "zero", "far"],
)  # fmt: skip
def test_few_and_odd_curves_have_ends(scores):
    assert np.isfinite(extrapolate(np.array(scores))).all()


def test_a_scale_changes_nothing_but_the_scale():
    curves, _ = curves_of(SHAPES["power law"], noise=0.01)
    observed = cut(curves, np.tile([3, 6, 10, 20], 10))
    ends = extrapolate(observed)
    np.testing.assert_allclose(extrapolate(1000 * observed), 1000 * ends, rtol=1e-6)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_allclose(extrapolate(observed[order]), ends[order], rtol=1e-6)
