"""Datasets and splits as a Python session and a notebook show them."""

from typing import Any

from jaxdl import shown
from jaxdl.data.about import listed
from jaxdl.data.deferred import ungathered
from jaxdl.data.trees import named


def facts(dataset: Any) -> dict[str, str]:
    """Returns the types and shapes of the arrays, and what is known of the examples."""
    optional = {"weights": dataset.weights, "groups": dataset.groups}
    arrays = {n: x for n, x in optional.items() if x is not None}
    about, scaled = dataset.about, dataset.scaling is not None
    known = {
        "classes": listed(about.classes or ()),
        "features": listed(about.features or ()),
        "scaling": "by the programs, of raw arrays" * scaled,
        "order": "time" * about.in_order,
    }
    return {
        "inputs": _array_words(ungathered(dataset)),
        "labels": _array_words(dataset.labels),
        **{name: shown.array_words(array) for name, array in arrays.items()},
        **{n: shown.short(text) for n, text in known.items() if text},
    }


def _array_words(arrays: Any) -> str:
    """Returns the type and shape of an array, or of each array by its name."""
    found = {name: shown.array_words(x) for name, x in named(arrays).items()}
    return ", ".join(f"{name} {x}".lstrip() for name, x in found.items())


def facts_of_sets(splits: Any) -> dict[str, str]:
    """Returns the arrays of each set, and what is known of all their examples."""
    found = {n: facts(d) for n, d in splits.sets.items() if hasattr(d, "about")}
    sets = {
        name: f"inputs {own.pop('inputs')}, labels {own.pop('labels')}"
        for name, own in found.items()
    }
    moments = "none" if splits.moments is None else "of the raw train inputs"
    return sets | found.get("train", {}) | {"moments": moments}
