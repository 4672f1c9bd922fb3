"""Some rows of a dataset are the dataset of those rows."""

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import Dataset
from jaxdl.train.part import Part, labels, size, take, weights, whole

ROWS = np.array([7, 2, 5])


def dataset(weighted):
    inputs = jnp.arange(20.0).reshape(10, 2)
    return Dataset(inputs, jnp.arange(10), jnp.arange(10.0) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_part_is_the_dataset_of_its_rows(weighted):
    all_of_it = dataset(weighted)
    part = Part(all_of_it, jnp.asarray(ROWS))
    assert size(part) == 3 and size(all_of_it) == 10
    assert whole(part) is whole(all_of_it) is all_of_it
    taken = take(part, jnp.array([2, 0]))  # rows 5 and 7
    np.testing.assert_array_equal(taken.inputs, [[10, 11], [14, 15]])
    np.testing.assert_array_equal(taken.labels, [5, 7])
    np.testing.assert_array_equal(labels(part), ROWS)
    assert labels(all_of_it) is all_of_it.labels
    if weighted:
        np.testing.assert_array_equal(taken.weights, [5, 7])
        np.testing.assert_array_equal(weights(part), ROWS)
    else:
        assert taken.weights is None and weights(part) is None
    chex.assert_trees_all_equal(take(part, jnp.arange(3)), take(all_of_it, ROWS))
