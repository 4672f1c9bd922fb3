"""The axes and curves that the page explores."""

import numpy as np

from jaxdl.report import explored
from tests.report.conftest import constant, diverged, ends, unpacked, untrained


def told(result):
    order = np.array([row[0] for row in result.member_rows()[1]])
    data = explored.explored(result, order) | {"rows": order}
    return data, order, *unpacked(data)


def test_long_curves_leave_epochs_out_but_never_the_last(result, monkeypatch):
    monkeypatch.setattr(explored, "NUMBERS", 4 * 32 * 2)
    data, order, _, curves = told(result)
    assert data["epochs"] == [1, 3]
    expected = result.metrics["dev_loss"][order][:, [0, 2]]
    cut = np.clip(expected, *ends(data, "dev_loss"))
    np.testing.assert_allclose(curves["dev_loss"], cut, rtol=1e-3)


def test_an_axis_goes_from_the_lowest_to_the_highest_value(result):
    data, order, codes, _ = told(result)
    names = [axis["name"] for axis in data["axes"]]
    assert names == ["learning_rate", "beta", "units", "decay", "dev error"]
    rates = np.log(result.hparams.learning_rate[order])
    part = (rates - rates.min()) / (rates.max() - rates.min())
    np.testing.assert_allclose((codes[0] - 1) / 65_534, part, atol=1e-5)
    assert data["axes"][2]["ticks"] == [[0, "8"], [1, "12"]]
    assert (np.diff(codes[-1]) >= 0).all() and codes[-1][0] == 1  # the best is first


def test_where_larger_is_better_the_best_is_at_the_low_end_too(result, monkeypatch):
    monkeypatch.setattr(explored, "larger_is_better", lambda rank_by: True)
    data, _, codes, _ = told(result)
    (low, first), (high, second) = data["axes"][-1]["ticks"]
    assert (low, high) == (0, 1) and float(first) > float(second)
    assert (np.diff(codes[-1]) <= 0).all()


def test_members_of_a_configuration_share_its_places(repeated):
    _, _, codes, _ = told(repeated)
    assert codes.shape[1] == 16
    assert all(len(np.unique(row.reshape(4, 4), axis=1).T) == 1 for row in codes)


def test_what_diverged_or_has_not_trained_is_absent(result):
    _, order, codes, curves = told(diverged(result, [3]))
    assert codes[-1][order == 3] == 0 and np.isnan(curves["dev_loss"][order == 3, 2])
    _, _, codes, curves = told(untrained(result))
    assert (codes[-1] == 0).all() and np.isnan(curves["dev_error"]).all()


def test_hyperparameters_that_do_not_vary_have_no_axis(result):
    data, *_ = told(constant(result))
    assert [axis["name"] for axis in data["axes"]] == ["dev error"]
