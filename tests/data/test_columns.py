"""What the columns of a table are for, and which line names them."""

import re

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import DataError, read_csv
from tests.data.conftest import written

IRIS = "5.1,3.5,setosa\n4.9,3.0,setosa\n6.0,2.9,virginica\n"
TITANIC = "id,sex,age,port,survived\n1,male,22,S,0\n2,female,38,C,1\n3,male,26,S,1\n"


def read(tmp_path, text, **options):
    return read_csv(written(tmp_path, text.encode()), **options)


@pytest.mark.parametrize("label", [2, -1, "2"])
def test_a_table_without_names_is_read_whole(tmp_path, label):
    found = read(tmp_path, IRIS, label=label, header=False)
    assert found.inputs.tolist() == [[5.1, 3.5], [4.9, 3.0], [6.0, 2.9]]
    assert found.about.features == ("0", "1")
    assert found.labels.tolist() == [0, 0, 1]
    assert found.about.classes == ("setosa", "virginica")


@pytest.mark.parametrize("header", [False, True])
def test_columns_are_named(tmp_path, header):
    text = header * "a,b,c\n" + IRIS
    names = ["length", "width", "species"]
    found = read(tmp_path, text, label="species", header=header, columns=names)
    assert found.about.features == ("length", "width") and len(found) == 3


@pytest.mark.parametrize(
    "label", [-1, "setosa", "species", "1"], ids="place text absent number".split()
)
def test_a_first_row_is_not_taken_for_names(tmp_path, label):
    text = IRIS if label != "1" else "5.1,3.5,1\n4.9,3.0,0\n"
    with pytest.raises(DataError, match="'5.1' looks like a value; .*header=False"):
        read(tmp_path, text, label=label)


def test_names_may_count_the_columns(tmp_path):
    found = read(tmp_path, "0,1,y\n5,6,0\n7,8,1\n", label="y")
    assert found.inputs.tolist() == [[5, 6], [7, 8]]


def test_a_name_that_python_alone_takes_for_a_number_is_a_name(tmp_path):
    found = read(tmp_path, "2020_05,y\n5,0\n7,1\n", label="y")
    assert found.about.features == ("2020_05",)


@pytest.mark.parametrize("drop", [["id", "port"], [0, 3], ("port", -5)])
def test_columns_are_left_out(tmp_path, drop):
    found = read(tmp_path, TITANIC, label="survived", drop=drop, categories=["sex"])
    assert found.about.features == ("sex=female", "sex=male", "age")
    assert found.inputs.tolist() == [[0, 1, 22], [1, 0, 38], [0, 1, 26]]


def test_an_index_without_a_name_is_left_out_by_its_place(tmp_path):
    found = read(tmp_path, ",x,y\n0,5,1\n1,6,0\n", label="y", drop=[0])
    assert found.inputs.tolist() == [[5], [6]]


def test_categories_are_no_quantities(tmp_path):
    """Normalization leaves them as they are: 1 and 0."""
    found = read(
        tmp_path, TITANIC, label=-1, drop=["port"], categories=["sex"], ids=["id"]
    )
    assert found.about.features == ("id", "sex=female", "sex=male", "age")
    assert found.about.ids == (0, 1, 2)
    data = dl.data.normalize(dl.data.Splits(found, found, found))
    np.testing.assert_array_equal(data.train.inputs[:, :3], found.inputs[:, :3])
    assert abs(data.train.inputs[:, 3].mean()) < 1e-6


def test_a_test_file_has_the_categories_that_are_given(tmp_path):
    given = {"sex": ["other", "male", "female"], 3: ["S", "C"]}
    found = read(tmp_path, TITANIC, label="survived", drop=["id"], categories=given)
    assert found.about.features == (
        "sex=other", "sex=male", "sex=female", "age", "port=S", "port=C",
    )  # fmt: skip
    assert found.inputs[0].tolist() == [0, 1, 0, 22, 1, 0]
    with pytest.raises(DataError, match="line 3, column 'sex': got 'female'; expected"):
        read(tmp_path, TITANIC, label="survived", drop=[0, 3], categories={1: ["male"]})


def test_rows_have_groups(tmp_path):
    found = read(
        tmp_path, "who,x,y\nann,1,0\nbob,2,1\nann,3,1\n", label="y", groups="who"
    )
    first, second, third = found.groups.tolist()
    assert first == third != second and found.inputs.tolist() == [[1], [2], [3]]
    with pytest.raises(DataError, match="empty cell in the column 'who'"):
        read(tmp_path, "who,x,y\nann,1,0\n,2,1\n", label="y", groups="who")


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        (None, "acid;quality\n7.4;5\n7.8;6\n"),
        (None, "acid\tquality\n7.4\t5\n7.8\t6\n"),
        ("|", "acid|quality\n7.4|5\n7.8|6\n"),
        (";", "acid,a;quality,b\n7.4;5\n7.8;6\n"),
    ],
)
def test_cells_are_delimited_as_the_first_line_has_it(tmp_path, delimiter, text):
    found = read(tmp_path, text, label=1, delimiter=delimiter)
    assert found.inputs.tolist() == [[7.4], [7.8]] and found.labels.tolist() == [5, 6]


def test_true_and_false_are_1_and_0(tmp_path):
    text = "smoker,fit,ill\nTrue,false,yes\nFALSE, true,no\n"
    found = read(tmp_path, text, label="ill")
    assert found.inputs.tolist() == [[1, 0], [0, 1]]


def test_labels_of_two_signs_are_classes(tmp_path):
    text = "x,y\n1,-1\n2,+1\n3,-1\n"
    found = read(tmp_path, text, label="y")
    assert found.labels.tolist() == [0, 1, 0] and found.about.classes == ("-1", "1")
    found = read(tmp_path, text, label="y", classes=())
    assert found.labels.tolist() == [-1, 1, -1] and found.labels.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "age", "drop": ["age"]}, "got ['age'] as features or labels and"),
        ({"label": "age", "groups": "age"}, "expected one use of a column"),
        ({"label": "age", "ids": ["age"]}, "expected one use of a column"),
        ({"label": "age", "drop": "sex"}, "got drop='sex'; expected a list: ['sex']"),
        ({"label": "age", "categories": "sex"}, "got categories='sex'; expected"),
        ({"label": "age", "ids": "id"}, "got ids='id'; expected a list"),
        ({"label": 5}, "expected 5 among them"),
        ({"label": "agee"}, "expected 'agee' among them: give the name or the place"),
        ({"label": "age", "columns": ["a"]}, "columns=[...] of 1 names"),
        ({"label": "age", "delimiter": "::"}, "expected one character"),
        ({"label": "age"}, "give categories=['sex'] or drop=['sex']"),
        ({"label": "age", "drop": [0, 1, 3, 4]}, "at least one feature beside"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read(tmp_path, TITANIC, **options)


def test_a_category_of_as_many_texts_as_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dl.data.cells, "MAX_CATEGORIES", 2)
    rows = "".join(f"P{i},{i},{i % 2}\n" for i in range(3))
    with pytest.raises(
        DataError, match=r"line 4, column 'id': got 'P2'.*drop=\['id'\]"
    ):
        read(tmp_path, f"id,x,y\n{rows}", label="y", categories=["id"])
