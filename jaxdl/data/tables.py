"""Tables as text: each line is an example, and one column holds the labels."""

import csv
import os
from array import array
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import count

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import files
from jaxdl.data.about import DataError, listed
from jaxdl.data.arrays import Classes, class_names, from_arrays, unknown_classes
from jaxdl.data.dataset import Dataset

MAX_LINE = 2**20  # bytes
MAX_CELL = 1000  # characters
MAX_CLASSES = 2**16  # that are named by text
LARGEST = float(np.finfo(np.float32).max)


def read_csv(
    path: str | os.PathLike[str], *, label: str, classes: Classes = None
) -> Dataset:
    """Returns the rows of a CSV file as examples `[m, columns - 1]` with labels `[m]`.

    The first line names the columns. Every further line that is not blank is one
    example, so no cell contains a line end. All columns except the label's are
    features, kept as float64, with the names of the columns. With `classes`, a label
    becomes its place among them. Without, labels become

    - integers, if all are integers without a point or an exponent;
    - float targets, if all are numbers;
    - classes with the sorted texts as names, if none is a number.

    A test file read alone may lack a class, and then gives the others other places.
    Read it with the classes of the train file:

        train = dl.data.read_csv("train.csv", label="species")
        test = dl.data.read_csv(
            "test.csv", label="species", classes=train.about.classes
        )

    Args:
        path: the file, in UTF-8, plain or gzipped.
        label: the name of the column with the labels.
        classes: the labels that there are, as texts, or C for `"0"` to `"C - 1"`; `()`
            if the labels are targets, whole numbers too; None to find out.

    Raises:
        DataError: there is no such column; a column has no name or the name of another;
            there are no rows; rows have different lengths; a feature is not a number
            that is finite in float32; only some labels are numbers, or one is not among
            the classes; there are more than 65,536 classes; `from_arrays` would refuse
            the arrays; the text is not CSV in UTF-8; a cell is over 1,000 characters, a
            line over 1 MiB, or the text or its numbers over 2 GiB.
        OSError: the file cannot be read.
    """
    with files.opened(path) as file:
        rows = _rows(file)
        _, names = next(rows, (1, []))
        _check_names(names, label)
        return _dataset(rows, names, names.index(label), class_names(classes))


