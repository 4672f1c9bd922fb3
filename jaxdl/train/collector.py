"""Python's garbage collector rests while JAX traces."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Pauses Python's garbage collector, unless it is off already.

    A trace makes many objects and keeps most of them. So the collector starts often,
    looks at everything that JAX and its libraries hold, and finds little. Each trace
    has a pause of its own, so that garbage does not pile up over many programs.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
