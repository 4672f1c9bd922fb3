"""Datasets from arrays: which are refused, and what the others become."""

import jax
import ml_dtypes
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from jaxdl import data


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


INPUTS, LABELS = np.ones((6, 3)), np.zeros(6, int)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (
            changed(INPUTS, (4, 2), np.nan),
            LABELS,
            "got nan in the inputs.*row 4, column",
        ),
        (changed(INPUTS, (1, 0), -np.inf), LABELS, r"got -inf.*row 1, column \[0\]"),
        (INPUTS, changed(LABELS * 1.0, 3, np.nan), "got nan in the labels.*row 3"),
        (INPUTS, changed(LABELS, 2, -(2**31) - 1), "got label -2147483649 in row 2"),
        (INPUTS, LABELS[:5], "got 6 inputs and 5 labels"),
        (INPUTS[:0], LABELS[:0], "got no examples"),
        (changed(INPUTS, (0, 0), 1e39), LABELS, "finite in float32"),
        (INPUTS, changed(LABELS, 1, 2**31), "got label 2147483648 in row 1"),
        (INPUTS[:, 0], LABELS, r"got inputs \[6\]"),
        (INPUTS.astype(str), LABELS, "expected real numbers"),
        (INPUTS, np.array(["cat", None] * 3), "expected real numbers"),
        (INPUTS.astype(object), LABELS, "expected real numbers"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(inputs, labels, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(inputs, labels)


def test_integers_that_float32_would_round_become_float64():
    times = 1_700_000_000 + np.arange(5)[:, None]
    kept = data.from_arrays(times, np.zeros(5, int)).inputs
    assert kept.dtype == np.float64
    np.testing.assert_array_equal(kept, times)
    kept = data.from_arrays(times, np.zeros(5, int), ids=True).inputs
    np.testing.assert_array_equal(kept, times, strict=True)


def test_another_byte_order_is_converted_or_refused():
    swapped = np.arange(6.0).reshape(3, 2).astype(">f8")
    kept = data.from_arrays(swapped, np.zeros(3, ">i4"))
    assert kept.inputs.dtype == np.float64 and kept.labels.dtype.isnative
    np.testing.assert_array_equal(kept.inputs, swapped)
    raw = data.Dataset(swapped, np.zeros(3, int))
    with pytest.raises(data.DataError, match="byte order: use data.from_arrays"):
        data.check(data.Splits(raw, raw, raw))


WEIGHTS = np.linspace(0, 2, 100)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (WEIGHTS[:99], r"weights float64\[99\] for 100 examples"),
        (WEIGHTS[:, None], r"weights float64\[100, 1\]"),
        (
            np.where(np.arange(100) == 7, np.nan, WEIGHTS),
            "got nan in the weights.*row 7",
        ),
        (WEIGHTS - 1, "weights from -1.0 to 1.0.*expected none below 0"),
        (0 * WEIGHTS, "weights from 0.0 to 0.0.*some above"),
        (np.full(100, "1"), "weights <U1"),
    ],
)
def test_invalid_weights_are_refused(weights, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(np.ones((100, 2)), np.zeros(100, int), weights)


def test_weights_stay_with_their_examples():
    inputs = np.arange(100.0)[:, None]
    whole = data.from_arrays(inputs, np.arange(100) % 2, WEIGHTS)
    splits = data.normalize(data.split(whole, key=jax.random.key(0)))
    for part in splits.sets.values():
        raw = part.inputs * splits.moments.scale + splits.moments.mean
        np.testing.assert_allclose(
            part.weights, WEIGHTS[np.round(raw[:, 0]).astype(int)]
        )
    data.check(splits)


def test_class_weights_are_scikit_learns_balanced_ones():
    labels = np.random.default_rng(0).choice(4, 500, p=[0.7, 0.2, 0.07, 0.03])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    weights = data.class_weights(labels)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2, 2], "got 2 classes up to 2"),
        ([0, 2**40], "got 2 classes up to 1099511627776"),
        ([0.0, 1.0], r"labels float64\[2\]; expected integers"),
        ([-1, 0], "expected integers from 0"),
        (np.zeros(0, int), "got 0 classes"),
    ],
)
def test_labels_without_class_weights_are_refused(labels, message):
    with pytest.raises(data.DataError, match=message):
        data.class_weights(labels)