def _rows(file: BufferedIOBase) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each line that is not blank."""
    size = 0
    for line in count(1):
        content = file.readline(MAX_LINE + 1)
        if not content:
            return
        size += len(content)
        if size > files.MAX_BYTES:
            raise DataError(f"line {line}: got over {files.MAX_BYTES} bytes of text")
        cells = _cells(content, line)
        if cells:
            yield line, cells


def _cells(content: bytes, line: int) -> list[str]:
    if len(content) > MAX_LINE or b"\0" in content:
        raise DataError(
            f"line {line}: got a NUL byte or a line over {MAX_LINE} bytes; expected "
            "text with a line end after each row"
        )
    try:
        # Spreadsheets start UTF-8 with a mark that is not part of the first name.
        text = content.decode("utf-8-sig" if line == 1 else "utf-8")
        cells = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"line {line}: got text that is not CSV in UTF-8 ({error}); expected cells "
            "with commas between them"
        ) from error
    if max(map(len, cells), default=0) > MAX_CELL:
        raise DataError(
            f"line {line}: got a cell over {MAX_CELL} characters; expected numbers and "
            "short labels"
        )
    return cells


def _check_names(names: list[str], label: str) -> None:
    listed = str(names)[:1000]
    if len(set(names)) < len(names) or not all(names):
        raise DataError(
            f"line 1: got the columns {listed}; expected names that differ, none empty"
            ": name them, or write the table without its index"
        )
    if label not in names or len(names) < 2:
        raise DataError(
            f"line 1: got the columns {listed}; expected {label!r}, which is to be the "
            "label, and at least one feature"
        )


def _dataset(
    rows: Iterator[tuple[int, list[str]]],
    names: list[str],
    at: int,
    given: tuple[str, ...] | None,
) -> Dataset:
    """Returns the rows as a dataset, the labels from column `at`."""
    inputs, labels = array("d"), array("d")
    classes: dict[str, int] = {}  # labels that are texts, in order of appearance
    place_of = {name: place for place, name in enumerate(given or ())}
    whole = True
    features = names[:at] + names[at + 1 :]
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(
                f"line {line}: got {len(cells)} cells; expected {len(names)} as in "
                "line 1"
            )
        if len(inputs) * inputs.itemsize > files.MAX_BYTES:
            raise DataError(f"line {line}: got over {files.MAX_BYTES} bytes of numbers")
        text = cells.pop(at).strip()
        whole = whole and text.lstrip("+-").isdecimal()
        if place_of:
            labels.append(_place(text, place_of, line))
        else:
            labels.append(_label(text, classes, line, first=not labels))
        inputs.extend(_numbers(cells, features, line))
    if not labels:
        raise DataError("got a line of names and no rows; expected at least one row")
    targets = np.asarray(labels)
    if classes and given == ():
        raise DataError(
            f"got labels that are texts ({listed(list(classes))}) and classes=(); "
            "expected numbers as targets: leave classes out for classes by name"
        )
    if classes:
        given, targets = _ranked(classes, targets)
    elif given or (given is None and whole):
        targets = _integers(targets)
    return from_arrays(
        np.asarray(inputs).reshape(len(labels), -1),
        targets,
        classes=given,
        features=features,
    )


def _numbers(cells: list[str], names: list[str], line: int) -> Iterator[float]:
    for name, cell in zip(names, cells, strict=True):
        number = _number(cell)
        if number is None:
            raise DataError(
                f"line {line}, column {name!r}: got {cell!r}; expected a number that "
                "is finite in float32: drop the row or fill it in"
            )
        yield number


def _number(cell: str) -> float | None:
    if not _is_spelled_as_number(cell):
        return None
    number = float(cell)
    return number if abs(number) <= LARGEST else None


def _is_spelled_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # float() reads 2020_05, which is a name in a table


def _place(text: str, place_of: dict[str, int], line: int) -> int:
    """Returns a label's place among the classes that are given."""
    if text not in place_of:
        raise DataError(f"line {line}: {unknown_classes([text], list(place_of))}")
    return place_of[text]


def _label(text: str, classes: dict[str, int], line: int, *, first: bool) -> float:
    """Returns a label's number, or its place in `classes`."""
    number = _number(text)
    mixed = not first and (number is None) != bool(classes)
    if not text or mixed or (number is None and _is_spelled_as_number(text)):
        raise DataError(
            f"line {line}: got the label {text!r}; expected numbers finite in float32 "
            "in every row, or text in every row: drop the row or rename the label"
        )
    if number is not None:
        return number
    if len(classes) == MAX_CLASSES and text not in classes:
        raise DataError(
            f"line {line}: got label {text!r} after {MAX_CLASSES} others; expected "
            "fewer classes: name the column that holds them"
        )
    return classes.setdefault(text, len(classes))


def _ranked(
    classes: dict[str, int], labels: NDArray[np.float64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Returns the sorted texts, and the labels as places among them."""
    names = tuple(sorted(classes))
    ranks = {text: rank for rank, text in enumerate(names)}
    return names, np.array([ranks[text] for text in classes])[labels.astype(int)]


def _integers(labels: NDArray[np.float64]) -> NDArray[np.int64]:
    bad = np.flatnonzero((labels < -(2**31)) | (labels >= 2**31))
    if bad.size:
        raise DataError(
            f"row {bad[0]}: got label {labels[bad[0]]:.0f}; expected what int32 can "
            "hold: renumber classes, or give classes=() for targets"
        )
    return labels.astype(np.int64)
