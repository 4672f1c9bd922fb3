"""Cells of a table as numbers: features, categories and labels."""

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError, listed
from jaxdl.data.arrays import unknown_classes

MAX_CLASSES = 2**16  # that are named by text
MAX_CATEGORIES = 1000  # texts of one category; each is a feature
LARGEST = float(np.finfo(np.float32).max)
BOOLEANS = {"true": 1.0, "false": 0.0}


class Categories:
    """A column of texts that are no quantities, as places in the order they come."""

    def __init__(self, name: str, texts: Sequence[str] | None):
        self._name = name
        self._closed = texts is not None
        self._places = {text: place for place, text in enumerate(texts or ())}

    def place(self, text: str, where: str) -> int:
        """Returns the place of a text.

        Args:
            text: of a cell.
            where: the place of the cell, for the error, such as `line 3`.

        Raises:
            DataError: the text is empty or unknown, or there are too many.
        """
        if text in self._places:
            return self._places[text]
        if self._closed or not text or len(self._places) == MAX_CATEGORIES:
            expected = (
                f"one of {listed(list(self._places))}"
                if self._closed
                else f"a text, and at most {MAX_CATEGORIES} of them"
            )
            raise DataError(
                f"{where}, column {self._name!r}: got {text!r}; expected "
                f"{expected}: drop the row, or the column with drop=[{self._name!r}]"
            )
        return self._places.setdefault(text, len(self._places))

    def one_hot(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns a column for each text, in the order of `names`, `[m, texts]`."""
        found = [self._places[text] for text in self._texts()]
        return (places[:, None] == np.array(found)).astype(np.float64)

    def names(self) -> list[str]:
        """Returns the name of the feature of each text."""
        return [f"{self._name}={text}" for text in self._texts()]

    def _texts(self) -> list[str]:
        return list(self._places) if self._closed else sorted(self._places)


class Labels:
    """The labels of a table, which become classes or targets at its end."""

    def __init__(self, given: tuple[str, ...] | None):
        self._given = given
        self._place_of = {name: place for place, name in enumerate(given or ())}
        self._numbers = array("d")  # or places in the order of appearance
        self._texts: dict[str, int] = {}  # labels that are texts
        self._whole = True

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, text: str, line: int) -> None:
        """Reads a label."""
        self._whole = self._whole and text.lstrip("+-").isdecimal()
        if not self._place_of:
            self._numbers.append(self._number(text, line))
        elif text in self._place_of:
            self._numbers.append(self._place_of[text])
        else:
            known = list(self._place_of)
            raise DataError(f"line {line}: {unknown_classes([text], known)}")

    def targets(self) -> tuple[NDArray[np.generic], tuple[str, ...] | None]:
        """Returns classes or targets `[m]`, and the names of the classes.

        Raises:
            DataError: they are texts where targets are asked for, or too large.
        """
        numbers = np.asarray(self._numbers)
        if self._texts and self._given == ():
            raise DataError(
                f"got labels that are texts ({listed(list(self._texts))}) and "
                "classes=(); expected numbers as targets: leave classes out for "
                "classes by name"
            )
        if self._texts:
            names = tuple(sorted(self._texts))
            ranks = {text: rank for rank, text in enumerate(names)}
            order = np.array([ranks[text] for text in self._texts])
            return order[numbers.astype(int)], names
        if self._given or (self._given is None and self._whole):
            return _integers(numbers), self._given
        return numbers, self._given

    def _number(self, text: str, line: int) -> float:
        """Returns a label's number, or its place in the order of appearance."""
        number, texts = _number(text), self._texts
        mixed = len(self) > 0 and (number is None) != bool(texts)
        if not text or mixed or (number is None and is_spelled_as_number(text)):
            raise DataError(
                f"line {line}: got the label {text!r}; expected numbers finite in "
                "float32 in every row, or text in every row: drop the row or rename "
                "the label"
            )
        if number is not None:
            return number
        if len(texts) == MAX_CLASSES and text not in texts:
            raise DataError(
                f"line {line}: got label {text!r} after {MAX_CLASSES} others; expected "
                "fewer classes: name the column that holds them"
            )
        return texts.setdefault(text, len(texts))


def feature(cell: str, name: str, line: int) -> float:
    """Returns the number of a cell; 1 or 0 for True or False.

    Raises:
        DataError: it has none that is finite in float32.
    """
    number = BOOLEANS.get(cell.strip().lower(), _number(cell))
    if number is None:
        raise DataError(
            f"line {line}, column {name!r}: got {cell!r}; expected a number that is "
            "finite in float32: drop the row or fill it in; if the column has texts, "
            f"give categories=[{name!r}] or drop=[{name!r}]"
        )
    return number


def _number(cell: str) -> float | None:
    if not is_spelled_as_number(cell):
        return None
    number = float(cell)
    return number if abs(number) <= LARGEST else None


def is_spelled_as_number(cell: str) -> bool:
    """Returns whether a cell reads as a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # float() reads 2020_05, which is a name in a table


def _integers(labels: NDArray[np.float64]) -> NDArray[np.int64]:
    bad = np.flatnonzero((labels < -(2**31)) | (labels >= 2**31))
    if bad.size:
        raise DataError(
            f"row {bad[0]}: got label {labels[bad[0]]:.0f}; expected what int32 can "
            "hold: renumber classes, or give classes=() for targets"
        )
    return labels.astype(np.int64)