def test_class_weights_of_a_dataset_are_those_of_its_labels():
    labels = np.repeat([0, 1, 2], [10, 60, 30])
    whole = data.from_arrays(np.zeros((100, 1)), labels, classes=("a", "b", "c"))
    np.testing.assert_array_equal(data.class_weights(whole), data.class_weights(labels))
    with pytest.raises(data.DataError, match="got no example of the classes c; "):
        data.class_weights(whole[:70])


# what the arrays become

FLOATS = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16]
INTEGERS = [np.uint8, np.int8, np.uint16, np.int32, np.int64]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=lambda t: t.__name__)
def test_inputs_keep_their_type(dtype):
    inputs = np.array([[0, 1], [2, 120]]).astype(dtype)
    kept = data.from_arrays(inputs, [0, 1]).inputs
    np.testing.assert_array_equal(kept, inputs, strict=True)


def test_truth_values_become_floats_and_long_floats_float64():
    assert data.from_arrays([[True], [False]], [0, 1]).inputs.dtype == np.float32
    long = np.ones((2, 1), np.longdouble)
    assert data.from_arrays(long, [0, 1]).inputs.dtype == np.float64


def test_a_bfloat16_that_is_not_finite_is_refused():
    inputs = np.array([[1.0], [np.nan]]).astype(ml_dtypes.bfloat16)
    with pytest.raises(data.DataError, match="got nan in the inputs"):
        data.from_arrays(inputs, [0, 1])


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        ([3, -7], np.array([3, -7], np.int32)),
        (np.array([[3], [1]]), np.array([3, 1], np.int32)),  # as Keras has them
        (np.array([[3], [1]], np.uint8), np.array([3, 1], np.int32)),
        ([True, False], np.array([1, 0], np.int32)),
        ([[True], [False]], np.array([1, 0], np.int32)),
        ([[0, 1], [1, 1]], np.array([[0, 1], [1, 1]], np.int32)),
        ([0.5, 1], np.array([0.5, 1], np.float32)),
        ([[0.5], [1]], np.array([[0.5], [1]], np.float32)),
    ],
    ids=str,
)
def test_labels_become_int32_or_float32(labels, kept):
    whole = data.from_arrays(np.zeros((2, 1)), labels)
    np.testing.assert_array_equal(whole.labels, kept, strict=True)
    assert whole.about.classes is None


def test_integer_columns_of_labels_are_counted_as_classes():
    labels = np.random.default_rng(0).permutation(np.arange(60) % 4)[:, None]
    whole = data.from_arrays(np.zeros((60, 5)), labels)
    assert data.Splits(whole, whole, whole).num_classes == 4


# classes, features and groups by name


@pytest.mark.parametrize(
    "labels",
    [
        ["oak", "ash", "oak"],
        np.array(["oak", "ash", "oak"], object),
        np.array([["oak"], ["ash"], ["oak"]]),
        np.array(["oak", "ash", "oak"]).astype("S"),
    ],
)
def test_texts_are_classes_by_their_sorted_names(labels):
    whole = data.from_arrays(np.zeros((3, 1)), labels)
    assert whole.about.classes == ("ash", "oak") and whole.labels.tolist() == [1, 0, 1]
    again = data.from_arrays(np.zeros((3, 1)), labels, classes=["oak", "elm", "ash"])
    assert again.labels.tolist() == [0, 2, 0]
    assert again.about.classes == ("oak", "elm", "ash")


def test_a_number_of_classes_names_them():
    whole = data.from_arrays(np.zeros((3, 1)), [2, 0, 1], classes=np.int64(4))
    assert whole.about.classes == ("0", "1", "2", "3")
    assert data.Splits(whole, whole, whole).num_classes == 4
    assert all(type(name) is str for name in whole.about.classes)


