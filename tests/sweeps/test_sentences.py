"""What is said of the errors of a model, of numbers by hand."""

import pytest
from scipy.stats import binomtest

from jaxdl.diagnose import Baseline, bias_variance, error_interval
from jaxdl.sweeps.sentences import sentences
from jaxdl.sweeps.summary import Errors

RATES = Errors(
    0.01, 0.03, 0.04, 100, bias_variance(0.01, 0.03), dev_examples=1000,
    dev_interval=error_interval(0.03, 1000), test_interval=error_interval(0.04, 100),
    baseline=Baseline(0.9, "the most frequent class"),
)  # fmt: skip
PRICES = Errors(
    7e9, 6.1e9, 6.3e9, 100, None, dev_examples=1000, r2=0.05,
    baseline=Baseline(6.4e9, "the mean of the train labels"),
)  # fmt: skip


def test_rates_have_their_intervals():
    _, certainty, baseline = sentences(RATES)
    dev, test = (
        binomtest(k, m).proportion_ci(method="wilson")
        for k, m in ((30, 1000), (4, 100))
    )
    assert f"dev error {dev.low:.2%} to {dev.high:.2%} on 1,000 examples" in certainty
    assert f"test error {test.low:.2%} to {test.high:.2%} on 100;" in certainty
    assert "about 1.5 points apart" in certainty  # 1.96 sqrt(2 · .031 · .969 / 1002)
    assert baseline == (
        "Baseline: the most frequent class as a constant has 90.00% dev error."
    )


@pytest.mark.parametrize("errors", [RATES, PRICES])
def test_the_two_kinds_of_train_error_are_told_apart(errors):
    """A table beside them has the mean over an epoch under the same name."""
    assert sentences(errors)[0] == (
        "These are errors of the trained model; train_error of an epoch is a mean over "
        "its batches, with dropout and changing weights."
    )


def test_a_regression_has_r_squared():
    assert sentences(PRICES)[1:] == [
        "Baseline: the mean of the train labels as a constant has 6.4e+09 dev error; "
        "R² on the dev set is 0.05."
    ]


@pytest.mark.parametrize("error", [6.4e9, 7e9, float("nan")])
def test_a_model_that_learned_nothing_is_named(error):
    *_, worthless = sentences(PRICES._replace(dev_error=error))
    assert worthless.startswith("The model is no better than this constant")


def test_the_human_error_is_named_where_it_counts_and_where_it_does_not():
    *_, human = sentences(RATES._replace(human_error=0.005))
    assert human == "Bias is counted from a human-level error of 0.50%."
    *_, human = sentences(PRICES._replace(human_error=0.005))
    assert human.startswith("The human-level error has no effect here")


def test_without_data_there_is_nothing_to_say():
    assert sentences(Errors(0.1, 0.2, None, 0, bias_variance(0.1, 0.2))) == []
