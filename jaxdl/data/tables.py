"""Tables as text: each line is an example, and one column holds the labels."""

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from jaxdl.data import files, lines
from jaxdl.data.about import DataError
from jaxdl.data.arrays import Classes, class_names, from_arrays
from jaxdl.data.cells import Categories, Labels, feature
from jaxdl.data.columns import (
    Column,
    Columns,
    check_line_of_names,
    columns_of,
    widened,
)
from jaxdl.data.dataset import Dataset


def read_csv(
    path: str | os.PathLike[str],
    *,
    label: Column,
    classes: Classes = None,
    header: bool = True,
    columns: Sequence[str] | None = None,
    drop: Sequence[Column] = (),
    categories: Sequence[Column] | Mapping[Column, Sequence[str]] = (),
    groups: Column | None = None,
    ids: Sequence[Column] = (),
    delimiter: str | None = None,
) -> Dataset:
    """Returns the rows of a CSV file as examples `[m, features]` with labels `[m]`.

    The first line names the columns. Every further line that is not blank is one
    example, so no cell contains a line end. All other columns are features, kept as
    float64, with the names of the columns; True and False are 1 and 0. A category
    becomes a feature for each of its texts, such as `sex=female`, which is 1 or 0. With
    `classes`, a label becomes its place among them. Without, labels become

    - integers, if all are integers without a point or an exponent; -1 and 1 alone
      become the classes `"-1"` and `"1"`;
    - float targets, if all are numbers;
    - classes with the sorted texts as names, if none is a number.

    A test file read alone may lack a class or a category, and then gives the others
    other places. Read it with those of the train file:

        train = dl.data.read_csv("train.csv", label="species")
        test = dl.data.read_csv(
            "test.csv", label="species", classes=train.about.classes
        )

    Args:
        path: the file, in UTF-8, plain or gzipped.
        label: the column with the labels. A column is its name, or its place: 0 for the
            first, -1 for the last.
        classes: the labels that there are, as texts, or C for `"0"` to `"C - 1"`; `()`
            if the labels are targets, whole numbers too; None to find out.
        header: whether the first line names the columns. If not, it is the first row,
            and the columns are called `"0"`, `"1"`, and so on.
        columns: names of all columns, to use instead of these.
        drop: columns to leave out, such as a number of each row.
        categories: columns with texts that are no quantities. A dict has the texts that
            there are of each; without it, they are found and sorted.
        groups: the column that names the group of each example, such as a person.
        ids: features that are numbers but no quantities, which `normalize` skips.
        delimiter: between cells; None: the comma, semicolon or tab, whichever the first
            line has most.

    Raises:
        DataError: there is no such column; a column has no name or the name of another;
            the first line of names has a number, as a first row would; there are no
            rows; rows have different lengths; a feature is not a number that is finite
            in float32; only some labels are numbers, or one is not among the classes;
            there are more than 65,536 classes or 1,000 texts of a category;
            `from_arrays` would refuse the arrays; the text is not CSV in UTF-8; a cell
            is over 1,000 characters, a line over 1 MiB, or the text or its numbers over
            2 GiB.
        OSError: the file cannot be read.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise DataError(f"got delimiter={delimiter!r}; expected one character")
    with files.opened(path) as file:
        rows = lines.rows(file, delimiter)
        names, rows = _named(rows, header, columns)
        found = columns_of(
            names, label=label, drop=drop, groups=groups, ids=ids,
            categories=categories, where="line 1: ",
            ways=", or delimiter= if this is one column; header=False if line 1 is a "
            "row",
        )  # fmt: skip
        return _dataset(rows, found, class_names(classes))


def _named(
    rows: Iterator[tuple[int, list[str]]], header: bool, columns: Sequence[str] | None
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Returns the names of the columns, and the rows below them."""
    first = next(rows, (1, []))
    if header and columns is None:
        check_line_of_names(first[1])
    if columns is not None and len(columns) != len(first[1]):
        raise DataError(
            f"line {first[0]}: got {len(first[1])} cells and columns=[...] of "
            f"{len(columns)} names; expected a name for each"
        )
    names = first[1] if header else list(map(str, range(len(first[1]))))
    return list(columns or names), rows if header else _again(first, rows)


def _again(
    first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _dataset(
    rows: Iterator[tuple[int, list[str]]],
    columns: Columns,
    given: tuple[str, ...] | None,
) -> Dataset:
    """Returns the rows as a dataset."""
    names, inputs, labels = columns.names, array("d"), Labels(given)
    texts = {at: Categories(names[at], of) for at, of in columns.categories.items()}
    groups: list[str] = []
    for line, cells in rows:
        _check_size(len(cells), len(names), len(inputs) * inputs.itemsize, line)
        labels.add(cells[columns.label].strip(), line)
        if columns.groups is not None:
            groups.append(cells[columns.groups].strip())
        inputs.extend(
            texts[at].place(cells[at].strip(), f"line {line}")
            if at in texts
            else feature(cells[at], names[at], line)
            for at in columns.features
        )
    if not labels:
        raise DataError("got a line of names and no rows; expected at least one row")
    if "" in groups:
        raise DataError(
            f"got an empty cell in the column {names[columns.groups or 0]!r}; expected "
            "the group of each row: drop the row or fill it in"
        )
    targets, classes = labels.targets()
    table = np.asarray(inputs).reshape(len(labels), -1)
    wide, features, ids = widened(table, columns, texts)
    return from_arrays(
        wide,
        targets,
        groups=groups or None,
        classes=classes,
        features=features,
        ids=ids,
    )


def _check_size(cells: int, names: int, size: int, line: int) -> None:
    if cells != names:
        raise DataError(
            f"line {line}: got {cells} cells; expected {names} as in line 1"
        )
    if size > files.MAX_BYTES:
        raise DataError(f"line {line}: got over {files.MAX_BYTES} bytes of numbers")
