"""Forms of one computation, of which the platform that compiles it takes its own."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import jax

_ALONE: ContextVar[bool] = ContextVar("the default form alone", default=False)


def by_platform(
    *arguments: Any, cpu: Callable[..., Any], default: Callable[..., Any]
) -> Any:
    """Returns `cpu(*arguments)` in programs for a CPU, else `default(*arguments)`."""
    if _ALONE.get():
        return default(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=cpu, default=default)


@contextlib.contextmanager
def default_form() -> Iterator[None]:
    """Has what is traced meanwhile take the default form, for other compilers."""
    before = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(before)
