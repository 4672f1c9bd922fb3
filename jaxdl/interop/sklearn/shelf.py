"""The shelf: trainings that a search of scikit-learn asks for, trained together.

The search runs twice. In the first run each estimator notes its request and goes on
untrained; then all requests train in one sweep; in the second run each estimator finds
its networks. So whatever scikit-learn does around an estimator, such as the other steps
of a pipeline, needs no second implementation.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from jaxdl.interop.sklearn.networks import Networks
from jaxdl.interop.sklearn.requests import Request
from jaxdl.interop.sklearn.training import train


class Shelf:
    """Requests that are noted, and the networks of those that have trained."""

    def __init__(self) -> None:
        self._notes: dict[tuple[Any, ...], Request] | None = {}  # None: all trained
        self._networks: dict[tuple[Any, ...], Networks] = {}

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Makes estimators of this thread ask the shelf."""
        token = _open.set(self)
        try:
            yield
        finally:
            _open.reset(token)

    def train(self) -> None:
        """Trains what has been noted."""
        assert self._notes is not None
        self._networks, self._notes = train(self._notes.values()), None

    def ask(self, request: Request) -> Networks | None:
        """Returns the networks of a request; None: it is noted.

        What was not noted trains by itself, such as the refit with the best parameters.
        """
        if self._notes is not None:
            self._notes[request.key] = request
            return None
        return self._networks.get(request.key) or train_one(request)


_open: ContextVar[Shelf | None] = ContextVar("shelf", default=None)


def networks_for(request: Request) -> Networks | None:
    """Returns the networks of a request; None: an open shelf has noted it."""
    shelf = _open.get()
    return train_one(request) if shelf is None else shelf.ask(request)


def train_one(request: Request) -> Networks:
    """Returns the networks of a request that trains by itself."""
    return train([request])[request.key]
