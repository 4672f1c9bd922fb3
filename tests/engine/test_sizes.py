"""Sizes in a space: bounds from the space alone, and members as large as they say."""

import functools
from typing import NamedTuple

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.engine.layout import groups
from jaxdl.spaces import SpaceError
from jaxdl.spaces.structures import structures

KEY = jax.random.key(0)


class Hparams(NamedTuple):
    learning_rate: float
    units: int
    layers: int
    activation: str


SPACE = Hparams(
    dl.LogUniform(1e-3, 1e-1),
    dl.AsSize(dl.IntUniform(8, 16)),
    dl.AsSize(dl.IntUniform(2, 3)),
    "relu",
)


def recipe(hp):
    activation = {"relu": nn.relu, "sigmoid": nn.sigmoid}[hp.activation]
    hidden = nn.serial(nn.dense(hp.units), activation, nn.dropout(0.9))
    return dl.Recipe(
        model=nn.serial(
            nn.dense(hp.units), nn.batch_norm(), activation,
            nn.repeat(hidden, hp.layers), nn.dense(10),
        ),
        optimizer=optim.adam(hp.learning_rate),
        loss=nn.softmax_cross_entropy,
        penalty=nn.l2(0.01),
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(digits):
    settings = {"key": KEY, "members": 24, "epochs": 2, "progress": False}
    return dl.sweep(recipe, SPACE, digits, **settings)


def padding(dist):
    """Returns computed over live units, each size of a range alike, and the bounds."""
    bounds = dl.AsSize(dist).bounds()
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
    assert dl.AsSize(dl.IntUniform(100, 110)).bounds() == (110,)
    # 10 live of 16 computed with one bound, of 2 + 2 + 4 + 4 with two
    assert dl.AsSize(dl.IntUniform(1, 4)).bounds() == (2, 4)
    assert dl.AsSize(dl.Choice([8, 64])).bounds() == (8, 64)
    assert dl.AsSize(np.array([3, 3, 3, 3])).bounds() == (3,)


@pytest.mark.parametrize(
    "values", [dl.Uniform(1, 2), dl.Choice([1.5]), dl.IntUniform(-1, 3), [], "8", 2.5]
)
def test_what_is_no_size(values):
    with pytest.raises(SpaceError, match="expected IntUniform, a Choice of ints"):
        dl.AsSize(values)


def test_members_are_grouped_by_bound_and_draws_are_those_without_sizes(result):
    plain = SPACE._replace(units=SPACE.units.values, layers=SPACE.layers.values)
    drawn = dl.sample(KEY, plain, 24)
    for name, column in zip(Hparams._fields, result.hparams, strict=True):
        np.testing.assert_array_equal(column, getattr(drawn, name))
    zeros = np.zeros(24, int)
    parts = groups(SPACE, result.hparams, np.arange(24), zeros, zeros + 2)
    possible = set(structures(SPACE, 64))
    assert {g.structure for g in parts} <= possible
    assert len(possible) == len(SPACE.units.bounds()) * len(SPACE.layers.bounds()) == 2
    for group in parts:
        bounds = group.structure.values[1].bound, group.structure.values[2].bound
        assert (group.traced["units"] <= bounds[0]).all()
        assert (group.traced["layers"] <= bounds[1]).all()


def test_a_member_is_trained_as_a_plain_network_of_its_size(digits):
    """Against single runs of plain ints, in float64."""
    with jax.enable_x64(True):
        settings = {"key": KEY, "epochs": 1, "progress": False}
        space = SPACE._replace(layers=1, activation="sigmoid")
        result = dl.sweep(recipe, space, digits, members=2, **settings)
        for i in range(2):
            member = result.member(i)
            hp = Hparams(*(x.item() if isinstance(x, np.generic) else x for x in
                           member.hparams))  # fmt: skip
            first = train.init(recipe, hp, train.member_key(KEY, i), (64,))
            step = jax.jit(functools.partial(train.make_step(recipe), hp))
            state = first
            data = train.on_device(digits.train)
            for order in train.epoch_order(KEY, 0, len(data.inputs), 64):
                state, _ = step(state, jax.tree.map(lambda x, o=order: x[o], data))
            ours, theirs = member.params[0]["kernel"], state.params[0]["kernel"]
            assert ours.shape[1] >= hp.units
            np.testing.assert_allclose(ours[:, : hp.units], theirs, atol=1e-9)
            assert not ours[:, hp.units :].any()


def test_a_member_with_a_size_predicts_and_evaluates(result, digits):
    best = result.best()
    errors = best.evaluate(digits.dev)
    assert errors["error"] == pytest.approx(best.metrics["dev_error"][-1], abs=1e-6)
    assert best.confusion_matrix(digits.dev).sum() == len(digits.dev.inputs)
    assert isinstance(best.hparams.units.item(), int)
    assert "units" in result.table(3)


def test_sizes_can_be_given_refined_and_laid_on_a_grid(digits, result):
    narrow = dl.refine(SPACE, result.hparams, result.final()["dev_error"], 8)
    assert isinstance(narrow.units, dl.AsSize)
    assert 8 <= narrow.units.values.low <= narrow.units.values.high <= 16
    laid = dl.grid(SPACE._replace(learning_rate=0.01), 2)
    assert laid.units.values.tolist() == [8, 8, 16, 16]
    assert laid.layers.values.tolist() == [2, 3, 2, 3]
    settings = {"key": KEY, "epochs": 1, "progress": False}
    again = dl.sweep(recipe, laid, digits, members=4, **settings)
    assert again.hparams.units.tolist() == [8, 8, 16, 16]


def test_outputs_of_a_size_are_refused(digits):
    def grows(hp):
        return recipe(hp)._replace(model=nn.dense(hp.units))

    settings = {"key": KEY, "members": 2, "epochs": 1, "progress": False}
    with pytest.raises(train.RecipeError, match="expected plain sizes"):
        dl.sweep(grows, SPACE, digits, **settings)
