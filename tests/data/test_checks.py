"""Checks of the three sets against each other."""

from dataclasses import replace

import pytest

from jaxdl import data
from tests.data.conftest import dataset


def test_the_sets_must_fit_each_other():
    good, wider = dataset(), dataset(features=4)
    with pytest.raises(data.DataError, match=r"float64\[100, 4\] in the dev set"):
        data.check(data.Splits(good, wider, good))
    with pytest.raises(data.DataError, match="no examples in the test set"):
        data.check(
            data.Splits(good, good, data.Dataset(good.inputs[:0], good.labels[:0]))
        )
    data.check(data.Splits(good, good, good))


def test_other_types_than_splits_of_arrays_are_refused():
    with pytest.raises(data.DataError, match="got data of type tuple"):
        data.check((1, 2, 3))
    lists = data.Dataset([[1.0]], [0])
    with pytest.raises(data.DataError, match="use data.from_arrays"):
        data.check(data.Splits(lists, lists, lists))


@pytest.mark.parametrize("field", ["classes", "features"])
def test_sets_with_other_names_are_refused(field):
    ours, theirs = (
        replace(dataset(), about=data.About(**{field: names}))
        for names in (("a", "b", "c"), ("a", "c", "b"))
    )
    with pytest.raises(data.DataError, match=f"the {field} .* in the test set"):
        data.check(data.Splits(ours, ours, theirs))
    data.check(data.Splits(ours, ours, ours))
