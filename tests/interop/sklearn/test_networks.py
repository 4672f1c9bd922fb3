"""What trained networks compute, by hand."""

import numpy as np

from jaxdl.interop.sklearn.networks import Networks


def test_each_network_is_a_chain_of_products_with_relu_between():
    networks = Networks(
        [np.array([[[1.0, -1.0]], [[2.0, 2.0]]]), np.array([[[3.0], [5.0]]] * 2)],
        [np.array([[[0.0, 1.0]], [[-1.0, 0.0]]]), np.array([[[0.5]], [[-0.5]]])],
        (1, 1),
        False,
    )
    # x = 2: relu(2, -1) = (2, 0), 3 · 2 + 0.5; relu(3, 4), 3 · 3 + 5 · 4 - 0.5
    # x = -1: relu(-1, 2) = (0, 2), 5 · 2 + 0.5; relu(-3, -2) = 0, -0.5
    found = networks(np.array([[2.0], [-1.0]]))
    assert found.tolist() == [[[6.5], [10.5]], [[28.5], [-0.5]]]
