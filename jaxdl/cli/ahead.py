"""Imports that the end of a command needs, made while its programs compile.

Python runs one thread at a time, so a second one that imports gains nothing while
recipes are traced. The compiler leaves Python idle. A core is idle too from the moment
that the first program is compiled.
"""

import contextlib
import importlib
import threading
from collections.abc import Iterator
from typing import Any

import jax

# What JAX says after each program. Without it the import is made when it is needed.
COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def imports(module: str) -> Iterator[None]:
    """Imports a module beside what runs in this context, from its first program on.

    A module that is missing stays so; whoever needs it says it.
    """
    once = threading.Lock()

    def import_it() -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event == COMPILED and once.acquire(blocking=False):
            threading.Thread(target=import_it, daemon=True).start()

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
