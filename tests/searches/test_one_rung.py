"""Searches of one rung: they differ in what they draw."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.searches import random
from jaxdl.spaces import SpaceError
from tests.searches.conftest import KEY, SPACE, play, spans


@pytest.mark.parametrize(
    ("search", "members", "epochs", "expected"),
    [
        (random(), 4, 5, [[(4, 5)]]),
        (dl.sobol(), 4, 5, [[(4, 5)]]),
        (dl.portfolio(), 4, 5, [[(4, 5)]]),
        (dl.grid_search(3), 6, 5, [[(6, 5)]]),
    ],
)
def test_rungs(search, members, epochs, expected):
    assert spans(play(search, members, epochs, np.arange(members))) == expected


def test_random_search_draws_as_sample_does():
    (rung,) = play(random(), 7, 1, np.zeros(7))
    jax.tree.map(np.testing.assert_array_equal, rung.hparams, dl.sample(KEY, SPACE, 7))


def test_grid_search_trains_the_grid():
    (rung,) = play(dl.grid_search(3), 6, 1, np.zeros(6))
    grid = dl.grid(SPACE, 3)
    np.testing.assert_allclose(rung.hparams["rate"], grid["rate"], rtol=1e-6)
    assert rung.hparams["kind"].tolist() == grid["kind"].tolist()


def test_sobol_fills_every_cell_and_ids_keep_their_points():
    space = {"x": dl.Uniform(0, 1), "l2": 0.5, "y": dl.Uniform(0, 1)}
    (rung,) = play(dl.sobol(), 64, 1, np.zeros(64), space)
    (few,) = play(dl.sobol(), 5, 1, np.zeros(5), space)
    x, y = rung.hparams["x"], rung.hparams["y"]
    # A Sobol sequence has one of 2^6 points in every box of that volume.
    cells = set(zip(np.floor(8 * x), np.floor(8 * y), strict=True))
    assert len(cells) == len(set(np.floor(64 * x))) == 64
    np.testing.assert_array_equal(few.hparams["x"], x[:5])
    other = next(dl.sobol()(jax.random.key(1), space, 64, 1)).hparams["x"]
    assert (other != x).all()


def test_sobol_draws_every_distribution():
    space = {"n": dl.IntLogUniform(1, 15), "c": dl.Choice([1, 2]), "s": SPACE["kind"]}
    (rung,) = play(dl.sobol(), np.int64(64), 1, np.zeros(64), space)
    # One of 2^6 points in each 64th of an axis: a quarter in each doubling of n.
    doublings = np.bincount(np.floor(np.log2(rung.hparams["n"])).astype(int))
    assert doublings.tolist() == [16, 16, 16, 16]
    assert np.bincount(rung.hparams["c"]).tolist() == [0, 32, 32]
    assert (rung.hparams["s"] == "a").sum() == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.grid_search(1), "points=1"),
        (lambda: play(dl.grid_search(3), 5, 5, []), "members=5 .* combinations, 6"),
        (lambda: play(dl.sobol(), 0, 5, []), "members=0"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()
