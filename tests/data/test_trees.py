"""Inputs and labels that are a dict of arrays."""

import jax
import numpy as np
import pytest

from jaxdl import data

TABLE = np.arange(12.0).reshape(6, 2)
TOKENS = np.arange(18).reshape(6, 3)
LABELS = {"kind": np.arange(6) % 2, "size": np.arange(6.0)}


def both(**changed):
    inputs = {"table": TABLE, "tokens": TOKENS} | changed
    return data.from_arrays(inputs, LABELS, ids=["tokens"])


def test_rows_are_taken_of_each_array():
    rows = both()[[4, 1]]
    assert len(rows) == 2
    np.testing.assert_array_equal(rows.inputs["table"], [[8, 9], [2, 3]])
    np.testing.assert_array_equal(rows.inputs["tokens"], [[12, 13, 14], [3, 4, 5]])
    np.testing.assert_array_equal(rows.labels["size"], [4, 1])
    assert rows.labels["kind"].dtype == np.int32


def test_a_split_keeps_the_arrays_of_an_example_together():
    splits = data.split(both(), key=jax.random.key(0))
    assert [len(dataset) for dataset in splits.sets.values()] == [4, 1, 1]
    for dataset in splits.sets.values():
        row = dataset.inputs["table"][:, 0] / 2
        np.testing.assert_array_equal(dataset.inputs["tokens"][:, 0], row * 3)
        np.testing.assert_array_equal(dataset.labels["size"], row)


def test_folds_deal_the_rows_of_a_dict():
    folds = data.fold_rows(both(), 3, key=jax.random.key(0))
    assert sorted(row for _, dev in folds for row in dev) == [*range(6)]


def test_each_array_is_normalized_but_for_ids():
    counts = np.array([[1], [3]] * 3)
    one = both(counts=counts)
    splits = data.normalize(data.Splits(one, one, one))
    np.testing.assert_allclose(splits.train.inputs["table"].mean(0), 0, atol=1e-6)
    np.testing.assert_array_equal(splits.train.inputs["tokens"], TOKENS)
    assert sorted(splits.moments) == ["counts", "table"]
    # Integers stay raw, and the program subtracts 2 and divides by 1.
    assert splits.train.inputs["counts"].tolist() == counts.tolist()
    assert [*splits.train.scaling.inputs] == ["counts"]
    assert [x.tolist() for x in splits.train.scaling.inputs["counts"]] == [[2], [1]]


@pytest.mark.parametrize(
    ("inputs", "ids", "message"),
    [
        ({"a": TABLE, "b": TABLE[:5]}, (), "6 inputs.a and 5 inputs.b"),
        ({"a": TABLE, "b": [None] * 6}, (), "inputs.b of type object"),
        ({"a": TABLE * np.nan}, (), "got nan in the inputs.a of the data"),
        ({"a.b": TABLE}, (), "expected texts without a dot"),
        ({}, (), "inputs of no array"),
        ({"a": TABLE}, ["b"], r"got ids=\('b',\) for the inputs \['a'\]"),
    ],
)
def test_dicts_that_cannot_be_trained_on_are_refused(inputs, ids, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(inputs, np.zeros(6, int), ids=ids)


def test_sets_have_the_same_arrays():
    one, other = both(), both(more=TABLE)
    with pytest.raises(data.DataError, match="expected arrays of the same names"):
        data.check(data.Splits(one, other, one))
