"""The constant baseline and R², against scikit-learn."""

from dataclasses import dataclass

import numpy as np
import pytest

from jaxdl import nn
from jaxdl.data import About, Dataset
from jaxdl.diagnose import baseline, r_squared
from jaxdl.train import top_k_error

sklearn = pytest.importorskip("sklearn")
from sklearn.dummy import DummyClassifier, DummyRegressor  # noqa: E402
from sklearn.metrics import (  # noqa: E402
    mean_squared_error,
    r2_score,
    top_k_accuracy_score,
)

RANDOM = np.random.default_rng(0)
WEIGHTS = {"plain": (None, None), "weighted": (RANDOM.random(60), RANDOM.random(40))}


def sets(labels, weights):
    """Returns a train set of 60 examples and a dev set of 40."""
    parts = zip(np.split(labels, [60]), WEIGHTS[weights], strict=True)
    return [Dataset(np.zeros((len(y), 3), np.float32), y, w) for y, w in parts]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_classes_have_the_most_frequent_one(weights):
    train, dev = sets(RANDOM.choice(4, 100, p=[0.2, 0.2, 0.5, 0.1]), weights)
    loss = nn.label_smoothing(nn.softmax_cross_entropy, 0.1)
    found = baseline(train, dev, loss=loss, error=nn.zero_one_error, outputs=(4,))
    dummy = DummyClassifier().fit(train.inputs, train.labels, train.weights)
    score = dummy.score(dev.inputs, dev.labels, dev.weights)
    assert found.error == pytest.approx(1 - score, abs=1e-6)
    assert found.answer == "the most frequent class"


@dataclass  # which has no hash
class TimesZeroOne:
    factor: float

    def __call__(self, outputs, labels):
        return self.factor * nn.zero_one_error(outputs, labels)


def test_an_error_may_be_an_object():
    train, dev = sets(RANDOM.choice(3, 100, p=[0.2, 0.7, 0.1]), "plain")
    kind = {"loss": nn.softmax_cross_entropy, "outputs": (3,)}
    found = baseline(train, dev, error=TimesZeroOne(2.0), **kind)
    assert found.error == pytest.approx(2 * np.mean(dev.labels != 1))


def named(labels, classes):
    return Dataset(np.zeros((len(labels), 1)), labels, about=About(classes=classes))


def test_the_most_frequent_class_has_its_name():
    three = named(np.array([0, 2, 2, 1]), ("cat", "dog", "ant"))
    kind = {"loss": nn.softmax_cross_entropy, "error": nn.zero_one_error}
    found = baseline(three, three, **kind, outputs=(3,))
    assert found.answer == "the most frequent class (ant)"
    kind = {"loss": nn.sigmoid_cross_entropy, "error": nn.sigmoid_error}
    for labels, answer in (([0, 0, 1], "no"), ([0, 1, 1], "yes")):
        two = named(np.array(labels), ("no", "yes"))
        found = baseline(two, two, **kind, outputs=(1,))
        assert found.answer == f"the more frequent answer ({answer})"


def test_classes_are_ranked_by_frequency_for_an_error_of_one_s_own():
    train, dev = sets(RANDOM.choice(4, 100, p=[0.2, 0.4, 0.3, 0.1]), "plain")
    kind = {"loss": lambda z, y: z[:, 0], "error": top_k_error(2), "outputs": (4,)}
    frequency = np.bincount(train.labels) / 60
    score = top_k_accuracy_score(dev.labels, np.tile(frequency, (40, 1)), k=2)
    assert baseline(train, dev, **kind).error == pytest.approx(1 - score, abs=1e-6)


def test_the_constant_of_classes_minimizes_the_cross_entropy():
    train, _ = sets(RANDOM.choice(3, 100), "plain")
    loss = nn.softmax_cross_entropy
    found = baseline(train, train, loss=loss, error=loss, outputs=(3,))
    share = np.bincount(train.labels) / 60
    assert found.error == pytest.approx(-np.sum(share * np.log(share)), rel=1e-5)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_each_question_has_its_more_frequent_answer(weights):
    train, dev = sets((RANDOM.random((100, 2)) < [0.3, 0.8]).astype(int), weights)
    kind = {"loss": nn.sigmoid_cross_entropy, "error": nn.sigmoid_error}
    found = baseline(train, dev, **kind, outputs=(2,))
    rates = []
    for k in range(2):
        dummy = DummyClassifier().fit(train.inputs, train.labels[:, k], train.weights)
        rates.append(1 - dummy.score(dev.inputs, dev.labels[:, k], dev.weights))
    assert found.error == pytest.approx(np.mean(rates), abs=1e-6)
    assert found.answer == "the more frequent answer to each question"


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [(100,), (100, 1), (100, 3)])
def test_targets_have_the_mean_of_the_train_labels(shape, weights):
    train, dev = sets(2e5 + 8e4 * RANDOM.normal(size=shape), weights)
    kind = {"loss": nn.squared_error, "error": nn.squared_error}
    outputs = (*shape[1:],) or (1,)
    dummy = DummyRegressor().fit(train.inputs, train.labels, train.weights)
    mse = mean_squared_error(
        dev.labels, dummy.predict(dev.inputs), sample_weight=dev.weights
    )
    found = baseline(train, dev, **kind, outputs=outputs)
    # jaxdl's squared error is a sum over the outputs.
    assert found.error == pytest.approx(mse * outputs[0], rel=1e-5)
    assert found.answer == "the mean of the train labels"


def test_whole_numbers_are_targets_where_the_loss_says_so():
    train, dev = sets(RANDOM.integers(0, 9, 100), "plain")
    kind = {"loss": nn.squared_error, "error": nn.squared_error, "outputs": (1,)}
    expected = np.mean((dev.labels - train.labels.mean()) ** 2)
    assert baseline(train, dev, **kind).error == pytest.approx(expected, rel=1e-5)


def test_labels_of_another_shape_have_no_baseline():
    train, dev = sets(RANDOM.normal(size=100), "plain")
    kind = {"loss": lambda z, y: z[:, 0], "error": lambda z, y: z[:, 0]}
    assert baseline(train, dev, **kind, outputs=(2,)) is None


@pytest.mark.parametrize("weights", [None, RANDOM.random(50)])
@pytest.mark.parametrize("shape", [(50, 1), (50, 3)])
def test_r_squared_is_scikit_learn_s(shape, weights):
    labels = RANDOM.normal(size=shape)
    outputs = labels + 0.5 * RANDOM.normal(size=shape)
    expected = r2_score(labels, outputs, sample_weight=weights)
    assert r_squared(outputs, labels, weights) == pytest.approx(expected)
    if shape[1] == 1:
        assert r_squared(outputs, labels[:, 0], weights) == pytest.approx(expected)


def test_r_squared_of_equal_labels_is_unknown():
    assert np.isnan(r_squared(np.ones((3, 1)), np.ones(3)))


def test_r_squared_needs_a_target_for_each_output():
    with pytest.raises(ValueError, match="expected one target per output"):
        r_squared(np.ones((3, 2)), np.ones(3))
