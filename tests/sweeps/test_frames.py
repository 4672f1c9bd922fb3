"""Members and curves of a sweep as data frames of three libraries."""

import numpy as np
import pytest

from tests.interop.conftest import made

narwhals = pytest.importorskip("narwhals")

each_library = pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])


@each_library
def test_a_frame_has_a_row_for_each_member(small_sweep, backend):
    pytest.importorskip(backend)
    native = small_sweep.to_dataframe(backend)
    frame = narwhals.from_native(native, eager_only=True)
    assert type(native).__module__.split(".")[0] == backend
    assert len(frame) == 32 and frame["member"].to_list() == [*range(32)]
    final = small_sweep.final()
    np.testing.assert_array_equal(frame["dev_error"].to_numpy(), final["dev_error"])
    rates = small_sweep.hparams.learning_rate
    np.testing.assert_array_equal(frame["hparams.learning_rate"].to_numpy(), rates)
    assert {*frame["hparams.activation"].to_list()} == {"relu"}
    assert {*frame["status"].to_list()} == {"finished"}


@each_library
def test_curves_have_a_row_for_each_epoch(small_sweep, backend):
    pytest.importorskip(backend)
    frame = narwhals.from_native(small_sweep.curves(backend), eager_only=True)
    loss = small_sweep.metrics["dev_loss"]
    assert frame.columns[:2] == ["member", "epoch"] and len(frame) == loss.size
    assert frame["epoch"].to_list()[:4] == [1, 2, 3, 1]
    np.testing.assert_array_equal(frame["dev_loss"].to_numpy(), loss.ravel())


def test_epochs_without_training_and_what_does_not_apply_are_missing():
    pytest.importorskip("polars")
    result = made([[0.5, np.nan], [0.25, 0.125]], hparams={
        "rate": np.array([0.1, np.nan])})  # fmt: skip
    curves = result.curves("polars")
    assert curves["member"].to_list() == [0, 1, 1]
    assert curves["epoch"].to_list() == [1, 1, 2]
    assert curves["dev_error"].to_list() == [0.5, 0.25, 0.125]
    assert result.to_dataframe("polars")["hparams.rate"].to_list() == [0.1, None]
