"""The hands of a process of a Ray cluster. This file does not import Ray."""

import os
import platform
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from jaxdl import runs
from jaxdl.compilation_cache import (
    add_programs,
    enable_compilation_cache,
    noted_keys,
    read_programs,
)
from jaxdl.engine.blocks import Report
from jaxdl.engine.checkpoints import carry_shapes, to_record
from jaxdl.engine.crew import Threads
from jaxdl.engine.kind import SETTINGS, THREADS, Kind, kind_here
from jaxdl.engine.layout import Block
from jaxdl.interop.ray_wire import (
    Numbering,
    SentBlock,
    SentTask,
    task_of,
)
from jaxdl.sweeps.repeats import data_of
from jaxdl.train.outline import Outline, outline
from jaxdl.train.structure import Structure


class Card(NamedTuple):
    """Who a process is."""

    kind: Kind
    name: str  # of its machine, and its number there


def jax_settings() -> dict[str, Any]:
    """Returns the settings of this JAX that a hand has to have as well."""
    names = ["jax_threefry_partitionable", *SETTINGS]
    return {n: jax.config.values[n] for n in names if n in jax.config.values}


class Actor:
    """A process of the cluster. Its hands are threads, a crew of their own."""

    def __init__(
        self,
        hands: int | None,
        threads: int | None,
        settings: dict[str, Any],
        paths: list[str],
    ):
        """Sets the process up.

        Args:
            hands: on its CPU; None: one for each of its accelerators.
            threads: of XLA on its CPU; None: as many as the machine has cores.
            settings: of JAX.
            paths: where the sweep finds modules, for machines with the same folders.
        """
        sys.path += [p for p in paths if p not in sys.path and os.path.isdir(p)]
        if threads is not None:
            os.environ[THREADS] = str(threads)  # before JAX makes its devices
        if hands is not None:
            jax.config.update("jax_platforms", "cpu")
        for name, value in settings.items():
            jax.config.update(name, value)
        enable_compilation_cache()
        devices = jax.local_devices()
        self.crew = Threads(devices if hands is None else devices[:1] * hands)
        self.sent: SentTask | None = None
        self.outlines: dict[tuple[Structure, Any], Outline] = {}

    def card(self) -> Card:
        """Returns who this process is."""
        return Card(kind_here(), f"{platform.node()}, process {os.getpid()}")

    def prepare(
        self, sent: SentTask, blocks: list[SentBlock], programs: dict[str, bytes]
    ) -> tuple[int, str, dict[str, bytes]]:
        """Gets ready to train; what is ready already stays as it is.

        Args:
            sent: the task.
            blocks: one of each program.
            programs: that other processes have compiled, see `add_programs`.

        Returns:
            How many hands there are; what a block takes, in words; and the compiled
            programs that the others did not have.

        Raises:
            MemoryError: no hand has room for a block.
            RunMismatchError: the recipe computes something else here.
        """
        if self.sent is None:
            self.task = task_of(sent)
            self.numbering = Numbering(self.task)
            self.crew.begin(self.task, self.outlines)
            self.sent, self.words, self.keys = sent, "", set[str]()
        missing = self.crew.missing([*map(self.numbering.block, blocks)])
        if missing:
            for block in missing:
                self._outline(block)
            add_programs(programs)
            with noted_keys() as self.keys:
                self.words = self.crew.prepare(missing, lambda stage: None)
        return self.crew.size, self.words, read_programs(self.keys - programs.keys())

    def train(self, sent: SentBlock) -> Iterator[list[Any]]:
        """Yields number, status and metrics of each epoch, then the record of all.

        They come in lists: the first epoch at once, those after it with the first that
        ends after the pause, the rest before the record. The record has the leaves of
        the carry; or, if its members never train on, of parameters and layer state.
        """
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def work() -> None:
            try:
                heard.put(self._train(sent, lambda *told: heard.put(told)))
            except BaseException as error:
                heard.put(error)

        threading.Thread(target=work, daemon=True).start()
        told, due = list[Any](), 0.0
        while not isinstance(one := heard.get(), runs.Record):
            if isinstance(one, BaseException):
                raise one
            told.append(one)
            if time.monotonic() >= due:
                yield told
                told, due = [], time.monotonic() + sent.pause
        if told:  # by itself: the driver times epochs, and what a record takes beside
            yield told
        yield [one]

    def _train(self, sent: SentBlock, report: Report) -> runs.Record:
        block, state = self.numbering.block(sent), None
        if sent.state is not None:
            found = self.outlines[block.structure, block.family.facts]
            tree = jax.tree.structure(carry_shapes(self.task, found))
            state = jax.tree.unflatten(tree, sent.state)
        hand = self.crew.take(threading.Event())
        try:
            trained = hand.train(block, state, report, last=sent.last)
        finally:
            self.crew.give(hand)
        return to_record(0, trained)

    def _outline(self, block: Block) -> None:
        """Traces the program of a block, and checks that it is the sweep's."""
        assert self.sent is not None and self.task.data is not None
        facts = block.family.facts
        (variant, *_) = (v for v in self.task.variants if v.facts == facts)
        found = outline(
            self.task.recipe,
            {n: jax.ShapeDtypeStruct((), x.dtype) for n, x in block.traced.items()},
            block.structure,
            data_of(variant, self.task.data),
            facts,
        )
        number = self.numbering.number(block.structure, block.family)
        if found.program != self.sent.digests[number]:
            raise runs.RunMismatchError(
                "got a recipe that computes something else there; expected the same "
                "program on all machines: the same versions of all libraries, and the "
                "same files"
            )
        self.outlines[block.structure, facts] = found
