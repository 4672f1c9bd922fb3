"""JSON of finite numbers; equal values have equal text."""

import json
import math
from typing import Any


def dumps(value: Any) -> str:
    """Returns the text of a value.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: JSON has no such value.
    """
    return json.dumps(value, allow_nan=False, sort_keys=True)


def loads(text: Any) -> Any:
    """Returns the value of a text.

    Raises:
        ValueError: the text is not JSON, or a number in it is not finite.
    """
    if not isinstance(text, str):
        raise ValueError(f"got {text!r:.80}; expected a text of JSON")
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("got JSON nested too deeply; expected a few levels") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"got the number {text:.40}; expected a finite one")
    return number
