"""Dropout and its masks, against the published hash."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn


def mask(seed, shape, keep_prob):
    x = jnp.ones(shape)
    layer = nn.dropout(keep_prob)
    return (
        np.asarray(layer.apply((), (), x, key=jax.random.key(seed), train=True)[0]) > 0
    )


def test_dropout_scales_what_it_keeps_and_is_the_identity_in_evaluation():
    x = jnp.arange(1.0, 101).reshape(10, 10)
    layer = nn.dropout(0.5)
    y, _ = layer.apply((), (), x, key=jax.random.key(0), train=True)
    kept = np.asarray(y) != 0
    np.testing.assert_array_equal(np.asarray(y)[kept], 2 * np.asarray(x)[kept])
    np.testing.assert_array_equal(layer.apply((), (), x)[0], x)


def test_dropout_with_keep_prob_one_keeps_all():
    assert mask(0, (1000, 1000), 1.0).all()


def published_hash(x):
    """The scrambling as Wellons lists it, [16 21f0aaad 15 d35a2d97 15], in integers."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0xD35A2D97)):
        x = (x ^ x >> shift) * factor % 2**32
    return x ^ x >> 15


def test_a_mask_is_the_published_hash_of_key_row_and_unit():
    high, low = 4_000_000_000, 7
    key = jax.random.wrap_key_data(jnp.array([high, low], jnp.uint32))
    words = np.zeros((6, 10), int)
    for row, unit in np.ndindex(words.shape):
        of_row = published_hash((row * 0x9E3779B9 + published_hash(high)) % 2**32)
        of_unit = (unit * 0x85EBCA6B + published_hash(low)) % 2**32
        words[row, unit] = published_hash(of_row ^ of_unit) >> 8
    # Kept are the words below the threshold: the median is not, until it grows by one.
    median = int(np.sort(words, axis=None)[30])
    for threshold in (median, median + 1):
        ours = nn.keep_mask(key, (6, 2, 5), threshold / 2**24)
        channels_first = np.moveaxis(ours, -1, 1).reshape(6, 10)
        np.testing.assert_array_equal(channels_first, words < threshold)


def test_a_mask_does_not_depend_on_how_many_rows_or_units_there_are():
    np.testing.assert_array_equal(mask(0, (4, 8), 0.5), mask(0, (40, 80), 0.5)[:4, :8])


@pytest.mark.parametrize("keep_prob", [0, -0.1, 1.1])
def test_dropout_refuses_values_outside_0_to_1(keep_prob):
    with pytest.raises(ValueError, match="expected a probability to keep"):
        nn.dropout(keep_prob)


def test_dropout_in_training_needs_a_key():
    with pytest.raises(ValueError, match="key=None in training"):
        nn.dropout(0.5).apply((), (), jnp.ones((2, 2)), train=True)
