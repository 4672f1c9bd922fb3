"""Distributions, spaces, draws, groups and plans."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxdl as dl
from jaxdl.engine.blocks import make_blocks
from jaxdl.engine.layout import groups
from jaxdl.engine.plan import make_plan
from jaxdl.spaces import SpaceError
from jaxdl.spaces.structures import structures
from jaxdl.train import TrainState
from jaxdl.train.outline import Outline

KEY = jax.random.key(0)
DRAWS = 4000
# name: (distribution, scale on which it is uniform, ends of that scale)
SCALES = {
    "uniform": (dl.Uniform(-2.0, 3.0), lambda x: x, (-2, 3)),
    "log": (dl.LogUniform(1e-4, 1.0), np.log10, (-4, 0)),
    "one minus log": (
        dl.OneMinusLogUniform(0.9, 0.999), lambda x: np.log10(1 - x), (-3, -1)
    ),
}  # fmt: skip


def draw(leaf, members=DRAWS, key=KEY):
    return dl.sample(key, {"x": leaf}, members)["x"]


@pytest.mark.parametrize("name", SCALES)
def test_draws_are_uniform_on_their_scale(name):
    leaf, scale, (low, high) = SCALES[name]
    x = scale(draw(leaf).astype(np.float64))
    assert stats.kstest(x, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_half_of_the_betas_lie_above_099():
    assert np.mean(draw(dl.OneMinusLogUniform(0.9, 0.999)) > 0.99) == pytest.approx(
        0.5, abs=0.03
    )


@pytest.mark.parametrize(
    ("leaf", "values"),
    [
        (dl.IntUniform(3, 6), [3, 4, 5, 6]),
        (dl.Choice([0.1, 5.0, 2.0]), [0.1, 2.0, 5.0]),
        (dl.Static(["relu", "tanh", None]), ["relu", "tanh", None]),
    ],
)
def test_choices_are_alike(leaf, values):
    x = draw(leaf).tolist()
    counts = [sum(v == value or v == np.float32(value or 0) for v in x)
              if isinstance(value, float) else sum(v == value for v in x)
              for value in values]  # fmt: skip
    assert sum(counts) == DRAWS
    assert stats.chisquare(counts).pvalue > 1e-3


def test_types_are_those_of_the_programs():
    types = [draw(x, 3).dtype for x in (dl.Uniform(0, 1), dl.IntUniform(0, 9), 0.5, 7)]
    assert types == [np.float32, np.int32, np.float32, object]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.Uniform(1.0, 1.0), "low < high"),
        (lambda: dl.Uniform(2.0, 1.0), "low < high"),
        (lambda: dl.Uniform(0.0, np.inf), "finite bounds"),
        (lambda: dl.Uniform(np.nan, 1.0), "finite bounds"),
        (lambda: dl.LogUniform(0.0, 1.0), "both bounds above 0"),
        (lambda: dl.LogUniform(-1.0, 1.0), "both bounds above 0"),
        (lambda: dl.OneMinusLogUniform(0.9, 1.0), "both bounds below 1"),
        (lambda: dl.IntUniform(5, 4), "low < high"),
        (lambda: dl.IntUniform(1.5, 4), "low=1.5; expected an int"),
        (lambda: dl.IntUniform(0, 2**40), "expected an int of 32 bits"),
        (lambda: dl.Uniform("a", 1), "finite bounds"),
        (lambda: dl.Choice([]), "at least one option"),
        (lambda: dl.Choice(["a", "b"]), r"is Static\(\[...\]\)"),
        (lambda: dl.Static([]), "at least one option"),
        (lambda: dl.Static("relu"), "expected a list"),
        (lambda: dl.Static([[1, 2]]), "map the name to a function"),
    ],
)
def test_distributions_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


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


@pytest.mark.parametrize("leaf", [object(), len, np.array([1j, 2j])])
def test_a_leaf_that_is_nothing_known_is_refused(leaf):
    with pytest.raises(SpaceError, match="the space has x="):
        draw(leaf, 2)


@pytest.mark.parametrize("members", [0, -3, 2.0, True])
def test_members_are_at_least_one(members):
    with pytest.raises(SpaceError, match="got members="):
        draw(0.5, members)


def grouped(space, hparams, until=3):
    return groups(space, hparams, np.arange(50), np.zeros(50, int), np.full(50, until))


def test_members_that_train_different_epochs_are_different_groups():
    space = {"x": dl.Uniform(0, 1)}
    first, until = np.arange(50) % 2, np.arange(50) % 5 + 2
    parts = groups(space, dl.sample(KEY, space, 50), 100 + np.arange(50), first, until)
    assert [(g.first, g.until) for g in parts[:3]] == [(0, 2), (1, 3), (0, 4)]
    assert len(parts) == 10
    assert parts[0].members.tolist() == [100, 110, 120, 130, 140]


def test_members_that_agree_on_static_values_are_a_group():
    space = {"batch": dl.Static([32, 64]), "f": dl.Static([0.1]), "x": dl.Uniform(0, 1)}
    drawn = dl.sample(KEY, space, 50)
    parts = grouped(space, drawn)
    assert len(parts) == 2
    ids = np.sort(np.concatenate([g.members for g in parts]))
    np.testing.assert_array_equal(ids, np.arange(50))
    for group in parts:
        batch, f, _ = group.structure.values
        assert type(batch) is int and type(f) is float
        assert (drawn["batch"][group.members] == batch).all()
        assert list(group.traced) == ["x"]
        np.testing.assert_array_equal(group.traced["x"], drawn["x"][group.members])
    assert {g.structure for g in parts} == set(structures(space, 64))


def test_equal_options_of_different_types_are_different_programs():
    space = {"n": dl.Static([1, True, 1])}
    kinds = {s.kinds for s in structures(space, 64)}
    assert kinds == {(int,), (bool,)}
    parts = grouped(space, dl.sample(KEY, space, 50))
    assert {g.structure for g in parts} == set(structures(space, 64))


def test_too_many_programs_are_refused():
    space = {name: dl.Static(list(range(5))) for name in "abc"}
    with pytest.raises(SpaceError, match="125 combinations of static values"):
        structures(space, 64)


def test_blocks_hold_a_group_each_and_all_members_once():
    space = {"batch": dl.Static([32, 64]), "x": dl.Uniform(0, 1)}
    blocks = make_blocks(grouped(space, dl.sample(KEY, space, 50)), 8)
    assert max(len(b.members) for b in blocks) == 8
    ids = np.sort(np.concatenate([b.members for b in blocks]))
    np.testing.assert_array_equal(ids, np.arange(50))


def outline(floats, saved_bytes=0):
    shape = jax.ShapeDtypeStruct((floats,), np.float32)
    return Outline(
        64, "float32", 10, TrainState(shape, (), (), (), shape), saved_bytes, ""
    )


@pytest.mark.parametrize(
    ("floats", "platform", "width"),
    [
        (10, "cpu", 16), (2**17, "cpu", 16), (2**17 + 1, "cpu", 8), (2**21, "cpu", 1),
        (2**25, "cpu", 1), (10, "gpu", 256), (10, "tpu", 256), (2**22, "gpu", 64),
        (2**29, "gpu", 1),
    ],
)  # fmt: skip
def test_a_block_fits_the_devices_budget(floats, platform, width):
    assert make_plan([outline(5), outline(floats)], platform).block_width == width
    saved = [outline(5), outline(2**4, saved_bytes=4 * (floats - 2**4))]
    assert make_plan(saved, platform).block_width == width
