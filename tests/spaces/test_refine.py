"""From coarse to fine, by hand and end to end."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError

KEY = jax.random.key(0)
SPACE = {
    "act": dl.Static(["relu", None, 3]),
    "beta": dl.OneMinusLogUniform(0.9, 0.999),
    "constant": 0.5,
    "l2": dl.Choice([0.0, 0.1]),
    "rate": dl.LogUniform(1e-4, 1.0),
    "neurons": dl.IntLogUniform(1, 1000),
    "units": dl.IntUniform(1, 5),
    "width": dl.Uniform(-1.0, 3.0),
}


def test_ranges_shrink_to_the_best_by_hand():
    hparams = {
        "act": np.array(["relu", None, 3, None, "relu"], object),
        "beta": np.float32([0.9, 0.99, 0.95, 0.999, 0.9]),
        "constant": np.full(5, 0.5, np.float32),
        "l2": np.float32([0, 0.1, 0.1, 0.1, 0]),
        "neurons": np.int32([1, 8, 32, 128, 9]),
        "rate": np.float32([1e-4, 1e-2, 1e-2, 1e-1, 1]),
        "units": np.int32([1, 2, 3, 2, 5]),
        "width": np.float32([-1, 0.5, 1, 1.5, 3]),
    }
    scores = [np.nan, 0.1, 0.3, 0.2, 0.9]  # the best are members 1, 3 and 2
    narrow = dl.refine(SPACE, hparams, scores, 3)
    assert narrow["act"] == dl.Static([None, 3])
    assert narrow["constant"] == 0.5
    assert narrow["l2"] == dl.Choice([0.1])
    # r from -2 to -1, widened by 1/2 on either side
    ends = np.log10([narrow["rate"].low, narrow["rate"].high])
    np.testing.assert_allclose(ends, [-2.5, -0.5], rtol=1e-6)
    # 8 to 128, widened by the ratio of 4 that lies between two of three
    assert narrow["neurons"] == dl.IntLogUniform(2, 512)
    # 2 to 3, widened by 1/2 and rounded outwards
    assert narrow["units"] == dl.IntUniform(1, 4)
    # 0.5 to 1.5, widened by 1/2
    np.testing.assert_allclose([narrow["width"].low, narrow["width"].high], [0, 2])
    # log10(1 - β) from -3 to -1.3, widened by 0.85 and cut at the old ends
    ends = np.array([narrow["beta"].low, narrow["beta"].high])
    wide = np.log10(1 - 0.95) + np.log10(0.05 / 0.001) / 2
    np.testing.assert_allclose(ends, [max(0.9, 1 - 10**wide), 0.999], rtol=1e-4)


@pytest.mark.parametrize("name", [n for n in SPACE if n != "constant"])
def test_a_refined_range_lies_within_the_old_and_holds_the_best(name):
    space = {name: SPACE[name]}
    drawn = dl.sample(KEY, space, 200)
    scores = np.random.default_rng(0).normal(size=200)
    narrow = dl.refine(space, drawn, scores, 20)
    best = drawn[name][np.argsort(scores)[:20]]
    again = dl.sample(jax.random.key(1), narrow, 500)[name]
    old = dl.sample(jax.random.key(1), space, 500)[name]
    if name in ("act", "l2"):
        assert set(again) == set(best) <= set(old)
    else:
        assert narrow[name].low >= SPACE[name].low * (1 - 1e-6) - 1e-6
        assert narrow[name].high <= SPACE[name].high * (1 + 1e-6)
        assert narrow[name].low <= best.min() * (1 + 1e-6)
        assert narrow[name].high >= best.max() * (1 - 1e-6)


def test_equal_values_leave_one_choice():
    hparams = {"rate": np.full(4, 0.01, np.float32), "n": np.full(4, 2)}
    space = {"rate": dl.LogUniform(1e-4, 1.0), "n": dl.IntUniform(1, 3)}
    narrow = dl.refine(space, hparams, np.arange(4), 3)
    assert narrow["n"] == dl.Choice([2])
    np.testing.assert_allclose(narrow["rate"].options, [0.01], rtol=1e-6)


def test_rounds_close_in_on_the_best_rate():
    space = {"rate": dl.LogUniform(1e-6, 1e2), "noise": dl.Uniform(0.0, 1.0)}
    for i in range(4):
        drawn = dl.sample(jax.random.key(i), space, 64)
        scores = np.abs(np.log10(drawn["rate"]) + 2)  # lowest at 0.01
        space = dl.refine(space, drawn, scores, 8)
    assert 0.005 < space["rate"].low < 0.01 < space["rate"].high < 0.02
    assert space["noise"].high - space["noise"].low > 0.2  # what does not matter


@pytest.mark.parametrize(
    ("scores", "keep", "message"),
    [
        ([1, 2, np.nan], 3, "got keep=3 with 2 finite scores"),
        ([1, 2, 3], 1, "got keep=1"),
        ([1, 2, 3], True, "got keep=True"),
    ],
)
def test_too_few_members_are_refused(scores, keep, message):
    space = {"rate": dl.LogUniform(1e-4, 1.0)}
    drawn = dl.sample(KEY, space, 3)
    with pytest.raises(SpaceError, match=message):
        dl.refine(space, drawn, scores, keep)
    with pytest.raises(SpaceError, match=r"\['beta'\]; expected.*\['rate'\]"):
        dl.refine(space, {"beta": drawn["rate"]}, [1, 2, 3], 2)


def test_the_number_of_the_best_may_be_one_of_numpy():
    space = {"rate": dl.LogUniform(1e-4, 1.0)}
    drawn = dl.sample(KEY, space, 9)
    one, other = (dl.refine(space, drawn, np.arange(9), k) for k in (4, np.int64(4)))
    assert one == other
