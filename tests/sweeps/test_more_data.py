"""Whether more data helps: verdicts of numbers by hand, and a real curve."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.sweeps import MoreData, more_data
from tests.sweeps.kept import small

PARTS = {"fractions": (0.1, 0.3), "repeats": 2}


def network(hp):
    model = nn.serial(nn.dense(16), nn.relu, nn.dense(10))
    return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)


def found(train, dev, rates=True):
    """Returns errors of two sizes and two repeats."""
    return MoreData(np.array([50, 100]), np.array(train), np.array(dev), rates)


def test_the_rows_are_means_with_standard_errors():
    rows = found([[0.0, 0.2], [0.1, 0.1]], [[0.2, 0.3], [0.2, 0.2]]).rows()
    # s = |a - b| / sqrt(2) of two numbers, over sqrt(2)
    np.testing.assert_allclose(
        rows, [(50, 0.1, 0.1, 0.25, 0.05), (100, 0.1, 0, 0.2, 0)]
    )


def test_a_dev_error_that_still_falls_asks_for_more_data():
    # The falls are .10 and .12: mean .11, standard error .01.
    verdict = found([[0, 0], [0, 0]], [[0.3, 0.32], [0.2, 0.2]]).verdict
    assert verdict == (
        "more data helps: from 50 to 100 examples the dev error goes from 31.00% to "
        "20.00% (standard error of the difference: 1.00%)"
    )


def test_a_fall_within_the_noise_does_not_count():
    # The falls are 0 and .02: mean .01, standard error .01.
    noisy = [[0.2, 0.22], [0.2, 0.2]]
    assert found([[0, 0], [0.1, 0.1]], noisy).verdict.startswith("not clear")
    met = found([[0, 0], [0.19, 0.18]], noisy).verdict
    assert met.startswith("more data will hardly help")
    assert met.endswith("and the train error is 18.50%")


def test_errors_that_are_no_rates_meet_within_their_noise():
    level = [[5e3, 5e3], [5e3, 5.2e3]]
    assert found([[0, 0], [4.9e3, 5e3]], level, rates=False).verdict.startswith(
        "not clear"  # the gaps are 100 and 200: mean 150, standard error 50
    )
    assert found([[0, 0], [4.9e3, 5.2e3]], level, rates=False).verdict.startswith(
        "more data will hardly help"  # 100 and 0
    )


def test_a_training_that_diverged_leaves_the_answer_unknown(digits):
    lost = more_data(small, {"rate": 1e38}, digits, key=0, epochs=4, **PARTS)
    assert lost.verdict == "unknown: 4 of 4 trainings diverged"


@pytest.mark.heavy
def test_digits_have_a_curve_that_falls(digits):
    settings = {"key": 0, "epochs": 12, "fractions": (0.1, 0.3, 1)}
    curve = more_data(network, {"rate": 0.01}, digits, **settings)
    assert curve.examples.tolist() == [108, 323, 1078] and curve.rates
    dev = curve.dev_error.mean(axis=1)
    assert dev[0] > 1.5 * dev[1] > 1.5 * dev[2]
    assert (curve.train_error < curve.dev_error).all()
    assert curve.verdict.startswith("more data helps")
    assert len(np.unique(curve.dev_error[0])) > 1  # repeats differ


def test_parts_are_nested_and_each_is_a_training_of_its_own(digits, monkeypatch):
    module = __import__("jaxdl.sweeps.more_data", fromlist=["train_one"])
    parts, fit = [], module.train_one

    def recorded(recipe, hparams, data, **settings):
        parts.append({row.tobytes() for row in data.train.inputs})
        assert data.dev is digits.dev
        return fit(recipe, hparams, data, **settings)

    monkeypatch.setattr(module, "train_one", recorded)
    more_data(small, {"rate": 0.01}, digits, key=0, epochs=1, **PARTS)
    assert [len(part) for part in parts] == [108, 323, 108, 323]
    assert parts[0] < parts[1] and parts[2] < parts[3] and parts[0] != parts[2]


@pytest.mark.parametrize(
    "fractions", [(1,), (0.5, 0.5), (1, 0.5), (0.0, 1), (0.5, 1.1), (0.5, np.nan), 1]
)
def test_fractions_that_are_not_ascending_are_refused(digits, fractions):
    settings = {"key": 0, "epochs": 1, "fractions": fractions}
    with pytest.raises(DataError, match="expected at least two, ascending"):
        more_data(small, {"rate": 0.01}, digits, **settings)


def test_one_repeat_shows_no_noise(digits):
    with pytest.raises(ValueError, match="got repeats=1; expected an int of at least"):
        more_data(small, {"rate": 0.01}, digits, key=0, epochs=1, repeats=1)
