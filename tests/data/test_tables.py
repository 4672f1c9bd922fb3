"""CSV files: what is read and what is refused."""

import gzip
import warnings

import jax
import numpy as np
import pytest

from jaxdl import data
from tests.data.conftest import (
    SIMPLE,
    written,
)

IRIS = b"length,width,kind\n5.1,3.5,setosa\n7,-3.2e0,virginica\n6.3,.5,setosa\n"


@pytest.mark.parametrize(
    "content",
    [
        IRIS,
        IRIS[:-1],
        IRIS.replace(b"\n", b"\r\n"),
        IRIS.replace(b"setosa", b'"setosa"').replace(b"6.3", b'" 6.3"'),
        b"\xef\xbb\xbfkind,length,width\nsetosa,5.1,3.5\nvirginica,7,-3.2\nsetosa,6.3,0.5",
    ],
)
def test_csv_files_are_read_in_all_their_dialects(tmp_path, content):
    plain = written(tmp_path, content)
    zipped = written(tmp_path, gzip.compress(content), "file.csv.gz")
    for path in (plain, str(zipped)):
        table = data.read_csv(path, label="kind")
        inputs, labels = table.inputs, table.labels
        assert inputs.tolist() == [[5.1, 3.5], [7, -3.2], [6.3, 0.5]]
        assert labels.tolist() == [0, 1, 0] and labels.dtype == np.int32


@pytest.mark.parametrize(
    ("column", "expected", "kind"),
    [
        ("3 0 7", [3, 0, 7], "i"),
        ("+3 -0 2147483647", [3, 0, 2**31 - 1], "i"),
        ("3 0.0 7", [3, 0, 7], "f"),
        ("-3 1e2 7", [-3, 100, 7], "f"),
        ("cat Dog bird", [2, 0, 1], "i"),  # upper case sorts first
        ("v10 v9 v10", [0, 1, 0], "i"),
        ("\u00e9 z \u00e9", [1, 0, 1], "i"),
        ('"a,""b""" a x_1', [1, 0, 2], "i"),
    ],
)
def test_labels_become_classes_or_targets(tmp_path, column, expected, kind):
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(column.split(" ")))
    labels = data.read_csv(written(tmp_path, f"x,y\n{rows}".encode()), label="y").labels
    assert labels.tolist() == expected and labels.dtype.kind == kind


def test_a_large_csv_file_is_read_as_numpy_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 7)) * 10.0 ** rng.integers(-9, 9, (500, 7))
    table[:, 0] = 1.7e9 + np.arange(500)  # times, which float32 would run together
    path = tmp_path / "file"
    np.savetxt(path, table, delimiter=",", header="a,b,c,d,e,f,g", comments="")
    read = data.read_csv(path, label="d")
    inputs, labels = read.inputs, read.labels
    np.testing.assert_array_equal(inputs, np.delete(table, 3, 1), strict=True)
    np.testing.assert_array_equal(labels, table[:, 3].astype(np.float32), strict=True)


def test_blank_lines_and_spaces_after_commas_are_ignored(tmp_path):
    content = b"\nx, kind\n\n1, cat\n2,cat \n\r\n3,  dog\n\n  \n"
    read = data.read_csv(written(tmp_path, content), label="kind")
    assert read.inputs.tolist() == [[1], [2], [3]]
    assert read.labels.tolist() == [0, 0, 1]


LONG = b"1" * 1001

MALFORMED_CSV = {
    "empty": (b"", r"line 1: got the columns \[\]"),
    "only blank lines": (b"\n\r\n", r"line 1: got the columns \[\]"),
    "only names": (b"x,y\n", "no rows"),
    "no such label": (b"x,z\n1,2\n", r"got the columns \['x', 'z'\]; expected 'y'"),
    "no features": (b"y\n1\n", "at least one feature"),
    "one name twice": (b"x,x,y\n1,2,3\n", "names that differ"),
    "no name": (b",x,y\n1,2,3\n", "none empty"),
    "too few cells": (b"x,y\n1,2\n3\n", "line 3: got 1 cells; expected 2"),
    "too many cells": (b"x,y\n1,2\n3,4,5\n", "line 3: got 3 cells; expected 2"),
    "a blank line before": (b"x,y\n\n1,2\n3\n", "line 4: got 1 cells"),
    "text": (b"x,z,y\n1,2,3\n1,a,3\n", "line 3, column 'z': got 'a'"),
    "an empty cell": (b"x,z,y\n1,2,3\n,2,3\n", "line 3, column 'x': got ''"),
    "nan": (b"y,x,z\n3,1,nan\n", "line 2, column 'z': got 'nan'"),
    "infinity": (b"x,y\n-inf,2\n", "column 'x': got '-inf'; expected a number"),
    "beyond float64": (b"x,y\n1e999,2\n", "got '1e999'; expected .* finite in float32"),
    "beyond float32": (b"x,y\n4e38,2\n", "got '4e38'; expected .* finite in float32"),
    "a date": (b"x,y\n2020_05,2\n", "got '2020_05'"),
    "hexadecimal": (b"x,y\n0x10,2\n", "got '0x10'"),
    "a decimal comma": (b'x,y\n"1,5",2\n', "got '1,5'"),
    "no label": (b"x,y\n1,a\n2, \n", "line 3: got the label ''"),
    "text after numbers": (b"x,y\n1,2\n2,?\n", r"line 3: got the label '\?'"),
    "numbers after text": (b"x,y\n1,?\n2,2\n", "line 3: got the label '2'"),
    "nan among labels": (b"x,y\n1,2\n2,nan\n", "line 3: got the label 'nan'"),
    "only nan for labels": (b"x,y\n1,nan\n2,nan\n", "line 2: got the label 'nan'"),
    "labels too large": (b"x,y\n1,4e38\n", "line 2: got the label '4e38'"),
    "too negative": (b"x,y\n1,2\n2,-2147483649\n", "row 1: got label -2147483649"),
    "a class too large": (b"x,y\n1,2147483648\n", "row 0: got label 2147483648"),
    "a huge class": (b"x,y\n1,9" + b"0" * 30 + b"\n", "row 0: got label 8999"),
    "not UTF-8": (b"x,y\n1,2\n1,\xe9\n", "line 3: got text that is not CSV in UTF-8"),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), "line 1: got a NUL byte"),
    "a NUL byte": (b"x,y\n1,2\0\n", "line 2: got a NUL byte"),
    "a quote that stays open": (b'x,y\n1,"2\n3,4\n', "line 2: .*end of data"),
    "text after a quote": (b'x,y\n1,"2"3\n', "line 2: .*',' expected after"),
    "lines that end in CR": (b"x,y\r1,2\r", "line 1: .*new-line character"),
    "a long cell": (b"x,y\n1,2\n" + LONG + b",2\n", "line 3: got a cell over 1000"),
    "a longer cell": (b"x,y\n" + LONG * 200 + b",2\n", "line 2: .*field limit"),
    "a long line": (b"x,y\n" + b"1," * 2**19 + b"2\n", "line 2: got .* over 1048576"),
    "a long name": (LONG + b",y\n1,2\n", "line 1: got a cell over 1000"),
    "a table of something else": (SIMPLE, "line 1: "),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED_CSV)
