"""Identity of a training: digests of its program and of its data."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from jaxdl.data import Splits

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


def _constants(trace: Any) -> Iterator[Any]:
    """Yields the constants of a traced function and of those it calls, as numbers.

    The text of a trace holds the names of these constants, but not their values.
    """
    for constant in getattr(trace, "consts", ()):
        is_key = jax.dtypes.issubdtype(constant.dtype, jax.dtypes.prng_key)
        yield jax.random.key_data(constant) if is_key else constant
    for equation in trace.eqns:
        for part in jax.tree.leaves(list(equation.params.values())):
            if hasattr(part, "eqns"):
                yield from _constants(part)


def data_digest(data: Splits) -> str:
    """Returns the SHA-256 of the train and dev sets: types, shapes and content."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves((data.train, data.dev)):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
