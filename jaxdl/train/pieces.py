"""Pieces of an epoch: examples of a few steps, read from data that stay on the host.

A piece has each of its examples once, and the order of its steps among them. So a step
gathers its batch from a piece as it would from the whole set, with the same bits.
"""

import concurrent.futures
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.data import Dataset
from jaxdl.data.about import About
from jaxdl.data.deferred import as_values
from jaxdl.data.rows import read_into
from jaxdl.data.trees import num_examples
from jaxdl.train.part import on_device_shapes

PIECE_BYTES = 2**24  # of a piece, unless LEAST_STEPS take more
# XLA moves what a loop over one step computes out of the loop, and rounds differently.
LEAST_STEPS = 2
THREADS = 2  # that read
HELD = 3  # pieces on the host for one epoch: in training, ready, being read


class Piece(NamedTuple):
    """The examples of some steps, on the host."""

    dataset: Dataset  # [R, ...] in the types of a device, without scaling
    order: Any  # int32 [S, B], or [K, S, B]: rows of the dataset
    steps: Any  # [] int32: how many of the S steps it has


class Pieces(NamedTuple):
    """How a dataset is read: all pieces of its epochs have one shape."""

    dataset: Dataset  # on the host
    like: Dataset  # shapes and types on a device
    room: int  # R, the examples that a piece has room for
    steps: int  # S, the steps that a piece has room for

    def count(self, steps: int) -> int:
        """Returns how many pieces an epoch of so many steps has."""
        return -(-steps // self.steps)

    @property
    def nbytes(self) -> int:
        """How many bytes a piece has."""
        return self.room * bytes_of_one(self.like)

    def read(self, order: NDArray[np.integer], number: int) -> Piece:
        """Returns a piece of an epoch.

        Args:
            order: of the epoch, `[steps, B]` or `[K, steps, B]` rows of the dataset.
            number: of the piece, counted from 0.
        """
        first = number * self.steps
        some = order[..., first : first + self.steps, :]
        rows, places = np.unique(some, return_inverse=True)
        own = np.zeros((*order.shape[:-2], self.steps, order.shape[-1]), np.int32)
        steps = some.shape[-2]
        own[..., :steps, :] = places.reshape(some.shape)

        def taken(array: Any, like: Any) -> NDArray[Any]:
            found = np.zeros((self.room, *like.shape[1:]), like.dtype)
            read_into(found, array, rows)
            return found

        dataset = jax.tree.map(taken, self.dataset, self.like)
        return Piece(dataset, own, np.int32(steps))

    def shapes(self, order: Any) -> Piece:
        """Returns the shapes and types of the pieces of an order with such a shape."""
        dataset = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((self.room, *x.shape[1:]), x.dtype),
            self.like,
        )
        shape = (*order.shape[:-2], self.steps, order.shape[-1])
        order, steps = (jax.ShapeDtypeStruct(s, np.int32) for s in (shape, ()))
        return Piece(dataset, order, steps)


def pieces(dataset: Dataset, steps: int, width: int, lanes: int = 1) -> Pieces:
    """Returns how to read a dataset.

    Args:
        dataset: see `on_host`.
        steps: of an epoch.
        width: B, the examples of a step.
        lanes: how many orders a piece is of, at most.
    """
    like = on_device_shapes(dataset)
    fitting = PIECE_BYTES // max(1, bytes_of_one(like) * width * lanes)
    some = min(max(LEAST_STEPS, fitting), steps)
    room = min(num_examples(dataset.inputs), some * width * lanes)
    return Pieces(dataset, like, room, some)


def bytes_of_one(like: Dataset) -> int:
    """Returns how many bytes an example has, of shapes and types `[m, ...]`."""
    arrays = jax.tree.leaves((like.inputs, like.labels, like.weights))
    return sum(math.prod(x.shape[1:]) * x.dtype.itemsize for x in arrays)


def on_host(dataset: Dataset) -> Dataset:
    """Returns those arrays of a dataset that a step reads, and its sources."""
    about = About(ids=dataset.about.ids)
    bare = replace(dataset, groups=None, scaling=None, about=about)
    return jax.tree.map(as_values, bare)


def without_inputs(dataset: Dataset) -> Dataset:
    """Returns a dataset of as many examples, whose inputs `[m, 0]` take no memory."""
    nothing = np.empty((num_examples(dataset.inputs), 0), np.float32)
    return replace(dataset, inputs=nothing)


class Reader:
    """Reads pieces ahead, in threads, once for all who ask for them at about a time."""

    def __init__(self, kept: int):
        """Makes a reader.

        Args:
            kept: how many pieces it keeps, those that were asked for last.
        """
        self.kept = kept
        self._pool = concurrent.futures.ThreadPoolExecutor(THREADS)
        self._known: OrderedDict[Hashable, concurrent.futures.Future[Piece]]
        self._known, self._lock = OrderedDict(), threading.Lock()

    def each(
        self, wanted: list[tuple[Hashable, Callable[[], Piece]]]
    ) -> Iterator[Piece]:
        """Yields pieces in order, while it reads the next one.

        Args:
            wanted: what each piece is found by, and how it is read.
        """
        for number in range(len(wanted)):
            now, *_ = [self._ask(*one) for one in wanted[number : number + 2]]
            yield now.result()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._known.clear()

    def _ask(
        self, key: Hashable, function: Callable[[], Piece]
    ) -> concurrent.futures.Future[Piece]:
        with self._lock:
            found = self._known.get(key)
            if found is None or (found.done() and found.exception()):
                found = self._known[key] = self._pool.submit(function)
            self._known.move_to_end(key)
            while len(self._known) > self.kept:
                self._known.popitem(last=False)
        return found
