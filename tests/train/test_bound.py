"""A bound recipe: what its programs are given."""

import jax
import numpy as np

from jaxdl.data import Dataset
from jaxdl.train.bound import with_order
from jaxdl.train.state import epoch_order

KEY = jax.random.key(5)


def test_the_order_of_an_epoch_is_that_of_its_key_and_number():
    train = Dataset(np.zeros((10, 2)), np.zeros(10, int))
    epoch = with_order(lambda *given: given, 4)
    found = epoch("hp", "state", "epoch state", 3, train, "dev", KEY, 2, "counts")
    order, given = found[3], (*found[:3], *found[4:])
    np.testing.assert_array_equal(order, epoch_order(KEY, 3, 10, 4))
    assert given == ("hp", "state", "epoch state", train, "dev", 2, "counts")
