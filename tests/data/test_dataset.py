"""Datasets: rows, a pytree, and what the three sets know of themselves."""

from dataclasses import FrozenInstanceError, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import data
from jaxdl.data.dataset import recipe_under_folds
from tests.data.conftest import dataset

NAMES = data.About(classes=("ash", "beech", "oak", "elm"), in_order=True)
RAW = data.Scaling(inputs=data.Moments(np.full(3, 5.0), np.full(3, 2.0)))


@pytest.fixture
def full():
    """A dataset with all that a dataset can have."""
    plain = dataset(20)
    return replace(
        plain,
        weights=np.arange(20, dtype=np.float32),
        groups=np.arange(20) // 5,
        scaling=RAW,
        about=NAMES,
    )


@pytest.mark.parametrize(
    "rows",
    [
        slice(3, 8),
        slice(None, None, -2),
        [4, 4, 0],
        np.array([19, -1]),
        jnp.array([2, 7]),
        np.arange(20) % 3 == 0,
        np.empty(0, int),
    ],
    ids=str,
)
def test_rows_of_a_dataset_are_a_dataset(full, rows):
    some, numbers = full[rows], np.arange(20)[rows]
    assert isinstance(some, data.Dataset) and len(some) == len(numbers)
    for name in ("inputs", "labels", "weights", "groups"):
        expected = getattr(full, name)[numbers]
        np.testing.assert_array_equal(getattr(some, name), expected, strict=True)
    assert some.scaling is RAW and some.about is NAMES
    bare = dataset(20)[rows]
    assert bare.weights is None and bare.groups is None


@pytest.mark.parametrize(
    "rows", [3, np.int64(3), "inputs", 1.5, [0.0, 1.0], (0, 1), (slice(2), 0), None,
             [[0, 1]], np.zeros(()), []],
    ids=str,
)  # fmt: skip
def test_what_is_no_rows_is_refused(rows):
    with pytest.raises(TypeError, match=r"expected a slice, .* dataset\[i : i \+ 1\]"):
        dataset()[rows]


@pytest.mark.parametrize("rows", [[100], [-101], np.ones(99, bool)], ids=len)
def test_rows_outside_a_dataset_are_refused(rows):
    for whole in (dataset(), jax.tree.map(jnp.asarray, dataset())):
        with pytest.raises(IndexError):
            whole[rows]


def test_a_dataset_is_no_sequence_of_its_arrays(full):
    for iterate in (iter, list, lambda d: (lambda *_: 0)(*d), np.stack):
        with pytest.raises(TypeError, match="write dataset.inputs, dataset.labels"):
            iterate(full)
    with pytest.raises(TypeError, match="write dataset.inputs"):
        inputs, labels, weights = full
    with pytest.raises(TypeError, match="as a truth value"):
        bool(full)
    with pytest.raises(FrozenInstanceError):
        full.weights = None


def test_equality_is_identity(full):
    other = replace(full)
    assert full == full and full != other
    assert len({full, other, full}) == 2


def test_a_dataset_is_a_pytree_of_its_arrays(full):
    doubled = jax.tree.map(lambda x: 2 * x, full)
    np.testing.assert_array_equal(doubled.groups, 2 * full.groups)
    np.testing.assert_array_equal(doubled.scaling.inputs.mean, np.full(3, 10.0))
    assert doubled.about is NAMES
    assert len(jax.tree.leaves(full)) == 6 and len(jax.tree.leaves(dataset())) == 2
    odd = jax.tree.map(lambda x: (x.shape, str(x.dtype)), full)
    assert odd.labels == ((20,), "int32")
    shapes = jax.eval_shape(lambda d: d[jnp.arange(7)], full)
    assert shapes.inputs.shape == (7, 3) and shapes.about == NAMES
    (leaves, treedef) = jax.tree.flatten(full)
    assert jax.tree.unflatten(treedef, [None] * 6).inputs is None
    assert treedef == jax.tree.structure(replace(full, about=NAMES._replace()))
    assert treedef != jax.tree.structure(replace(full, about=data.About()))


