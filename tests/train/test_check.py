"""What is refused before anything is compiled."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError, Dataset
from jaxdl.train import RecipeError
from jaxdl.train.check import as_patience, check_labels

PLAIN = {"rate": 0.1, "smoothing": 0.0}
pytestmark = pytest.mark.usefixtures("nothing_compiles")


def replaced(data, name, **changes):
    return data._replace(**{name: replace(data.sets[name], **changes)})


def changed(array, place, value):
    new = np.array(array)
    new[place] = value
    return new


def test_bad_data_is_refused_before_compilation(linear, few, fit):
    inputs, labels = few.train.inputs, few.train.labels
    for bad, message in (
        (
            replaced(few, "dev", inputs=changed(inputs, (7, 3), np.nan)),
            r"dev set, row 7, column \[3\]",
        ),
        (
            replaced(few, "train", labels=changed(labels, 11, 3)),
            r"label 3 in row 11 of the train.*0\.\.2",
        ),
        (
            few._replace(dev=few.dev[:0]),
            "no examples in the dev set",
        ),
        (
            replaced(few, "train", labels=labels[:20]),
            "24 inputs and 20 labels in the train",
        ),
    ):
        with pytest.raises(DataError, match=message):
            fit(linear, PLAIN, bad)


def test_labels_are_checked_whatever_the_loss_is_called(few, fit):
    def two(hp):
        loss = nn.softmax_cross_entropy
        return dl.Recipe(
            nn.dense(2), optim.adam(0.1), lambda z, y: loss(z, y), batch_size=8
        )

    with pytest.raises(DataError, match=r"label 2 in row 2 .*expected 0\.\.1"):
        fit(two, {}, few)


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        (nn.sigmoid_cross_entropy, np.arange(40) % 3, r"label 2 .*expected 0\.\.1"),
        (nn.sigmoid_cross_entropy, np.tile([-1.0, 1.0], 20), "-1.0 in row 0"),
        (nn.softmax_cross_entropy, np.full((40, 3), 0.5), "add up to 1"),
        (nn.softmax_cross_entropy, np.tile([1.5, -0.5, 0], (40, 1)), "add up to 1"),
    ],
)
def test_targets_that_the_loss_cannot_have_are_refused(loss, labels, message, fit):
    one = dl.data.from_arrays(np.ones((40, 2)), labels)

    def recipe(hp):
        units = 1 if labels.ndim == 1 else 3
        return dl.Recipe(nn.dense(units), optim.adam(0.1), loss, batch_size=8)

    with pytest.raises(DataError, match=message):
        fit(recipe, {}, dl.data.Splits(one, one, one))


def branch(hp):
    return 1 if hp["rate"] < 1 else 2


def loop(hp):
    return range(hp["smoothing"].astype(int))


def convert(hp):
    return np.sqrt(hp["rate"])


def to_int(hp):
    return int(hp["smoothing"])


@pytest.mark.parametrize(
    ("use", "name"),
    [(branch, "rate"), (loop, None), (convert, "rate"), (to_int, "smoothing")],
)
def test_a_traced_number_used_as_a_plain_one_names_static(use, name, linear, few, fit):
    def bad(hp):
        use(hp)
        return linear(hp)

    where = rf"{Path(__file__).name}, line \d+"
    with pytest.raises(RecipeError, match=where) as caught:
        fit(bad, PLAIN, few)
    assert "make it Static([...]) in the space" in str(caught.value)
    assert name is None or f"the hyperparameter {name} " in str(caught.value)


@pytest.mark.parametrize("key", [-1, True, jax.random.PRNGKey(0)])
def test_a_key_that_is_none_is_refused(key, linear, few, fit):
    with pytest.raises(TypeError, match="or one threefry key"):
        fit(linear, PLAIN, few, key=key)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True])
def test_epochs_are_at_least_one(epochs, linear, few, fit):
    with pytest.raises(ValueError, match=f"got epochs={epochs}; expected an int"):
        fit(linear, PLAIN, few, epochs=epochs)


@pytest.mark.parametrize("patience", [1, np.int64(3), np.uint8(200), None])
def test_patience_is_any_integer_or_none(patience):
    plain = as_patience(patience, 1000)
    assert plain == patience and type(plain) in (int, type(None))


@pytest.mark.parametrize("patience", [0, -1, 1.5, True, np.int64(0)])
def test_patience_is_at_least_one_epoch(patience, linear, few, fit):
    with pytest.raises(ValueError, match="got patience=.* at least 1, or None"):
        as_patience(patience, 3)
    with pytest.raises(ValueError, match="got patience="):
        fit(linear, PLAIN, few, patience=patience)
    with pytest.raises(ValueError, match="got patience="):
        dl.sweep(linear, PLAIN, few, key=0, members=2, epochs=1, patience=patience)


@pytest.mark.parametrize(
    ("labels", "row", "expected"),
    [
        (np.array([[0, 1, 2], [0, 1, 3]]), "1", r"0\.\.2 for this model"),
        (np.full((2, 3, 3), 0.5, np.float32), "0", "probabilities that add up to 1"),
    ],
)
def test_labels_of_sequences_are_checked_at_each_place(labels, row, expected):
    one = Dataset(np.ones((2, 3, 1), np.float32), labels)
    with pytest.raises(DataError, match=f"(?s)row {row} of the set; .*{expected}"):
        check_labels(nn.softmax_cross_entropy, one, (3, 3), "the set")
    good = replace(one, labels=np.eye(3, dtype=np.float32)[np.zeros((2, 3), int)])
    check_labels(nn.softmax_cross_entropy, good, (3, 3), "the set")
    classes = replace(one, labels=np.full((2, 3), 2))
    check_labels(nn.softmax_cross_entropy, classes, (3, 3), "the set")


def test_an_int_that_no_program_can_hold_is_an_error_of_the_recipe(linear, few, fit):
    huge = PLAIN | {"rate": 10**30}
    with pytest.raises(RecipeError, match="(?i)int too large|out of bounds|overflow"):
        fit(linear, huge, few)
    with pytest.raises(RecipeError, match="(?i)int too large|out of bounds|overflow"):
        dl.sweep(linear, huge, few, key=0, members=2, epochs=1, progress=False)