def test_labels_without_classes_are_float_targets():
    whole = data.from_arrays(np.zeros((3, 1)), [2, -5, 1], classes=())
    np.testing.assert_array_equal(
        whole.labels, np.array([2, -5, 1], np.float32), strict=True
    )
    with pytest.raises(data.DataError, match="no number of classes"):
        _ = data.Splits(whole, whole, whole).num_classes


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["oak", "elm", "oka"], ["oak", "ash"], "got labels 'elm', 'oka'; expected"),
        ([0, 1, 2], ["oak", "ash"], "got label 2 in row 2 .*2 classes, 0..1"),
        ([0, -1, 1], 2, "got label -1 in row 1"),
        ([0.0, 1, 2], 3, r"labels float64\[3\] in the data for 3 classes"),
        (np.eye(3), 4, r"labels float64\[3, 3\] in the data for 4 classes"),
        (["oak", "ash", "oak"], (), "labels that are texts, such as 'oak', and"),
        ([0, 1, 1], ["oak", "oak"], "expected names that differ"),
        ([0, 1, 1], [0, 1], "expected names that differ"),
        ([0, 1, 1], "oak", "got classes='oak'"),
        ([0, 0, 0], 0, "got classes=0"),
        ([0, 0, 0], True, "got classes=True"),
    ],
)  # fmt: skip
def test_labels_that_are_none_of_the_classes_are_refused(labels, classes, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(np.zeros((3, 1)), labels, classes=classes)


def test_one_column_a_class_may_have_names():
    whole = data.from_arrays(np.zeros((3, 1)), np.eye(3), classes=["a", "b", "c"])
    assert data.Splits(whole, whole, whole).num_classes == 3


def test_features_and_ids_are_known_of_the_inputs():
    whole = data.from_arrays(
        np.zeros((2, 3)), [0, 1], features=["age", "city", "sex"], ids=[np.int64(2), 1]
    )
    assert whole.about.features == ("age", "city", "sex") and whole.about.ids == (1, 2)
    assert data.from_arrays(np.zeros((2, 3)), [0, 1], ids=True).about.ids is True
    assert data.from_arrays(np.zeros((2, 3)), [0, 1], ids=False).about.ids == ()


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"features": ["a", "b"]}, "2 names of features"),
        ({"features": ["a", "b", "a"]}, "expected names that differ"),
        ({"features": "abc"}, "expected names that differ"),
        ({"ids": [3]}, r"got ids=\(3,\)"),
        ({"ids": ["a"]}, r"got ids=\['a'\]"),
        ({"groups": [1]}, r"got groups int64\[1\]"),
        ({"groups": [0.5, 1.5]}, r"got groups float64\[2\]"),
    ],
)
def test_names_that_do_not_fit_are_refused(known, message):
    with pytest.raises(data.DataError, match=message):
        data.from_arrays(np.zeros((2, 3)), [0, 1], **known)


def test_a_group_has_one_code_in_all_sets():
    """Sets that are made one by one still know which groups are the same."""
    zeros = np.zeros((4, 1))
    one = data.from_arrays(zeros, [0] * 4, groups=["ann", "bob", "ann", "é"]).groups
    other = data.from_arrays(zeros, [0] * 4, groups=["bob", "eve", "ann", "x"]).groups
    assert one[0] == one[2] == other[2] and one[1] == other[0]
    assert len({*one, *other}) == 5
    assert one.dtype.kind == other.dtype.kind == "i"
    numbers = data.from_arrays(zeros, [0] * 4, groups=[7, 7, -1, 2**40]).groups
    assert numbers.tolist() == [7, 7, -1, 2**40]


def test_labels_of_two_signs_are_classes():
    signs = data.from_arrays(np.eye(3), [-1, 1, -1])
    assert signs.labels.tolist() == [0, 1, 0] and signs.about.classes == ("-1", "1")
    column = data.from_arrays(np.eye(3), [[-1], [1], [1]])
    assert column.labels.tolist() == [0, 1, 1]
    targets = data.from_arrays(np.eye(3), [-1, 1, -1], classes=())
    assert targets.labels.tolist() == [-1, 1, -1]
    for others in ([-1, 0, 1], [-1, -1, -1], [1, 1, 1]):
        assert data.from_arrays(np.eye(3), others).labels.tolist() == others


@pytest.mark.parametrize("name", ["inputs", "labels", "weights"])
def test_masked_values_are_refused(name):
    arrays = {"inputs": np.ones((3, 2)), "labels": np.arange(3), "weights": np.ones(3)}
    data.from_arrays(**arrays | {name: np.ma.array(arrays[name])})  # none is masked
    masked = np.ma.array(arrays[name], mask=arrays[name] >= 1)
    with pytest.raises(data.DataError, match=f"got {name} with masked values"):
        data.from_arrays(**arrays | {name: masked})
