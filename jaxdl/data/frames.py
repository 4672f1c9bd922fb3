"""Data frames as examples: of pandas, polars, Arrow or DuckDB, through narwhals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data.about import DataError
from jaxdl.data.arrays import Classes, class_names, from_arrays
from jaxdl.data.cells import Categories
from jaxdl.data.columns import (
    Column,
    Columns,
    check_lists,
    columns_of,
    place_of,
    widened,
)
from jaxdl.data.dataset import Dataset
from jaxdl.data.frame_columns import (
    coded,
    integers,
    is_category,
    labels,
    narwhals,
    numbers,
    options,
    texts_of,
)

TABLE = "table"  # the features of a dict of inputs that are not ids


def from_frame(
    frame: Any,
    *,
    label: Column,
    classes: Classes = None,
    drop: Sequence[Column] = (),
    categories: Sequence[Column] | Mapping[Column, Sequence[str]] = (),
    embedded: Sequence[Column] = (),
    groups: Column | None = None,
    ids: Sequence[Column] = (),
) -> Dataset:
    """Returns the rows of a data frame as examples `[m, features]` with labels `[m]`.

    The frame is one of pandas, polars, Arrow, DuckDB, or another that narwhals knows.
    All other columns are features, with the names of the columns. Numbers become
    float64; truth values are 1 and 0. A category becomes a feature for each of its
    options, such as `sex=female`, which is 1 or 0: that is a column of a categorical
    type, whose options the type knows, or a column of texts that `categories` names.

    An embedded category becomes an id instead, its place among the options, for
    `nn.embedding`. Inputs are then a dict: `[m]` ids by the name of the column, and
    `table` `[m, features]` of all other features, if there are any. `normalize` scales
    the whole of `table`, so other `ids` become `[m]` arrays by name as well.

    Whole numbers as labels may be classes or targets, see `from_arrays`; other numbers
    are targets; truth values, texts and categories are classes.

        patients = pd.DataFrame(
            {"age": [31, 54], "sex": ["f", "m"], "ill": [True, False]}
        )
        examples = dl.data.from_frame(patients, label="ill", categories=["sex"])
        examples.about.features  # ("age", "sex=f", "sex=m")

    A frame that is read alone may lack an option or a class, and then gives the others
    other places. Give it those of the train frame: `classes=train.about.classes`,
    `categories={"sex": ["f", "m"]}`, or columns of one categorical type.

    Args:
        frame: with names that differ. A lazy one is computed.
        label: the column with the labels. A column is its name, or its place: 0 for the
            first, -1 for the last.
        classes: the labels that there are, as texts, or C for `"0"` to `"C - 1"`; `()`
            if the labels are targets, whole numbers too; None to find out.
        drop: columns to leave out, such as a number of each row.
        categories: columns with texts that are no quantities. A dict has the options
            that there are of each; without it, they are found and sorted.
        embedded: categories that become ids.
        groups: the column that names the group of each example, such as a person.
        ids: features that are numbers but no quantities, which `normalize` skips.

    Raises:
        DataError: there is no such column; a column that is used has missing values,
            dates, texts that are no category, or anything else that is no number;
            there are more than 1,000 options of a category; or `from_arrays` would
            refuse the arrays. The error names the column.
        ImportError: narwhals is not installed.
    """
    table = _collected(frame)
    names, given = table.columns, class_names(classes)
    check_lists(ids=ids, embedded=embedded)
    columns = columns_of(
        names,
        label=label,
        drop=drop,
        groups=groups,
        ids=[*ids, *embedded],
        categories=categories,
    )
    texts = _categories(table, columns, [place_of(names, c) for c in embedded])
    alone = columns.ids if embedded else []
    flat = columns._replace(features=[i for i in columns.features if i not in alone])
    wide, features, skipped = _table(table, flat, texts)
    targets = table[names[columns.label]]
    return from_arrays(
        _by_name(table, wide, alone, texts) if embedded else wide,
        labels(targets, targets=given == ()),
        groups=_groups(table, columns),
        classes=options(targets) if given is None else given,
        features=None if embedded else features,
        ids=[names[at] for at in alone] if embedded else skipped,
    )


def _collected(frame: Any) -> Any:
    """Returns a frame as one of narwhals, computed."""
    library = narwhals()
    try:
        known = library.from_native(frame)
    except TypeError as error:
        raise DataError(
            f"got a frame of type {type(frame).__name__}; expected a data frame of "
            "pandas, polars, Arrow or DuckDB: from_arrays takes arrays, and read_csv "
            "the path of a file"
        ) from error
    table = known.collect() if isinstance(known, library.LazyFrame) else known
    if not len(table):
        raise DataError("got a frame without rows; expected at least one")
    return table


def _categories(
    table: Any, columns: Columns, embedded: Sequence[int]
) -> dict[int, Categories]:
    """Returns the categories among the features, by the places of their columns."""
    found = {}
    for at in columns.features:
        column = table[columns.names[at]]
        if at in columns.categories or at in embedded or is_category(column):
            known = columns.categories.get(at) or options(column)
            found[at] = Categories(column.name, known)
    return found


def _table(
    table: Any, columns: Columns, texts: Mapping[int, Categories]
) -> tuple[NDArray[np.float64], list[str], list[int]]:
    """Returns features `[m, F]`, their names, and the places of the ids among them."""
    found = np.empty((len(table), len(columns.features)))
    for i, at in enumerate(columns.features):
        column = table[columns.names[at]]
        found[:, i] = coded(column, texts[at]) if at in texts else numbers(column)
    own = {at: texts[at] for at in columns.features if at in texts}
    return widened(found, columns, own)


def _by_name(
    table: Any,
    wide: NDArray[np.float64],
    alone: Sequence[int],
    texts: Mapping[int, Categories],
) -> dict[str, NDArray[Any]]:
    """Returns inputs by name, those that are ids apart from the table."""
    found: dict[str, NDArray[Any]] = {TABLE: wide} if wide.shape[1] else {}
    for at in alone:
        column = table[table.columns[at]]
        if column.name in found:
            raise DataError(
                f"got a column {TABLE!r} that is to be an input by itself; expected "
                "another name, since the other features have this one: rename it"
            )
        ids = coded(column, texts[at]) if at in texts else integers(column)
        found[column.name] = ids
    return found


def _groups(table: Any, columns: Columns) -> NDArray[Any] | None:
    if columns.groups is None:
        return None
    column = table[columns.names[columns.groups]]
    return integers(column) if column.dtype.is_integer() else texts_of(column)
