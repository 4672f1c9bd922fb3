"""What a sweep makes of the rungs that a search asks for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.searches import ranking
from jaxdl.searches.rungs import Rung, check_rung
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.searches.conftest import same_bits, sweep

FINISHED, CUT_SHORT = Status.FINISHED, Status.CUT_SHORT


def test_a_member_with_a_parent_copies_its_weights(recipe, space, digits, whole):
    """Two rungs by hand: member 0 continues, and member 1 copies member 0."""

    def search(key, space, members, epochs):
        hparams = dl.sample(key, space, members)
        ids = np.arange(members)
        yield Rung(ids, hparams, np.full(members, 2))
        same = jax.tree.map(lambda x: np.repeat(x[:1], members), hparams)
        parents = np.zeros(members, int)
        yield Rung(ids, same, np.full(members, 2), parents)  # trains nothing
        yield Rung(ids[:1], jax.tree.map(lambda x: x[:1], same), np.full(1, 4))

    result = sweep(recipe, space, digits, members=3, search=search)
    same_bits(result.member(0), whole.member(0))
    same_bits(result.member(1), result.member(2))
    assert result.status.tolist() == [
        Status.FINISHED,
        Status.CUT_SHORT,
        Status.CUT_SHORT,
    ]
    expected = result.metrics["dev_error"][0, :2]
    np.testing.assert_array_equal(result.metrics["dev_error"][1, :2], expected)
    rates = jax.tree.leaves(result.hparams)[0]
    assert (rates == rates[0]).all()


def test_a_member_that_a_search_leaves_out_is_reported(recipe, space, digits):
    def lazy(key, space, members, epochs):
        yield Rung(np.arange(2), dl.sample(key, space, 2), np.full(2, 1))

    result = sweep(recipe, space, digits, members=3, epochs=1, search=lazy)
    assert result.status.tolist() == [
        Status.FINISHED,
        Status.FINISHED,
        Status.CUT_SHORT,
    ]
    assert int(result.ranking()[-1]) == 2
    with pytest.raises(ValueError, match="member 2 never trained"):
        result.member(2)


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        (
            Rung([0, 3], {}, np.full(2, 2)),
            "member 3; expected ids from 0 to 2, each on",
        ),
        (Rung([0, -1], {}, np.full(2, 2)), "member -1; expected ids from 0 to 2"),
        (Rung([1, 1], {}, np.full(2, 2)), "member 1; expected ids .* each once"),
        (Rung([0, 1], {}, "x"), r"until='x'; expected ints \[n\] each"),
        (Rung([0, 1], {}, np.full(2, 2.5)), r"until=.*; expected ints \[n\] each"),
        (Rung([0.0, 1.0], {}, np.full(2, 2)), r"members=.*; expected ints \[n\] each"),
        (Rung([0, 1], {}, np.full(3, 2)), r"until=.*; expected ints \[n\] each"),
        (Rung([0, 1], {}, np.array([1, 5])), "5 epochs; expected at most 4"),
        (
            Rung([0, 2], {}, np.full(2, 2), np.array([0, -1])),
            "member -1; expected ids from 0 to 2",
        ),
    ],
)
def test_rungs_that_cannot_be_are_refused_before_they_train(rung, message):
    rung = rung._replace(members=np.array(rung.members))
    with pytest.raises(SpaceError, match=message):
        check_rung(rung, 3, 4)


def test_a_sweep_refuses_a_search_that_asks_for_too_much(recipe, space, digits):
    def greedy(key, space, members, epochs):
        hparams = dl.sample(key, space, members)
        yield Rung(np.arange(members), hparams, np.full(members, epochs + 1))

    with pytest.raises(SpaceError, match="5 epochs; expected at most 4"):
        sweep(recipe, space, digits, members=2, search=greedy)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": "8", "search": dl.hyperband(2)}, "got members='8'; expected an"),
        ({"members": 48.0, "search": dl.refinement()}, "got members=48.0; expec"),
        (
            {"search": "halving"},
            "got search='halving'; expected a generator",
        ),
        (
            {"search": dl.halving},
            "expected a generator function of key, space, mem",
        ),
    ],
)
def test_a_sweep_that_makes_no_sense(settings, message, recipe, space, digits):
    with pytest.raises(SpaceError, match=message):
        sweep(recipe, space, digits, **settings)


def test_ranking_puts_what_is_not_finite_last():
    loss = np.array([0.3, np.nan, 0.2, np.inf, 0.1])
    error = np.array([0.1, 0.0, 0.1, 0.0, 0.2])
    assert ranking({"dev_loss": loss, "dev_error": error})[:3].tolist() == [2, 0, 4]


def test_ranking_goes_by_the_score_if_there_is_one():
    error, score = np.array([0.1, 0.2, 0.3]), np.array([np.nan, -0.5, -0.9])
    standing = {"dev_loss": np.ones(3), "dev_error": error}
    assert ranking(standing).tolist() == [0, 1, 2]
    assert ranking(standing | {"score": score}).tolist() == [2, 1, 0]


@pytest.mark.heavy
def test_stopped_members_are_packed_away_and_change_no_bit(recipe, space, digits):
    patient = sweep(recipe, space, digits, patience=1, epochs=8, members=24)
    alone = sweep(recipe, space, digits, patience=1, epochs=8, members=3)
    assert (patient.status == Status.STOPPED).any()
    for i in range(3):
        same_bits(patient.member(i), alone.member(i))
    ended = jnp.isfinite(patient.metrics["dev_loss"]).sum(axis=1)
    assert ended.min() < 8
