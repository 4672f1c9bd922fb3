"""Orders: each member has that of its variant."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxdl as dl
from jaxdl.engine import orders as engine_orders
from jaxdl.engine.inputs import Variant, share
from jaxdl.engine.orders import orders, own_orders
from jaxdl.train import Facts
from jaxdl.train.state import epoch_order
from tests.engine.training import KEY
from tests.sweeps.kept import small


def varied(num_examples, rows):
    """Returns the inputs of two variants with one split each."""
    facts = Facts(num_examples, 3, 1)
    dev = np.arange(2, dtype=np.int32)
    keys = jax.random.split(KEY)
    variants = [Variant(key, facts, x, dev) for key, x in zip(keys, rows, strict=True)]
    whole = dl.data.from_arrays(np.zeros((20, 1)), np.arange(20) % 3, classes=3)
    data = dl.data.Splits(whole, whole, whole)
    return keys, *share(jax.devices()[0], small, data, variants, None, "own").values()


def test_each_member_has_the_order_of_its_variant_in_rows_of_the_whole():
    rows = np.arange(0, 14, 2, dtype=np.int32), np.arange(13, 20, dtype=np.int32)
    keys, shared = varied(7, rows)
    of = np.array([1, 1, 0, 1])
    found = own_orders(shared, jnp.asarray(of), jnp.int32(5), 3)
    assert found.shape == (4, 3, 3)
    for order, variant in zip(found, of, strict=True):
        expected = rows[variant][epoch_order(keys[variant], 5, 7, 3)]
        np.testing.assert_array_equal(order, expected)


def test_neighbours_of_one_variant_share_a_shuffle(monkeypatch):
    shuffles = []

    def counted(key, number, m, batch_size):
        jax.debug.callback(lambda: shuffles.append(1))
        return epoch_order(key, number, m, batch_size)

    monkeypatch.setattr(engine_orders, "epoch_order", counted)
    _, shared = varied(7, (np.arange(7, dtype=np.int32),) * 2)
    made = jax.jit(own_orders, static_argnums=3)
    made(shared, jnp.array([0, 0, 0, 1, 1]), jnp.int32(0), 3).block_until_ready()
    jax.effects_barrier()
    assert len(shuffles) == 2


def test_the_batches_of_an_evaluation_are_of_the_dev_rows_of_a_variant():
    rows = np.arange(7, dtype=np.int32), np.arange(7, 14, dtype=np.int32)
    _, shared = varied(7, rows)
    shared = shared._replace(dev_rows=jnp.array([[4, 2], [0, 19]]))
    of = jnp.array([1, 0, 1])
    order, dev = orders(jnp.int32(2), of, shared, 3)
    np.testing.assert_array_equal(order, own_orders(shared, of, jnp.int32(2), 3))
    np.testing.assert_array_equal(dev, [[[0, 19]], [[4, 2]], [[0, 19]]])
