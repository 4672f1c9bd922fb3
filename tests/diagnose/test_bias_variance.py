"""Bias and variance, one model and many."""

import numpy as np
import pytest

from jaxdl.diagnose import bias_variance

CASES = {  # train error, dev error: high bias, high variance, with human error 0
    (0.01, 0.11): (False, True),
    (0.15, 0.16): (True, False),
    (0.15, 0.30): (True, True),
    (0.005, 0.01): (False, False),
}


def test_a_population_is_diagnosed_at_once():
    train, dev = np.array(list(CASES)).T
    diagnosis = bias_variance(train, dev)
    verdicts = list(zip(diagnosis.high_bias, diagnosis.high_variance, strict=True))
    assert verdicts == list(CASES.values())
    assert diagnosis.advice[3] == ()
    assert "more data" in diagnosis.advice[0][0]
    # Bias comes first: its advice leads where both are high.
    assert "bigger network" in diagnosis.advice[2][0]
    assert diagnosis.advice[2] == diagnosis.advice[1] + diagnosis.advice[0][:-1]
    assert diagnosis.advice[1][-1] == diagnosis.advice[0][-1]  # and stands there once


def test_bias_is_relative_to_the_human_error():
    diagnosis = bias_variance(0.15, 0.16, human_error=0.14)
    assert diagnosis.bias == pytest.approx(0.01)
    assert not diagnosis.high_bias and not diagnosis.high_variance


@pytest.mark.parametrize("errors", [(15, 16), (-0.1, 0.2), (np.inf, 0.1)])
def test_rates_are_between_zero_and_one(errors):
    with pytest.raises(ValueError, match="expected rates between 0 and 1"):
        bias_variance(*errors)


def test_diverged_members_have_their_own_advice():
    diagnosis = bias_variance([0.01, np.nan], [0.11, np.nan])
    assert diagnosis.high_variance.tolist() == [True, False]
    assert diagnosis.high_bias.tolist() == [False, False]
    assert "diverged" in diagnosis.advice[1][0]
