"""How sure an error is, against SciPy's intervals and against chance itself."""

import numpy as np
import pytest
from scipy.stats import binomtest

from jaxdl.data import Dataset
from jaxdl.diagnose import effective_examples, error_interval

COUNTS = [(0, 10), (1, 10), (10, 10), (11, 360), (50, 100), (3000, 1_000_000)]


@pytest.mark.parametrize(("wrong", "examples"), COUNTS)
def test_the_interval_is_wilson_s(wrong, examples):
    found = error_interval(wrong / examples, examples)
    expected = binomtest(wrong, examples).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose((found.low, found.high), expected, atol=1e-12)


def test_the_standard_error_by_hand():
    found = error_interval([0.1, 0.5, 0.0], [100, 400, 9])
    np.testing.assert_allclose(found.standard_error, [0.03, 0.025, 0.0])
    assert found.high[2] > 0.2  # nine right answers do not make a perfect model


@pytest.mark.parametrize(("rate", "examples"), [(0.03, 360), (0.3, 100), (0.005, 2000)])
def test_equal_models_are_rarely_as_far_apart_as_the_difference(rate, examples):
    draws = np.random.default_rng(0).binomial(examples, rate, (2, 100_000)) / examples
    shown = error_interval(rate, examples).difference
    share = np.mean(np.abs(draws[0] - draws[1]) > shown)
    assert 0.03 < share < 0.055  # 5 %, and less where few errors are possible


def test_a_rate_that_is_unknown_stays_unknown():
    assert np.isnan(error_interval(np.nan, 10).low)


@pytest.mark.parametrize(("error", "examples"), [(1.2, 9), (-0.1, 9), (0.1, 0)])
def test_what_is_no_rate_or_no_examples_is_refused(error, examples):
    with pytest.raises(ValueError, match="expected rates between 0 and 1"):
        error_interval(error, examples)


def test_weights_lessen_how_many_examples_there_are():
    inputs, labels = np.zeros((4, 1)), np.zeros(4, int)
    assert effective_examples(Dataset(inputs, labels)) == 4
    assert effective_examples(Dataset(inputs, labels, np.full(4, 0.3))) == 4
    weights = np.array([1, 1, 0, 0.0])
    assert effective_examples(Dataset(inputs, labels, weights)) == 2
    assert effective_examples(
        Dataset(inputs, labels, np.array([2, 1, 1, 0]))
    ) == pytest.approx(16 / 6)
