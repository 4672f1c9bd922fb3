"""One model on a source: trained, it predicts and evaluates as one on the array."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.data import DataError, Source
from jaxdl.train import pieces


@pytest.fixture(scope="module")
def pair(digits, recipe, hp):
    """Members of the array, and of a source that is read in several pieces."""

    def own(dataset):
        return replace(dataset, inputs=Source(np.asarray(dataset.inputs)))

    sources = digits._replace(train=own(digits.train), dev=own(digits.dev))
    settings = {"key": 0, "epochs": 3, "patience": 1, "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", 5 * 64 * 260)
        return [dl.fit(recipe, hp, data, **settings) for data in (digits, sources)]


def test_the_model_of_a_source_has_the_bits_of_the_array(pair):
    array, source = pair
    assert array.status == source.status
    jax.tree.map(
        np.testing.assert_array_equal,
        (array.params, array.state, array.metrics),
        (source.params, source.state, source.metrics),
    )


def test_a_model_reads_a_source_batch_by_batch(pair, digits, monkeypatch):
    member, _ = pair
    source = replace(digits.test, inputs=Source(np.asarray(digits.test.inputs)))
    expected = member.predict(digits.test.inputs), member.evaluate(digits.test)

    def refuse(*_, **__):
        raise AssertionError("read at once")

    monkeypatch.setattr(Source, "__array__", refuse)
    np.testing.assert_array_equal(member.predict(source.inputs), expected[0])
    assert member.evaluate(source) == expected[1]


def test_a_source_of_another_shape_is_refused(pair):
    with pytest.raises(DataError, match=r"inputs \[4, 3\]; expected \[m, 64\]"):
        pair[0].predict(Source(np.zeros((4, 3))))
