"""Draws from a space: what each leaf gives, and what no draw depends on."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.spaces.contract import Distribution

KEY = jax.random.key(0)
DRAWN = {
    "act": dl.Static(["relu", None, 3]),
    "constant": 0.5,
    "l2": dl.Choice([0.0, 0.1]),
    "rate": dl.LogUniform(1e-4, 1.0),
    "units": dl.IntUniform(1, 5),
}


def draw(leaf, members, key=KEY):
    return dl.sample(key, {"x": leaf}, members)["x"]


def test_types_are_those_of_the_programs():
    types = [draw(x, 3).dtype for x in (dl.Uniform(0, 1), dl.IntUniform(0, 9), 0.5, 7)]
    assert types == [np.float32, np.int32, np.float32, object]


class Inner(NamedTuple):
    beta: float
    name: str


def test_any_pytree_is_a_space_and_keeps_its_shape():
    space = {"inner": Inner(dl.Uniform(0, 1), "adam"), "list": [1, None, True, 0.5]}
    drawn = dl.sample(KEY, space, 5)
    assert isinstance(drawn["inner"], Inner)
    assert drawn["inner"].name.tolist() == ["adam"] * 5
    assert [x.tolist() for x in drawn["list"]] == [[1] * 5, [None] * 5, [True] * 5,
                                                   [0.5] * 5]  # fmt: skip


def test_a_draw_moves_neither_with_members_nor_with_other_fields():
    few = dl.sample(KEY, {"b": dl.Uniform(0, 1)}, 3)["b"]
    many = dl.sample(KEY, {"a": dl.Uniform(0, 1), "b": dl.Uniform(0, 1)}, 300)
    np.testing.assert_array_equal(few, many["b"][:3])
    assert abs(np.corrcoef(many["a"], many["b"])[0, 1]) < 0.25
    other = dl.sample(jax.random.key(1), {"b": dl.Uniform(0, 1)}, 3)["b"]
    assert (few != other).all()


@pytest.mark.parametrize("array", [np.array([1e-3, 1e-2, 1e-1]), jnp.array([1, 2, 3])])
def test_an_array_of_members_is_used_as_given(array):
    np.testing.assert_array_equal(draw(array, 3), np.float32(array))
    with pytest.raises(SpaceError, match="array of 4, one for each member"):
        draw(array, 4)


def test_static_values_of_numpy_reach_the_recipe_as_plain_ones():
    given = np.array([np.int64(3), None, np.str_("a")], object)
    assert [type(x) for x in draw(given, 3)] == [int, type(None), str]
    with pytest.raises(SpaceError, match="array of 4, one for each member"):
        draw(given, 4)


def test_hyperparameters_of_a_sweep_are_a_space_themselves():
    drawn = dl.sample(KEY, DRAWN, 20)
    again = dl.sample(jax.random.key(1), drawn, 20)
    jax.tree.map(np.testing.assert_array_equal, drawn, again)
    with pytest.raises(SpaceError, match="array of 19, one for each member"):
        dl.sample(KEY, drawn, 19)


def test_an_array_of_anything_else_is_refused():
    functions = np.array([len, max], object)
    with pytest.raises(SpaceError, match="expected str, int, float, bool or None"):
        dl.sample(KEY, {"f": functions}, 2)


@pytest.mark.parametrize("leaf", [object(), len, np.array([1j, 2j])])
def test_a_leaf_that_is_nothing_known_is_refused(leaf):
    with pytest.raises(SpaceError, match="the space has x="):
        draw(leaf, 2)


@pytest.mark.parametrize("members", [0, -3, 2.0, True, np.int64(0), "3"])
def test_members_are_at_least_one(members):
    with pytest.raises(SpaceError, match="got members="):
        draw(0.5, members)


def test_members_may_be_a_number_of_numpy():
    few = draw(dl.Uniform(0, 1), np.int64(4))
    np.testing.assert_array_equal(few, draw(dl.Uniform(0, 1), 4))


@pytest.mark.parametrize(
    "leaf",
    [dl.Choice([2**40]), np.array([4_000_000_000, 1], np.uint32), 1e300,
     dl.LogUniform(1e-60, 1e-50), dl.Uniform(1e40, 1e41), 1e-40,
     # An end, or an option, that no member draws here.
     dl.LogUniform(1e-60, 1e-1), dl.Uniform(0, 1e40), dl.Choice([0.0, 1e40, 2.0]),
     dl.AsSize(dl.Choice([1, 2**40, 2]))],
)  # fmt: skip
def test_a_number_that_the_programs_cannot_hold_is_refused(leaf):
    with pytest.raises(SpaceError, match="x=.*; expected numbers that .*32 can hold"):
        dl.sample(KEY, {"x": leaf}, 2)


def test_an_end_that_leaves_its_scale_in_the_programs_is_refused():
    """1 - 1e-9 is 1 in float32: a moving average that never moves."""
    with pytest.raises(SpaceError, match="x=One.*float32 can hold.*becomes 1.0"):
        draw(dl.OneMinusLogUniform(0.9, 1 - 1e-9), 2)
    assert draw(dl.OneMinusLogUniform(0.9, 1 - 1e-6), 2).max() < 1


def test_a_distribution_with_infinite_ends_is_drawn_from():
    @dataclasses.dataclass(frozen=True)
    class Exponential(Distribution):
        mean: float

        def quantile(self, u):
            with np.errstate(divide="ignore"):
                return -self.mean * np.log1p(-u)

        def fraction(self, x):
            return 1 - np.exp(-x / self.mean)

    assert np.isfinite(draw(Exponential(2.0), 9)).all()


def test_names_that_would_draw_the_same_numbers_are_refused():
    """Both have the CRC-32 0x4ddb0c25."""
    pair = {"plumless": dl.Uniform(0, 1), "buckeroo": dl.Uniform(0, 1)}
    with pytest.raises(SpaceError, match="buckeroo and plumless.*rename one"):
        dl.sample(KEY, pair, 3)
    dl.sample(KEY, pair | {"plumless": 0.5}, 3)


@pytest.mark.parametrize("wrap", [lambda x: x, dl.AsSize], ids=["number", "size"])
def test_a_masked_array_is_refused(wrap):
    masked = np.ma.masked_array([1, 2, 3], [False, True, False])
    with pytest.raises(SpaceError, match="a masked array for x"):
        draw(wrap(masked), 3)


def test_numbers_that_are_not_finite_stay_what_they_are():
    given = np.array([np.nan, np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(dl.sample(KEY, {"x": given}, 4)["x"], given)
