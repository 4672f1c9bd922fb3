"""Python's collector of cycles, kept from walking over all of JAX again and again."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Pauses the collector, if it runs.

    A trace makes ten thousands of objects and keeps most of them. Now and then the
    collector would walk over them and over all that JAX and its libraries hold, which
    took a fifth of the time of a sweep's call beside its epochs. It goes on after each
    program, so that cycles do not pile up.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
