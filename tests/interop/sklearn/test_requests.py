"""Requests of estimators: what makes two of them the same."""

import numpy as np

from jaxdl.interop.sklearn import JaxdlClassifier
from jaxdl.interop.sklearn.networks import Shape
from jaxdl.interop.sklearn.requests import (
    Hparams,
    Request,
    Training,
    as_examples,
    standardized,
)


def digest(x, y, weights=None):
    return as_examples(np.asarray(x), np.asarray(y), weights).digest


def test_equal_arrays_have_equal_digests_and_others_do_not():
    x, y = [[0.5], [1.5]], [0, 1]
    assert digest(x, y) == digest(x, y)
    others = digest([[0.5], [1.0]], y), digest(x, [1, 0]), digest(x, y, np.ones(2))
    assert len({digest(x, y), digest([[0.5, 1.5]], [0]), *others}) == 5


def test_the_seed_is_no_part_of_the_key():
    hparams = Hparams(Shape((4,), 32), 0.1, 0.0, 0.0)
    training = Training(10, None, 0.1, 1, True)
    examples = as_examples(np.zeros((2, 1)), np.array([0, 1]), None)
    one, other = (Request(hparams, training, examples, seed) for seed in (0, 1))
    assert one.key == other.key
    assert one.key != one._replace(training=training._replace(epochs=9)).key


def test_a_seed_that_the_user_gives_is_part_of_the_key():
    def training(random_state):
        return JaxdlClassifier(random_state=random_state)._training(classes=True)

    assert training(0) == training(0) != training(1) != training(None)
    assert training(None) == training(np.random.RandomState(0))


def test_values_are_standardized_and_constant_ones_are_shifted():
    values, moments = standardized(np.array([[1.0, 7.0], [3.0, 7.0]]))
    assert values.tolist() == [[-1, 0], [1, 0]]  # mean 2, standard deviation 1
    assert moments.mean.tolist() == [2, 7] and moments.scale.tolist() == [1, 1]
