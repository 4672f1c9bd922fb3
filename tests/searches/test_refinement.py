"""Rounds that close in on the best, by hand."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from tests.searches.conftest import KEY, play, spans

ARRAY = {"x": dl.Uniform(0, 1), "l2": np.ones(24)}


def test_rungs():
    rungs = play(dl.refinement(3, keep=2), 8, 5, np.arange(8))
    assert spans(rungs) == [[(3, 5)], [(3, 5)], [(2, 5)]]


def test_later_rounds_lie_where_the_best_before_them_were():
    space = {"x": dl.Uniform(0, 1)}

    def errors_of(rung):
        return np.abs(rung.hparams["x"] - 0.3)

    asking = dl.refinement(3, keep=4)(KEY, space, 60, 1)
    rung, spread = next(asking), []
    with pytest.raises(StopIteration):
        while True:
            spread.append(np.ptp(rung.hparams["x"]))
            error = errors_of(rung)
            rung = asking.send({"dev_error": error, "dev_loss": error})
    assert spread[0] > 0.8 > 0.6 > spread[1] > spread[2]
    assert abs(np.mean(rung.hparams["x"]) - 0.3) < 0.05


def test_later_rounds_go_by_the_score_if_there_is_one():
    asking = dl.refinement(2, keep=4)(KEY, {"x": dl.Uniform(0, 1)}, 40, 1)
    x = next(asking).hparams["x"]
    standing = {"dev_error": x, "dev_loss": x, "score": np.abs(x - 0.7)}
    assert abs(np.mean(asking.send(standing).hparams["x"]) - 0.7) < 0.15


def test_rounds_keep_the_type_of_options_that_are_floats_and_ints():
    space = {"x": dl.Choice([1, 2, 0.001])}

    asking = dl.refinement(2, keep=2)(KEY, space, 30, 1)
    first = next(asking).hparams["x"]
    error = np.where(first < 1, 1.0, 0.0)
    second = asking.send({"dev_error": error, "dev_loss": error}).hparams["x"]
    assert set(second) <= {1.0, 2.0}
    assert second.dtype == first.dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dl.refinement(1), "rounds=1"),
        (lambda: play(dl.refinement(3), 20, 5, []), "members=20; .* 24"),
        (lambda: play(dl.refinement(2), 24, 5, [], ARRAY), "with an array"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SpaceError, match=message):
        make()
