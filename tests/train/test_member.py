"""A trained model: its confusions, and the data it refuses."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import DataError, Dataset


def test_evaluation_checks_labels(member, digits):
    with pytest.raises(DataError, match=r"label 10 in row 0 of the dataset"):
        member.evaluate(Dataset(digits.test.inputs, digits.test.labels * 0 + 10))


def test_a_mean_beyond_float32_is_infinite_as_in_a_sweep(few, fit):
    """Each loss is at most 2.25e38, but the sum of all 24 is beyond float32."""

    def regression(hp):
        model, optimizer = nn.dense(1), optim.gradient_descent(hp["rate"])
        return dl.Recipe(model, optimizer, nn.squared_error, batch_size=24)

    targets = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    data = dl.data.from_arrays(few.train.inputs, targets)
    member = fit(regression, {"rate": 0.1}, dl.data.Splits(*[data] * 3), epochs=1)
    far = replace(data, labels=targets * 1.5e19)
    assert member.evaluate(far)["loss"] == np.inf


def test_a_member_counts_its_own_confusions(member, digits):
    predicted = member.predict(digits.dev.inputs).argmax(1)
    expected = metrics.confusion_matrix(digits.dev.labels, predicted)
    ours = member.confusion_matrix(digits.dev)
    np.testing.assert_array_equal(ours, expected)
    error = member.evaluate(digits.dev)["error"]
    assert float(train.accuracy(ours)) == pytest.approx(1 - error)
    with pytest.raises(DataError, match="label 1[0-9] in row 0"):
        member.confusion_matrix(replace(digits.dev, labels=digits.dev.labels + 10))


def independent(hp):
    """Three yes/no labels."""
    optimizer, loss = optim.adam(hp["rate"]), nn.sigmoid_cross_entropy
    return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=8)


@pytest.mark.heavy
def test_a_member_with_several_labels_counts_each(few, fit):
    labels = np.random.default_rng(1).integers(0, 2, (24, 3))
    labelled = dl.data.from_arrays(few.train.inputs, labels)
    member = fit(independent, {"rate": 0.01}, dl.data.Splits(*[labelled] * 3), epochs=1)
    expected = metrics.multilabel_confusion_matrix(
        labels, member.predict(labelled.inputs) > 0
    )
    np.testing.assert_array_equal(member.confusion_matrix(labelled), expected)


def test_a_member_without_classes_has_no_confusions(few, linear, fit):
    member = fit(linear, {"rate": 0.1, "smoothing": 0.0}, few)

    def regression(hp):
        return linear(hp)._replace(loss=nn.squared_error)

    targets = replace(few.train, labels=np.ones((24, 3), np.float32))
    other = dataclasses.replace(member, recipe=regression)
    with pytest.raises(ValueError, match="the loss squared_error; expected a cross"):
        other.confusion_matrix(targets)
