"""The embedding: rows of a table, and the ids that it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn

IDS = nn.Spec((2,), jnp.int32)


def test_it_is_the_product_of_one_hot_rows_with_the_table():
    layer = nn.embedding(4, 3)
    params, state, out_shape = layer.init(jax.random.key(0), IDS)
    ids = jnp.array([[0, 3], [1, 1]])
    rows, _ = layer.apply(params, state, ids)
    assert out_shape == (2, 3)
    expected = np.eye(4)[np.asarray(ids)] @ np.asarray(params["kernel"])
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_columns_beyond_a_size_are_zero():
    layer = nn.embedding(5, nn.Size(2, 4))
    params, _, _ = layer.init(jax.random.key(0), IDS)
    assert (np.asarray(params["kernel"]) != 0).any(0).tolist() == [True] * 2 + [
        False
    ] * 2
    alone = nn.embedding(5, 2).init(jax.random.key(0), IDS)[0]["kernel"]
    np.testing.assert_array_equal(params["kernel"][:, :2], alone)


def test_other_ids_give_nan():
    layer = nn.embedding(4, 3)
    params, state, _ = layer.init(jax.random.key(0), IDS)
    rows, _ = layer.apply(params, state, jnp.array([[-1, 4], [0, 3]]))
    assert np.isnan(rows[0]).all() and np.isfinite(rows[1]).all()


@pytest.mark.parametrize(
    ("in_shape", "message"),
    [
        ((3,), "expected one array of integers"),
        ({"a": IDS}, "expected one array of integers"),
        (nn.Spec((2,), jnp.int32, span=(0, 4)), "ids from 0 to 4 in the data"),
        (nn.Spec((2,), jnp.int32, span=(-1, 3)), "ids from -1 to 3 in the data"),
    ],
)
def test_what_is_no_id_is_refused(in_shape, message):
    with pytest.raises(ValueError, match=message):
        nn.embedding(4, 3).init(jax.random.key(0), in_shape)


def test_a_function_may_come_first():
    model = nn.serial(lambda x: jax.nn.one_hot(x, 4), nn.flatten, nn.dense(3))
    params, state, out_shape = model.init(jax.random.key(0), IDS)
    assert out_shape == (3,) and params[2]["kernel"].shape == (8, 3)
    assert model.apply(params, state, jnp.zeros((5, 2), int))[0].shape == (5, 3)


def test_a_layer_of_floats_refuses_ids():
    with pytest.raises(ValueError, match="dense got examples like Spec"):
        nn.dense(3).init(jax.random.key(0), IDS)
