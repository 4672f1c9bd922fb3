"""The hands of a process of a Ray cluster, and what goes between them and the sweep.

Numbers, plain values and NumPy arrays go over the wire: a program by its number among
those of the space, trees as their leaves. The task itself, with the recipe, the space
and the data, is put into Ray's object store once. This file does not import Ray.
"""

import copy
import os
import platform
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.engine.blocks import Report, TrainedBlock
from jaxdl.engine.checkpoints import carry_shapes, to_record, trained_of
from jaxdl.engine.crew import Threads
from jaxdl.engine.inputs import Family
from jaxdl.engine.kind import SETTINGS, THREADS, Kind, kind_here
from jaxdl.engine.layout import Block, block_of
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.keys import IMPL
from jaxdl.spaces.structures import MOST_PROGRAMS, structures
from jaxdl.sweeps.repeats import data_of
from jaxdl.train.epoch_state import Carry, kept
from jaxdl.train.keys import as_keys, as_numbers
from jaxdl.train.outline import Outline, outline
from jaxdl.train.structure import Structure

Number = tuple[int, int]  # of a program: of its structure, and of its family


class SentTask(NamedTuple):
    """What all hands need to know."""

    task: Task  # its keys as numbers, without its search
    digests: dict[Number, str]  # of the programs


class SentBlock(NamedTuple):
    """A block for a hand to train."""

    program: Number
    members: NDArray[np.int64]  # [n] ids
    traced: dict[str, NDArray[Any]]  # [n] by name
    first: int
    until: int
    state: list[NDArray[Any]] | None  # leaves [n, ...]; None: its members begin
    last: bool  # whether its members never train on
    pause: float = 0.0  # seconds between two times that its epochs are told, at least


class Card(NamedTuple):
    """Who a process is."""

    kind: Kind
    name: str  # of its machine, and its number there


class Numbering:
    """The programs of a task by number, as the sweep and all hands count them."""

    def __init__(self, task: Task):
        """Counts the programs of a task, whose plan and variants are known."""
        self.task = task
        self.structures = structures(task.bounded, MOST_PROGRAMS)
        self.families = [*dict.fromkeys(v.family for v in task.variants)]

    def number(self, structure: Structure, family: Family) -> Number:
        """Returns the number of a program."""
        return self.structures.index(structure), self.families.index(family)

    def sent(self, block: Block, state: Carry | None, *, last: bool) -> SentBlock:
        """Returns what to send of a block."""
        leaves = None if state is None else jax.tree.leaves(state)
        return SentBlock(
            self.number(block.structure, block.family), block.members, block.traced,
            block.first, block.until, leaves, last,
        )  # fmt: skip

    def block(self, sent: SentBlock) -> Block:
        """Returns the block that was sent."""
        structure, family = sent.program
        program = self.structures[structure], self.families[family]
        epochs = sent.first, sent.until
        return block_of(self.task, *program, sent.members, sent.traced, epochs)


def sent_task(task: Task, outlines: Outlines) -> SentTask:
    """Returns what hands need to know of a task.

    Args:
        task: with data, plan and variants.
        outlines: of each of its programs.
    """
    numbering = Numbering(task)
    digests = {
        numbering.number(structure, family): found.program
        for (structure, facts), found in outlines.items()
        for family in numbering.families
        if family.facts == facts
    }
    return SentTask(_with_keys(task._replace(search=None), _numbers), digests)


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

    def prepare(self, sent: SentTask, blocks: list[SentBlock]) -> tuple[int, str]:
        """Gets ready to train; what is ready already stays as it is.

        Args:
            sent: the task.
            blocks: one of each program.

        Returns:
            How many hands there are, and what a block takes, in words.

        Raises:
            MemoryError: no hand has room for a block.
            RunMismatchError: the recipe computes something else here.
        """
        if self.sent is None:
            self.task = _with_keys(sent.task, _as_key)
            self.numbering = Numbering(self.task)
            self.crew.begin(self.task, self.outlines)
            self.sent, self.words = sent, ""
        missing = self.crew.missing([*map(self.numbering.block, blocks)])
        if missing:
            for block in missing:
                self._outline(block)
            self.words = self.crew.prepare(missing, lambda stage: None)
        return self.crew.size, self.words

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
        return _to_wire(trained, last=sent.last)

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


def wire_shapes(task: Task, found: Outline) -> tuple[Any, Any]:
    """Returns the shapes of one member's carry, and of its weights.

    Args:
        task: its plan and its variants are known.
        found: the outline of a program of it.
    """
    carry = carry_shapes(task, found)
    return carry, jax.eval_shape(lambda x: kept(*x)[:2], carry)


def from_wire(
    shapes: tuple[Any, Any], block: Block, record: runs.Record, *, last: bool
) -> TrainedBlock:
    """Returns the trained block of a record that a hand has sent.

    Args:
        shapes: `wire_shapes` of the block's program.
        block: that was sent.
        record: what came back.
        last: as it was sent.
    """
    (whole, weights), carry = shapes, None
    record = copy.deepcopy(record)  # of a view of Ray's store, which has to be freed
    arrays = record.arrays or []
    if last:
        ours = jax.tree.unflatten(jax.tree.structure(weights), arrays)
    else:
        carry = jax.tree.unflatten(jax.tree.structure(whole), arrays)
        ours = kept(*carry)[:2]
    return trained_of(record, block, carry, as_keys(ours, weights))


def _to_wire(trained: TrainedBlock, *, last: bool) -> runs.Record:
    """Returns a trained block as a record, see `Actor.train`."""
    record = to_record(0, trained)
    if not last:
        return record
    n = len(trained.block.members)
    weights = as_numbers((trained.params, trained.state))
    return record._replace(arrays=[np.asarray(x)[:n] for x in jax.tree.leaves(weights)])


def _with_keys(task: Task, turned: Callable[[Any], Any]) -> Task:
    """Returns a task with each of its keys turned into something else."""
    variants = tuple(v._replace(key=turned(v.key)) for v in task.variants)
    return task._replace(key=turned(task.key), variants=variants)


def _numbers(key: jax.Array) -> Any:
    return np.asarray(jax.random.key_data(key))


def _as_key(numbers: Any) -> jax.Array:
    return jax.random.wrap_key_data(numbers, impl=IMPL)
