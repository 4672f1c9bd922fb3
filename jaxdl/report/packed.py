"""Curves and coordinates as small whole numbers, which the page unpacks.

A number becomes its place on its axis: 1 is the low end, 65,535 the high end, and 0
stands for a number that is absent. So no place is off by more than half of 1/65,534 of
the axis. The page inflates the numbers itself.
"""

import base64
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.report.style import Errors

STEPS = 65_534  # between the ends of an axis


def codes(fractions: ArrayLike) -> NDArray[np.uint16]:
    """Returns the codes of places on an axis, from 0 to 1; NaN stands for absent."""
    places = np.asarray(fractions, float)
    return np.where(np.isnan(places), 0, 1 + np.rint(STEPS * places)).astype(np.uint16)


def fractions(values: ArrayLike, axis: Errors) -> NDArray[np.float64]:
    """Returns where values lie between the ends of an axis, which cuts off others."""
    read = np.log if axis.log else np.asarray
    low, high = read(axis.low), read(axis.high)
    return (read(axis.clip(np.asarray(values, float))) - low) / (high - low)


def packed(arrays: Iterable[NDArray[np.uint16]]) -> str:
    """Returns codes, one array after another, deflated, in base64.

    All low bytes stand before all high bytes, which makes them smaller.
    """
    flat = np.concatenate([np.ravel(array) for array in arrays]).astype("<u2")
    halves = flat.view(np.uint8).reshape(-1, 2).T
    return base64.b64encode(zlib.compress(halves.tobytes(), 6)).decode()
