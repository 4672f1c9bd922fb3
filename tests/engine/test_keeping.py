"""Which configurations are the best, by hand; sweeps are in tests/sweeps."""

import numpy as np
import pytest

from jaxdl.engine.keeping import best_of

NAN = np.nan


@pytest.mark.parametrize(
    ("error", "loss", "v", "keep", "best"),
    [
        ([0.3, 0.1, 0.2], [1, 1, 1], 1, 2, [1, 2]),
        ([0.2, 0.2, 0.2], [3, 1, 2], 1, 2, [1, 2]),  # ties by loss
        ([0.2, 0.2, 0.1], [1, 1, 1], 1, 2, [2, 0]),  # then by number
        ([NAN, 0.9, 0.5], [NAN, 1, 1], 1, 3, [2, 1, 0]),  # diverged: last
        ([0.1, 0.5, 0.2, 0.2], [1, 1, 1, 1], 2, 1, [1]),  # means 0.3 and 0.2
        ([0.1, NAN, 0.9, 0.9], [1, NAN, 1, 1], 2, 1, [1]),
        ([0.1, 0.2], [1, 1], 1, 9, [0, 1]),
    ],
)
def test_the_best_have_the_lowest_mean_score(error, loss, v, keep, best):
    standing = {"dev_error": np.array(error), "dev_loss": np.array(loss, float)}
    assert best_of(standing, "error", v, keep).tolist() == best


def test_several_objectives_rank_in_turn_then_the_loss():
    standing = {
        "dev_error": np.array([0.1, 0.1, 0.1, 0.2, 0.0, 0.0]),
        "parameters": np.array([9.0, 5.0, 5.0, 1.0, NAN, 1.0]),
        "dev_loss": np.array([0.0, 3.0, 2.0, 0.0, 0.0, np.inf]),
    }
    best = best_of(standing, ("error", "parameters"), 1, 6)
    assert best.tolist() == [2, 1, 0, 3, 4, 5]


def test_a_metric_of_the_recipe_may_be_better_if_larger():
    standing = {"dev_auc": np.array([0.5, 0.9, 0.7]), "dev_loss": np.zeros(3)}
    assert best_of(standing, "-auc", 1, 2).tolist() == [1, 2]
