"""A model as plain values: the name and the settings of each layer.

A layer is a pair of functions inside the one that made it. That one names the layer,
and the plain values that the two remember are its settings.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdl import nn
from jaxdl.plain import scalar


def architecture(layer: nn.Layer | Callable[..., Any]) -> dict[str, Any]:
    """Returns a layer's name, its settings and, as `parts`, the layers inside it.

    A size is its live count, a choice its option. Functions among the settings, such
    as initializers, are left out.

        >>> architecture(nn.serial(nn.dense(2), nn.relu))["parts"]
        [{'layer': 'dense', 'units': 2, 'use_bias': True}, {'layer': 'relu'}]
    """
    if not isinstance(layer, nn.Layer):
        return _described([layer])
    known = _remembered(layer.init)
    if set(known) == {"function"}:  # of a plain function, such as relu
        return _described([known["function"]])
    described = _described([layer.init, layer.apply])
    if layer.parts:
        described["parts"] = [architecture(part) for part in layer.parts]
    return described


def _described(functions: list[Callable[..., Any]]) -> dict[str, Any]:
    settings = {
        name: _plain(value)
        for function in functions
        for name, value in _remembered(function).items()
        if _is_plain(value)
    }
    first = functions[0]
    name = getattr(first, "__qualname__", type(first).__name__).partition(".<")[0]
    if name.startswith("_") and "name" in settings:  # several layers share the maker
        name = settings.pop("name")
    return {"layer": name} | settings


def _remembered(function: Callable[..., Any]) -> dict[str, Any]:
    if not inspect.isfunction(function):
        return {}
    return dict(inspect.getclosurevars(function).nonlocals)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value)) and not isinstance(value, nn.Layer)
    return value is None or isinstance(_plain(value), str | int | float)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    value = value.option if isinstance(value, nn.OneOf) else nn.size.live(value)
    value = scalar(value)
    return value.item() if isinstance(value, np.generic) else value
