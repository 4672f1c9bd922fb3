"""Identity of a training: digests of its program and of its data."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from jaxdl.data import Splits
from jaxdl.data.deferred import as_values
from jaxdl.data.passes import chunks
from jaxdl.keys import is_key
from jaxdl.train.structure import RecipeError

ADDRESS = re.compile("0x[0-9a-f]+")  # of Python functions; differs between processes


def program_digest(traces: Iterable[Any]) -> str:
    """Returns the SHA-256 of traced functions and the constants they close over.

    Two recipes that compute the same have the same digest, whatever their names and
    files are, and whether or not the terminal shows colors. Another version of JAX may
    trace the same function in other steps.

    Args:
        traces: results of `jax.make_jaxpr`.
    """
    digest = hashlib.sha256()
    for trace in traces:
        text = trace.pretty_print(use_color=False)  # `str` is colored in a terminal
        digest.update(ADDRESS.sub("0x", text).encode())
        for constant in _constants(trace):
            digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()


def check_no_callbacks(traces: Iterable[Any]) -> None:
    """Checks that traced functions compute everything themselves.

    What `jax.debug.print` and `jax.debug.callback` call gives no number back, so these
    are allowed.

    Args:
        traces: results of `jax.make_jaxpr`.

    Raises:
        RecipeError: one calls back into Python, with `jax.pure_callback` or
            `io_callback`.
    """
    for trace in traces:
        for equation in (e for part in _parts(trace) for e in part.eqns):
            name = equation.primitive.name
            if "callback" in name and not name.startswith("debug"):
                raise RecipeError(
                    f"the recipe has a {name}; expected a computation of JAX alone: "
                    "what Python gives back is not in the program, so no run could "
                    "tell when it changes. Write it with jax.numpy, or give it as data"
                )


def _constants(trace: Any) -> Iterator[Any]:
    """Yields the constants of a traced function and of those it calls, as numbers.

    The text of a trace holds neither the values of these constants, nor those of arrays
    that stand in the place of an argument.
    """
    for part in _parts(trace):
        for constant in (*getattr(part, "consts", ()), *_arrays(part)):
            yield jax.random.key_data(constant) if is_key(constant) else constant


def _parts(trace: Any) -> Iterator[Any]:
    """Yields a traced function, and those that it calls, each before its own."""
    yield trace
    for equation in trace.eqns:
        for part in jax.tree.leaves(list(equation.params.values())):
            if hasattr(part, "eqns"):
                yield from _parts(part)


def _arrays(part: Any) -> Iterator[Any]:
    """Yields what stands in the place of arguments, but for numbers.

    JAX puts constants there with `JAX_USE_SIMPLIFIED_JAXPR_CONSTANTS`.
    """
    outputs = getattr(part, "jaxpr", part).outvars
    for place in (*(x for e in part.eqns for x in e.invars), *outputs):
        value = getattr(place, "val", 0)
        if np.ndim(value) > 0 or is_key(value):
            yield value


def data_digest(data: Splits) -> str:
    """Returns the SHA-256 of the train and dev sets: types, shapes and content."""
    return arrays_digest((data.train, data.dev))


def arrays_digest(tree: Any) -> str:
    """Returns the SHA-256 of the arrays of a tree: types, shapes and content."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = as_values(leaf)
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        for _, rows in chunks(array if array.ndim else array[None]):
            digest.update(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
