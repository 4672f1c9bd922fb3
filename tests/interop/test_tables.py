"""All members as CSV, Parquet and NPZ, read back by other programs' means."""

import csv

import numpy as np
import pytest

from jaxdl import interop
from jaxdl.train import Status
from tests.interop.conftest import HOSTILE, made

FIXED = [
    "member", "configuration", "repeat", "fold", "status", "stopped_at", "kept_epoch",
]  # fmt: skip
NAN = np.nan


def objects(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


def read_csv(path):
    """Returns the cells of each column, as texts."""
    with open(path, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def floats(cells):
    return np.array([float(cell) if cell else NAN for cell in cells])


def test_csv_has_the_arrays_of_the_result(small_sweep, tmp_path):
    path = interop.table(small_sweep, tmp_path / "members.csv")
    columns = read_csv(path)
    names = [f"hparams.{name}" for name in small_sweep.hparams._fields]
    assert [*columns] == [*FIXED, *small_sweep.metrics, *names]
    assert columns["member"] == tuple(map(str, range(32)))
    for name, values in small_sweep.final().items():
        np.testing.assert_array_equal(floats(columns[name]), values)
    for name in ("learning_rate", "beta", "units", "decay"):
        values = getattr(small_sweep.hparams, name)
        np.testing.assert_array_equal(floats(columns[f"hparams.{name}"]), values)
    assert {*columns["hparams.activation"]} == {"relu"}
    assert {*columns["status"]} == {"finished"} and {*columns["kept_epoch"]} == {"2"}


def test_npz_has_the_arrays_and_the_curves_of_the_result(small_sweep, tmp_path):
    path = interop.table(small_sweep, tmp_path / "members.NPZ")
    with np.load(path, allow_pickle=False) as arrays:
        for name, curves in small_sweep.metrics.items():
            found = arrays[f"curves.{name}"]
            np.testing.assert_array_equal(found, curves, strict=True)
        for name, values in small_sweep.final().items():
            np.testing.assert_array_equal(arrays[name], values, strict=True)
        beta = arrays["hparams.beta"]
        np.testing.assert_array_equal(beta, small_sweep.hparams.beta, strict=True)
        np.testing.assert_array_equal(arrays["stopped_at"], small_sweep.stopped_at)
        assert arrays["status"].tolist() == ["finished"] * 32
        assert arrays["hparams.activation"].tolist() == ["relu"] * 32


def test_parquet_has_the_arrays_of_the_result(small_sweep, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = interop.table(small_sweep, tmp_path / "members.parquet")
    columns = parquet.read_table(path)
    assert columns.column_names[:7] == FIXED
    for name, values in small_sweep.final().items():
        found = columns[name].to_numpy()
        np.testing.assert_array_equal(found, values, strict=True)
    units = columns["hparams.units"].to_numpy()
    np.testing.assert_array_equal(units, small_sweep.hparams.units)
    assert columns["hparams.activation"].to_pylist() == ["relu"] * 32


MIXED = {
    "rate": np.array([0.1, NAN, 0.3, 0.4], np.float32),
    "units": objects(3, NAN, 1, 2),
    "act": objects("relu", None, NAN, 8),
    "deep": objects(True, False, True, NAN),
}


def mixed():
    ended = [Status.FINISHED, Status.DIVERGED, Status.CUT_SHORT, Status.STOPPED]
    return made([[0.5], [0.25], [0.75], [1.0]], hparams=MIXED, status=ended, repeats=2)


def test_what_does_not_apply_or_diverged_is_empty_in_csv(tmp_path):
    columns = read_csv(interop.table(mixed(), tmp_path / "a.csv"))
    assert columns["status"] == ("finished", "diverged", "cut short", "stopped")
    assert columns["dev_error"] == ("0.5", "", "0.75", "1.0")
    assert columns["stopped_at"] == ("-1",) * 4
    assert columns["configuration"] == ("0", "0", "1", "1")
    assert columns["repeat"] == ("0", "1", "0", "1") and {*columns["fold"]} == {"0"}
    assert columns["hparams.units"] == ("3", "", "1", "2")
    assert columns["hparams.act"] == ("relu", "None", "", "8")
    assert columns["hparams.deep"] == ("True", "False", "True", "")
    assert np.float32(columns["hparams.rate"][0]) == np.float32(0.1)
    assert columns["hparams.rate"][1] == ""


def test_what_does_not_apply_or_diverged_is_null_in_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = parquet.read_table(interop.table(mixed(), tmp_path / "a.parquet"))
    assert columns["dev_error"].to_pylist() == [0.5, None, 0.75, 1.0]
    assert columns["hparams.units"].to_pylist() == [3, None, 1, 2]
    assert columns["hparams.act"].to_pylist() == ["relu", "None", None, "8"]
    assert columns["hparams.deep"].to_pylist() == [True, False, True, None]


def test_what_does_not_apply_is_nan_or_an_empty_text_in_npz(tmp_path):
    with np.load(interop.table(mixed(), tmp_path / "a.npz")) as arrays:
        np.testing.assert_array_equal(arrays["hparams.units"], [3, NAN, 1, 2])
        assert arrays["hparams.act"].tolist() == ["relu", "None", "", "8"]
        np.testing.assert_array_equal(arrays["hparams.deep"], [1, 0, 1, NAN])


def test_members_of_folds_are_numbered(tmp_path):
    folded = made(np.ones((12, 1)), repeats=2, folds=3)
    columns = read_csv(interop.table(folded, tmp_path / "a.csv"))
    assert columns["configuration"] == ("0",) * 6 + ("1",) * 6
    assert columns["repeat"] == ("0", "0", "0", "1", "1", "1") * 2
    assert columns["fold"] == ("0", "1", "2") * 4


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_spreadsheet_runs_no_text_of_a_csv(tmp_path, text):
    result = made([[0.5], [0.5]], hparams={"act": objects(text, "relu")})
    path = interop.table(result, tmp_path / "a.csv")
    assert read_csv(path)["hparams.act"] == (f"'{text}", "relu")


def test_a_negative_number_stays_a_number(tmp_path):
    result = made([[0.5]], hparams={"shift": np.array([-2.0])})
    path = interop.table(result, tmp_path / "a.csv")
    assert read_csv(path)["hparams.shift"] == ("-2.0",)


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_bad_names_stay_names(hostile, tmp_path, ending):
    if ending == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    path = interop.table(hostile, tmp_path / f"a.{ending}")
    if ending == "csv":
        columns = {name: float(cells[0]) for name, cells in read_csv(path).items()
                   if name.startswith("hparams.")}  # fmt: skip
    elif ending == "npz":
        with np.load(path) as arrays:
            columns = {name: arrays[name][0] for name in arrays}
    else:
        columns = {n: x[0] for n, x in parquet.read_table(path).to_pydict().items()}
    expected = {f"hparams.{name}": i for i, name in enumerate(HOSTILE)}
    assert {name: columns[name] for name in expected} == expected


@pytest.mark.parametrize("name", ["a.txt", "csv", "a.csv.gz", ""])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="ends in one of .csv, .parquet, .npz"):
        interop.table(made([[0.5]]), tmp_path / name)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_a_table_appears_whole_or_not_at_all(
    small_sweep, tmp_path, monkeypatch, ending
):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"before")

    def full(_):
        raise OSError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            interop.table(mixed(), path)
    assert path.read_bytes() == b"before"
    interop.table(mixed(), path)
    assert path.read_bytes() != b"before" and [*tmp_path.iterdir()] == [path]
