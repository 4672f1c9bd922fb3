"""Data frames of four libraries as examples, and what is refused by name."""

import datetime

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data.about import DataError

pytest.importorskip("narwhals")

COLUMNS = {
    "age": [31, 54, 20],
    "dose": [0.5, 1.5, 2.0],
    "smokes": [True, False, True],
    "city": ["Rome", "Oslo", "Rome"],
    "ill": ["yes", "no", "yes"],
}
TABLE = [[31, 0.5, 1, 0, 1], [54, 1.5, 0, 1, 0], [20, 2.0, 1, 0, 1]]  # Oslo first


def pandas(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def polars(columns):
    return pytest.importorskip("polars").DataFrame(columns)


def lazy(columns):
    return polars(columns).lazy()


def arrow(columns):
    return pytest.importorskip("pyarrow").table(columns)


def duckdb(columns):
    return pytest.importorskip("duckdb").from_arrow(arrow(columns))


FRAMES = [pandas, polars, lazy, arrow, duckdb]
each_library = pytest.mark.parametrize("make", FRAMES, ids=lambda make: make.__name__)


@each_library
def test_numbers_truth_values_and_categories_become_features(make):
    found = data.from_frame(make(COLUMNS), label="ill", categories=["city"])
    assert found.inputs.tolist() == TABLE and found.labels.tolist() == [1, 0, 1]
    assert found.about.features == ("age", "dose", "smokes", "city=Oslo", "city=Rome")
    assert found.about.classes == ("no", "yes") and found.about.ids == (3, 4)


@each_library
def test_an_embedded_category_is_an_id_beside_the_table(make):
    found = data.from_frame(make(COLUMNS), label=-1, drop=[0], embedded=["city"])
    assert found.inputs["city"].tolist() == [1, 0, 1] and found.about.ids == ("city",)
    assert found.inputs["city"].dtype.kind == "i"
    assert found.inputs["table"].tolist() == [[0.5, 1], [1.5, 0], [2.0, 1]]


@each_library
def test_a_number_is_a_target_a_class_or_an_id(make):
    frame = make({name: COLUMNS[name] for name in ("age", "dose", "smokes")})
    found = data.from_frame(frame, label="dose", groups="age", drop=())
    assert found.labels.tolist() == [0.5, 1.5, 2.0] and found.labels.dtype == np.float32
    assert found.inputs.tolist() == [[1], [0], [1]] and found.groups.tolist() == [
        31, 54, 20,
    ]  # fmt: skip
    assert data.from_frame(frame, label="age", ids=["dose"]).about.ids == (0,)
    assert data.from_frame(frame, label="age").labels.dtype == np.int32
    assert data.from_frame(frame, label="age", classes=()).labels.dtype == np.float32
    flags = data.from_frame(frame, label="smokes")
    assert flags.labels.tolist() == [1, 0, 1]
    assert flags.about.classes == ("False", "True")


@each_library
def test_what_can_not_be_used_names_column_type_and_way_out(make):
    days = [datetime.date(2020, 1, day) for day in (1, 2, 3)]
    for name, column, error in (
        ("born", days, "column 'born': got values of type (Date|Object|Datetime)"),
        ("name", ["A", "B", "C"], r"'name': got values of type String.*categories=\["),
        ("size", [1.0, None, 2.0], "'size': got 1 missing.* first in row 1"),
        ("size", [1.0, 2.0, np.inf], "'size': got 1 missing or infinite .* row 2"),
        ("many", [[1], [2], [3]], "column 'many': got values of type (List|Object)"),
    ):
        frame = make({"age": [1, 2, 3], name: column, "ill": [0, 1, 0]})
        with pytest.raises(DataError, match=error) as caught:
            data.from_frame(frame, label="ill")
        assert f"drop=['{name}']" in str(caught.value)
        assert data.from_frame(frame, label="ill", drop=[name]).inputs.shape == (3, 1)


@pytest.mark.parametrize("make", [polars, arrow], ids=lambda make: make.__name__)
def test_the_way_out_of_a_date_is_a_number(make):
    days = [datetime.date(2020, 1, day) for day in (1, 2)]
    frame = make({"x": [1, 2], "born": days, "y": [0, 1]})
    with pytest.raises(DataError, match="'born': .* give numbers made of it, such as"):
        data.from_frame(frame, label="y")
    with pytest.raises(DataError, match="'born': .* expected numbers or truth values"):
        data.from_frame(frame, label="born")


@each_library
def test_a_missing_category_group_or_label_is_named(make):
    frame = make({"x": [1, 2, 3], "kind": ["a", None, "b"], "y": [0, 1, 1]})
    for use in (
        {"label": "y", "categories": ["kind"]},
        {"label": "y", "groups": "kind"},
        {"label": "kind"},
    ):
        with pytest.raises(DataError, match="'kind': got 1 missing .* in row 1"):
            data.from_frame(frame, **use)


def test_a_number_that_is_none_is_no_category():
    frame = polars({"kind": [1.0, float("nan"), 2.0], "y": [0, 1, 1]})
    with pytest.raises(DataError, match="'kind': got 1 missing .* in row 1"):
        data.from_frame(frame, label="y", categories=["kind"])


def test_a_frame_of_a_part_has_the_places_of_the_whole():
    frame = pandas(COLUMNS)
    known = {"categories": {"city": ["Rome", "Oslo", "Bonn"]}, "classes": ["yes", "no"]}
    found = data.from_frame(frame[:1], label="ill", **known)
    assert found.about.features[3:] == ("city=Rome", "city=Oslo", "city=Bonn")
    assert found.inputs.tolist() == [[31, 0.5, 1, 1, 0, 0]]
    assert found.labels.tolist() == [0]
    with pytest.raises(DataError, match="row 1, column 'city': got 'Oslo'; expected"):
        data.from_frame(frame, label="ill", categories={"city": ["Rome"]})


def test_a_categorical_type_knows_its_options():
    library = pytest.importorskip("pandas")
    kinds = library.CategoricalDtype(["warm", "cold", "wet"])
    column = library.Series(["cold", "warm"], dtype=kinds)
    frame = library.DataFrame({"age": [1, 2], "room": column, "y": column})
    found = data.from_frame(frame, label="y")
    assert found.about.features == ("age", "room=warm", "room=cold", "room=wet")
    assert found.inputs.tolist() == [[1, 0, 1, 0], [2, 1, 0, 0]]
    assert found.labels.tolist() == [1, 0]
    assert found.about.classes == ("warm", "cold", "wet")


def test_an_enum_of_polars_knows_its_options_and_its_categories_are_found():
    library = pytest.importorskip("polars")
    enum = library.Series(["b", "a"], dtype=library.Enum(["c", "b", "a"]))
    loose = library.Series(["v", "u"], dtype=library.Categorical)
    frame = library.DataFrame({"enum": enum, "loose": loose, "y": [0.5, 1.5]})
    found = data.from_frame(frame, label="y", embedded=["enum"])
    assert found.inputs["enum"].tolist() == [1, 2]
    assert found.inputs["table"].tolist() == [[0, 1], [1, 0]]


def test_nullable_columns_without_missing_values_are_numbers():
    library = pytest.importorskip("pandas")
    frame = library.DataFrame(
        {
            "a": library.array([1, 2], dtype="Int64"),
            "b": library.array([True, False], dtype="boolean"),
            "c": library.array([0.5, 1.5], dtype="Float64"),
            "y": [0, 1],
        }
    )
    found = data.from_frame(frame, label="y")
    assert found.inputs.tolist() == [[1, 1, 0.5], [2, 0, 1.5]]


def test_parquet_files_are_read_by_the_library_of_the_frame(tmp_path):
    frame = polars(COLUMNS)
    frame.write_parquet(tmp_path / "rows.parquet")
    library = pytest.importorskip("polars")
    scanned = library.scan_parquet(tmp_path / "rows.parquet")
    found = data.from_frame(scanned, label="ill", categories=["city"])
    assert found.inputs.tolist() == TABLE


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"label": "sick"}, r"got the columns \['age', .*expected 'sick' among them"),
        ({"label": "ill", "drop": "age"}, r"got drop='age'; expected a list"),
        ({"label": "ill", "ids": "age"}, r"got ids='age'; expected a list"),
        ({"label": "ill", "embedded": "city"}, "got embedded='city'; expected a list"),
        ({"label": "ill", "embedded": ["ill"]}, "expected one use of a column"),
        ({"label": "ill", "ids": ["dose"], "embedded": ["city"]}, "not whole"),
    ],
)
def test_a_use_that_makes_no_sense_is_refused(given, error):
    with pytest.raises(DataError, match=error):
        data.from_frame(pandas(COLUMNS), **given)


@pytest.mark.parametrize("frame", [{"x": [1]}, [[1, 2]], "rows.csv", np.eye(2)])
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(DataError, match="got a frame of type .*read_csv the path"):
        data.from_frame(frame, label=0)


def test_a_frame_without_rows_is_refused():
    with pytest.raises(DataError, match="without rows"):
        data.from_frame(pandas({"x": [], "y": []}), label="y")


def test_an_input_named_as_the_table_is_refused():
    frame = pandas({"table": ["a", "b"], "x": [1, 2], "y": [0, 1]})
    with pytest.raises(DataError, match="got a column 'table'.*rename it"):
        data.from_frame(frame, label="y", embedded=["table"])
