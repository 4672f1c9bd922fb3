"""The columns of a table: their names, and what each of them is for."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.cells import Categories, is_spelled_as_number
from jaxdl.data.files import MAX_BYTES

Column = str | int  # a name, or a place: 0 for the first, -1 for the last


class Columns(NamedTuple):
    """Places of a table's columns."""

    names: list[str]  # of all columns
    label: int
    features: list[int]  # in the order of the table
    groups: int | None  # None: there are none
    ids: list[int]  # of the features that are no quantities
    categories: dict[int, Sequence[str] | None]  # what they may be; None: not known


def columns_of(
    names: list[str],
    *,
    label: Column,
    drop: Sequence[Column],
    groups: Column | None,
    ids: Sequence[Column],
    categories: Sequence[Column] | Mapping[Column, Sequence[str]],
    where: str = "",
    ways: str = "",
) -> Columns:
    """Returns what each column is for.

    Args:
        names: of all columns.
        label: the column of the labels.
        drop: columns to leave out.
        groups: the column of the groups.
        ids: features that are no quantities.
        categories: features that are texts; a mapping has the texts of each.
        where: what errors begin with, such as `line 1: `.
        ways: further advice in the error for a name that is not found.

    Raises:
        DataError: there is no such column, one has two uses, a name that is used is
            empty or not the only one, or no feature is left.
    """
    check_lists(drop=drop, ids=ids, categories=categories)

    def find(column: Column) -> int:
        return place_of(names, column, where, ways)

    left_out = [find(column) for column in drop]
    grouped = None if groups is None else find(groups)
    place = find(label)
    used = {*left_out, place, grouped}
    found = Columns(
        names,
        place,
        [i for i in range(len(names)) if i not in used],
        grouped,
        [find(column) for column in ids],
        {
            find(c): categories[c] if isinstance(categories, Mapping) else None
            for c in categories
        },
    )
    _check(found, left_out, where)
    return found


def check_lists(**given: object) -> None:
    """Checks that what has to be a list of columns is no text.

    Raises:
        DataError: it is one.
    """
    for name, several in given.items():
        if isinstance(several, str):
            raise DataError(f"got {name}={several!r}; expected a list: [{several!r}]")


def check_line_of_names(names: list[str]) -> None:
    """Checks that the first line of a table may be names, and is not its first row.

    Numbers may be names if they count up by one, as the places of columns do.

    Raises:
        DataError: it has another number.
    """
    numbers = [name for name in names if is_spelled_as_number(name)]
    counted = all(name.isdecimal() for name in numbers) and all(
        int(b) - int(a) == 1 for a, b in pairwise(numbers)
    )
    if numbers and not (counted and len(numbers) > 1):
        raise DataError(
            f"line 1: got the columns {_shown(names)}, where {numbers[0]!r} looks like "
            "a value; expected names: give header=False if this line is the first "
            "row, or columns=[...] for other names"
        )


def widened(
    table: NDArray[np.float64], columns: Columns, texts: dict[int, Categories]
) -> tuple[NDArray[np.float64], list[str], list[int]]:
    """Returns the features with a column for each text of a category.

    Also returns their names, and the places of those that are no quantities.
    """
    names = [
        texts[at].names() if at in texts else [columns.names[at]]
        for at in columns.features
    ]
    starts = np.cumsum([0, *map(len, names)]).tolist()
    if starts[-1] * len(table) * table.itemsize > MAX_BYTES:
        raise DataError(
            f"got {starts[-1]} features of {len(table)} rows with categories; expected "
            f"at most {MAX_BYTES} bytes of numbers"
        )
    wide = table if not texts else np.empty((len(table), starts[-1]))
    for i, at in enumerate(columns.features if texts else ()):
        part = table[:, i]
        wide[:, starts[i] : starts[i + 1]] = (
            texts[at].one_hot(part) if at in texts else part[:, None]
        )
    ids = [
        place
        for i, at in enumerate(columns.features)
        if at in texts or at in columns.ids
        for place in range(starts[i], starts[i + 1])
    ]
    return wide, [name for several in names for name in several], ids


def _check(columns: Columns, left_out: list[int], where: str) -> None:
    names, features = columns.names, columns.features
    kept = [names[i] for i in range(len(names)) if i not in left_out]
    if len(set(kept)) < len(kept) or not all(kept):
        raise DataError(
            f"{where}got the columns {_shown(kept)}; expected names that differ, none "
            "empty: give drop=[...], with 0 for the first, or columns=[...] for names"
        )
    wrong = {*columns.ids, *columns.categories} - {*features}
    if wrong or columns.label in (*left_out, columns.groups):
        used = [names[i] for i in sorted(wrong)] or [names[columns.label]]
        raise DataError(
            f"got {_shown(used)} as features or labels and for something else; "
            "expected one use of a column"
        )
    if not features:
        raise DataError(
            f"{where}got the columns {_shown(names)}; expected at least one feature "
            f"beside the label {names[columns.label]!r}"
        )


def place_of(names: list[str], column: Column, where: str = "", ways: str = "") -> int:
    """Returns the place of a column that is given by name or place.

    Args:
        names: of all columns.
        column: a name, or a place.
        where: as for `columns_of`.
        ways: as for `columns_of`.

    Raises:
        DataError: there is no such column.
    """
    if isinstance(column, int) and -len(names) <= column < len(names):
        return column % len(names)
    if column not in names:
        raise DataError(
            f"{where}got the columns {_shown(names)}; expected {column!r} among them: "
            f"give the name or the place of a column{ways}"
        )
    return names.index(str(column))


def _shown(names: list[str]) -> str:
    return str(names)[:1000]
