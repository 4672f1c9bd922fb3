"""Numbers as codes of two bytes."""

import base64
import zlib

import numpy as np

from jaxdl.report.packed import codes, fractions, packed
from jaxdl.report.style import Errors


def test_the_ends_of_an_axis_and_what_is_absent():
    assert codes([0.0, 1.0, np.nan, 0.5]).tolist() == [1, 65_535, 0, 32_768]


def test_no_place_is_off_by_more_than_half_a_step():
    places = np.random.default_rng(0).uniform(size=1000)
    back = (codes(places) - 1.0) / 65_534
    assert np.abs(back - places).max() <= 0.5 / 65_534 + 1e-12


def test_values_lie_on_their_axis_and_others_at_its_ends():
    log = Errors(rates=False, log=True, low=0.01, high=100.0)
    values = [0.01, 1.0, 100.0, 0.0, 1e9, np.inf]
    found = fractions(values, log)
    np.testing.assert_allclose(found, [0, 0.5, 1, 0, 1, np.nan], atol=1e-12)
    linear = Errors(rates=False, log=False, low=-1.0, high=3.0)
    np.testing.assert_allclose(
        fractions([-1.0, 0.0, 3.0, 7.0], linear), [0, 0.25, 1, 1]
    )


def test_low_bytes_stand_before_high_bytes():
    text = packed([np.array([0x0201], np.uint16), np.array([[0x0403]], np.uint16)])
    assert zlib.decompress(base64.b64decode(text)) == bytes([1, 3, 2, 4])