def test_integer_one_hot_labels_have_as_many_classes_as_columns():
    one_hot = data.Dataset(np.ones((6, 2)), np.eye(6, 3, dtype=int))
    assert data.Splits(one_hot, one_hot, one_hot).num_classes == 3


def test_number_of_classes_and_steps():
    splits = data.split(dataset(), key=jax.random.key(0))
    assert splits.num_classes == 4
    batch_sizes = (1, 59, np.int64(60), 30)
    assert [splits.steps_per_epoch(b) for b in batch_sizes] == [60, 2, 1, 2]
    assert type(splits.steps_per_epoch(np.int64(7))) is int
    for wrong in (0, True, 2.0):
        with pytest.raises(data.DataError, match="got batch_size="):
            splits.steps_per_epoch(wrong)
    one_hot = data.Dataset(np.ones((6, 3)), np.eye(6)[:, :5])
    assert data.Splits(one_hot, one_hot, one_hot).num_classes == 5
    regression = data.Dataset(np.ones((6, 3)), np.ones(6))
    with pytest.raises(data.DataError, match="no number of classes"):
        _ = data.Splits(regression, regression, regression).num_classes


def test_the_train_set_says_what_the_three_are_about(full):
    splits = data.Splits(full, full, full)
    assert splits.classes == NAMES.classes and splits.features is None
    assert splits.target_moments is None
    prices = data.Moments(np.array(2e5), np.array(8e4))
    scaled = replace(full, scaling=data.Scaling(labels=prices))
    assert data.Splits(scaled, full, full).target_moments is prices
    assert data.Splits(dataset(), full, full).target_moments is None


# numbers of the whole data under folds


@pytest.mark.parametrize(
    ("asked", "instead"),
    [
        (lambda splits: splits.steps_per_epoch(8), r"steps_per_epoch\(batch_size\)"),
        (lambda splits: len(splits.train), "num_examples"),
        (lambda splits: len(splits.dev), "num_examples"),
        (lambda splits: data.class_weights(splits.train), "class_counts"),
        (lambda splits: data.class_weights(splits.train.labels), "class_counts"),
    ],
)
def test_a_recipe_of_a_fold_must_not_ask_the_whole_data(asked, instead):
    splits = data.split(dataset(), key=jax.random.key(0))
    before = np.asarray(asked(splits))
    with pytest.raises(ZeroDivisionError), recipe_under_folds():
        with pytest.raises(data.DataError, match=rf"\(hp, facts\) .*facts\.{instead}"):
            asked(splits)
        with recipe_under_folds():
            pass
        with pytest.raises(data.DataError):  # an inner recipe does not end it
            asked(splits)
        assert splits.num_classes == 4 and splits.train[:3].inputs.shape == (3, 3)
        assert jax.jit(lambda d: d[jnp.arange(2)].labels)(splits.train).shape == (2,)
        _ = 1 / 0
    np.testing.assert_array_equal(asked(splits), before)  # an error ends it as well


def test_targets_have_no_number_of_classes():
    for labels, classes in (([-1, 3, 2], None), ([0, 3, 2], ()), ([[1], [2], [3]], ())):
        one = data.from_arrays(np.zeros((3, 1)), labels, classes=classes)
        with pytest.raises(data.DataError, match="no number of classes"):
            _ = data.Splits(one, one, one).num_classes


def test_a_dataset_is_shown_by_types_and_shapes():
    shown = data.from_arrays(
        np.zeros((3, 2)), [0, 1, 1], classes=["no", "yes"], features=["a", "<b>"]
    )
    assert repr(shown).splitlines() == [
        "Dataset",
        f"inputs    {shown.inputs.dtype} [3, 2]",
        f"labels    {shown.labels.dtype} [3]",
        "classes   no, yes",
        "features  a, <b>",
    ]
    assert "<b>" not in shown._repr_html_()
    assert "NoneType" in repr(jax.tree.map(lambda _: None, shown))