def test_malformed_csv_files_are_refused(tmp_path, name):
    content, message = MALFORMED_CSV[name]
    path = written(tmp_path, content)
    with pytest.raises(data.DataError, match=f"(?s){path}: .*({message})"):
        data.read_csv(path, label="y")


def test_a_label_column_of_names_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data.cells, "MAX_CLASSES", 3)
    rows = b"x,y\n1,a\n1,b\n1,a\n1,c\n1,b\n"
    assert data.read_csv(written(tmp_path, rows), label="y").labels.max() == 2
    with pytest.raises(data.DataError, match="line 7: got label 'd' after 3 others"):
        data.read_csv(written(tmp_path, rows + b"1,d\n"), label="y")


# classes and features by name

RINGS = b"length,rings\n0.5,9\n0.7,-3\n0.2,12\n"


def test_whole_numbers_may_be_targets_below_zero(tmp_path):
    path = written(tmp_path, RINGS)
    read = data.read_csv(path, label="rings")
    assert read.labels.tolist() == [9, -3, 12] and read.about.classes is None
    with warnings.catch_warnings(action="error"):
        data.split(read, (0.34, 0.33, 0.33), key=jax.random.key(0))
    targets = data.read_csv(path, label="rings", classes=())
    expected = np.array([9, -3, 12], np.float32)
    np.testing.assert_array_equal(targets.labels, expected, strict=True)
    assert targets.about.classes == ()
    with pytest.raises(data.DataError, match=r"line 3: got labels '-3'; .*13 classes"):
        data.read_csv(path, label="rings", classes=13)


def test_targets_may_be_larger_than_any_integer_on_a_device(tmp_path):
    path = written(tmp_path, b"x,y\n1,8589934592\n2,-8589934592\n")
    assert data.read_csv(path, label="y", classes=()).labels.tolist() == [
        2**33,
        -(2**33),
    ]


def test_features_keep_the_names_of_their_columns(tmp_path):
    path = written(tmp_path, b"a,kind,b c\n1,x,2\n3,y,4\n")
    assert data.read_csv(path, label="kind").about.features == ("a", "b c")


def test_texts_become_classes_by_name(tmp_path):
    path = written(tmp_path, b"x,y\n1,oak\n2,ash\n3,oak\n")
    learnt = data.read_csv(path, label="y")
    assert learnt.about.classes == ("ash", "oak")
    assert learnt.labels.tolist() == [1, 0, 1]
    for classes in (["oak", "elm", "ash"], ("oak", "elm", "ash")):
        given = data.read_csv(path, label="y", classes=classes)
        assert given.labels.tolist() == [0, 2, 0]
        assert given.about.classes == ("oak", "elm", "ash")


def test_numbers_may_be_names(tmp_path):
    path = written(tmp_path, b"x,y\n1,7\n2,2.5\n3,7\n")
    given = data.read_csv(path, label="y", classes=["2.5", "7"])
    assert given.labels.tolist() == [1, 0, 1]
    path = written(tmp_path, b"x,y\n1,7\n2,0\n")
    assert data.read_csv(path, label="y", classes=10).labels.tolist() == [7, 0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["ash", "beech"], r"line 2: got labels 'oak'; .*2 classes \(ash, beech\)"),
        (3, "line 2: got labels 'oak'"),
        ((), r"texts \(oak, ash\) and classes=\(\); expected numbers"),
        (["oak", "oak"], "expected names that differ"),
    ],
)
def test_labels_that_are_not_among_the_classes_are_refused(tmp_path, classes, message):
    path = written(tmp_path, b"x,y\n1,oak\n2,ash\n3,oak\n")
    with pytest.raises(data.DataError, match=message):
        data.read_csv(path, label="y", classes=classes)
