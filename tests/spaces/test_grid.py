"""Grids, by hand and trained."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.train import Status
from tests.sweeps.kept import small, sweep

SPACE = {
    "act": dl.Static(["relu", None, 3]),
    "beta": dl.OneMinusLogUniform(0.9, 0.999),
    "constant": 0.5,
    "l2": dl.Choice([0.0, 0.1]),
    "rate": dl.LogUniform(1e-4, 1.0),
    "units": dl.IntUniform(1, 5),
    "width": dl.Uniform(-1.0, 3.0),
}


def test_a_grid_has_every_combination_once_on_each_ranges_own_scale():
    grid = dl.grid(SPACE, 3)
    members = 3 * 3 * 2 * 3 * 3 * 3
    rows = list(zip(*(grid[n] for n in SPACE if n != "constant"), strict=True))
    assert len(rows) == len(set(rows)) == members
    expected = {
        "beta": [0.9, 0.99, 0.999], "l2": [0, 0.1], "rate": [1e-4, 1e-2, 1],
        "units": [1, 3, 5], "width": [-1, 1, 3],
    }  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(np.unique(grid[name]), values, rtol=1e-12)
    assert set(grid["act"]) == {"relu", None, 3}
    assert grid["constant"] == 0.5


def test_a_range_of_integers_has_each_at_most_once():
    assert dl.grid({"n": dl.IntUniform(1, 3)}, 10)["n"].tolist() == [1, 2, 3]


def test_ints_on_a_log_scale_are_rounded_to_the_next():
    # 1, 10^0.75 = 5.6, 10^1.5 = 31.6, 10^2.25 = 177.8, 1000
    grid = dl.grid({"n": dl.IntLogUniform(1, 1000)}, np.int64(5))
    assert grid["n"].tolist() == [1, 6, 32, 178, 1000]
    assert dl.grid({"n": dl.IntLogUniform(1, 3)}, 10)["n"].tolist() == [1, 2, 3]


def test_a_grid_is_a_space_and_its_members_are_trained(digits):
    def recipe(hp):
        return small(hp["rest"])._replace(batch_size=hp["size"])

    rest = {"rate": dl.LogUniform(1e-3, 1e-1), "constant": 0.9}
    grid = dl.grid({"rest": rest, "size": dl.Static([64, 128])}, 2)
    result = sweep(recipe, grid, digits, members=4, epochs=1)
    assert result.hparams["size"].tolist() == [64, 128, 64, 128]
    rates = result.hparams["rest"]["rate"]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-1, 1e-1], rtol=1e-6)
    assert result.member(1).hparams["size"] == 128
    assert (result.status == Status.FINISHED).all()


@pytest.mark.parametrize(
    ("space", "points", "message"),
    [
        (SPACE, 1, "got points=1"),
        (SPACE, 2.5, "got points=2.5"),
        (SPACE, True, "got points=True"),
        (SPACE, 10**30, "got points=10+; expected at most 65536"),
        ({"a": 1, "b": 0.5}, 3, "without a distribution"),
        (SPACE | {"given": np.ones(3)}, 3, "space with an array"),
    ],
)
def test_grids_that_cannot_be_are_refused(space, points, message):
    with pytest.raises(SpaceError, match=message):
        dl.grid(space, points)
