"""Values of NumPy and JAX as plain Python has them, and as JSON has them."""

import math
from typing import Any


def scalar(value: Any) -> Any:
    """Returns the Python value that a NumPy or JAX scalar holds; others unchanged."""
    return value.item() if hasattr(value, "item") and value.ndim == 0 else value


def to_json(value: Any) -> Any:
    """Returns a value as JSON has it: dicts, lists, texts and finite numbers.

    A number that is not finite becomes None, a NamedTuple a dict, and an object that
    JSON does not know its text.
    """
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): to_json(inner) for name, inner in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)
