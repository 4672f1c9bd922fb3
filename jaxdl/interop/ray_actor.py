"""The hands of a process of a Ray cluster, and what goes between them and the sweep.

Numbers, plain values and NumPy arrays go over the wire: a program by its number among
those of the space, trees as their leaves. The task itself, with the recipe, the space
and the data, is put into Ray's object store once. This file does not import Ray.
"""

import os
import platform
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.compilation_cache import enable_compilation_cache
from jaxdl.engine.blocks import Report, TrainedBlock
from jaxdl.engine.checkpoints import carry_shapes, to_record
from jaxdl.engine.crew import Threads
from jaxdl.engine.inputs import Family
from jaxdl.engine.kind import SETTINGS, Kind, kind_here
from jaxdl.engine.layout import Block, block_of
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.spaces.structures import MOST_PROGRAMS, structures
from jaxdl.sweeps.repeats import data_of
from jaxdl.train.epoch_state import Carry, kept
from jaxdl.train.keys import IMPL, as_keys, as_numbers
from jaxdl.train.outline import Outline, outline
from jaxdl.train.structure import Structure

Number = tuple[int, int]  # of a program: of its structure, and of its family


class Setting(NamedTuple):
    """What hands need to know, the same for all of them."""

    task: Task  # its keys as numbers, without its search
    digests: dict[Number, str]  # of the programs


class Interval(NamedTuple):
    """Epochs of a block, for a hand to train."""

    program: Number
    members: NDArray[np.int64]  # [n] ids
    traced: dict[str, NDArray[Any]]  # [n] by name
    first: int
    until: int
    state: list[NDArray[Any]] | None  # leaves [n, ...]; None: its members begin
    last: bool  # whether its members never train on


class Card(NamedTuple):
    """Who a process is."""

    kind: Kind
    name: str  # of its machine, and its number there


class Programs:
    """The programs of a task by number, as the sweep and all hands count them."""

    def __init__(self, task: Task):
        """Counts the programs of a task, whose plan and variants are known."""
        self.task = task
        self.structures = structures(task.bounded, MOST_PROGRAMS)
        self.families = [*dict.fromkeys(v.family for v in task.variants)]

    def number(self, structure: Structure, family: Family) -> Number:
        """Returns the number of a program."""
        return self.structures.index(structure), self.families.index(family)

    def interval(self, block: Block, state: Carry | None, *, last: bool) -> Interval:
        """Returns what to send of a block."""
        leaves = None if state is None else jax.tree.leaves(state)
        return Interval(
            self.number(block.structure, block.family), block.members, block.traced,
            block.first, block.until, leaves, last,
        )  # fmt: skip

    def block(self, interval: Interval) -> Block:
        """Returns the block that was sent."""
        structure, family = interval.program
        program = self.structures[structure], self.families[family]
        epochs = interval.first, interval.until
        return block_of(self.task, *program, interval.members, interval.traced, epochs)


def setting_of(task: Task, outlines: Outlines) -> Setting:
    """Returns what hands need to know of a task.

    Args:
        task: with data, plan and variants.
        outlines: of each of its programs.
    """
    programs = Programs(task)
    digests = {
        programs.number(structure, family): found.program
        for (structure, facts), found in outlines.items()
        for family in programs.families
        if family.facts == facts
    }
    variants = [v._replace(key=_numbers(v.key)) for v in task.variants]
    numbers = {"key": _numbers(task.key), "variants": tuple(variants)}
    return Setting(task._replace(search=None, **numbers), digests)


def jax_settings() -> dict[str, Any]:
    """Returns the settings of this JAX that a hand has to have as well."""
    names = ["jax_threefry_partitionable", *SETTINGS]
    return {n: jax.config.values[n] for n in names if n in jax.config.values}


class Actor:
    """A process of the cluster. Its hands are threads, a crew of their own."""

    def __init__(self, hands: int | None, settings: dict[str, Any], paths: list[str]):
        """Sets the process up.

        Args:
            hands: on its CPU; None: one for each of its accelerators.
            settings: of JAX.
            paths: where the sweep finds modules, for machines with the same folders.
        """
        sys.path += [p for p in paths if p not in sys.path and os.path.isdir(p)]
        if hands is not None:
            jax.config.update("jax_platforms", "cpu")
        for name, value in settings.items():
            jax.config.update(name, value)
        enable_compilation_cache()
        devices = jax.local_devices()
        self.crew = Threads(devices if hands is None else devices[:1] * hands)
        self.setting: Setting | None = None
        self.outlines: dict[tuple[Structure, Any], Outline] = {}

    def card(self) -> Card:
        """Returns who this process is."""
        return Card(kind_here(), f"{platform.node()}, process {os.getpid()}")

    def prepare(self, setting: Setting, blocks: list[Interval]) -> tuple[int, str]:
        """Gets ready to train; what is ready already stays as it is.

        Args:
            setting: of the task.
            blocks: one of each program.

        Returns:
            How many hands there are, and what a block takes, in words.

        Raises:
            MemoryError: no hand has room for a block.
            RunMismatchError: the recipe computes something else here.
        """
        if self.setting is None:
            key = _as_key(setting.task.key)
            variants = [v._replace(key=_as_key(v.key)) for v in setting.task.variants]
            self.task = setting.task._replace(key=key, variants=tuple(variants))
            self.programs = Programs(self.task)
            self.crew.begin(self.task, self.outlines)
            self.setting, self.words = setting, ""
        missing = self.crew.missing([self.programs.block(one) for one in blocks])
        if missing:
            for block in missing:
                self._outline(block)
            self.words = self.crew.prepare(missing, lambda stage: None)
        return self.crew.size, self.words

    def train(self, interval: Interval) -> Iterator[Any]:
        """Yields number, status and metrics of each epoch, then the record of all.

        The arrays of the record are the leaves of the carry. If the interval is the
        last, they are those of parameters and layer state.
        """
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def work() -> None:
            try:
                heard.put(self._train(interval, lambda *told: heard.put(told)))
            except BaseException as error:
                heard.put(error)

        threading.Thread(target=work, daemon=True).start()
        told: Any = None
        while not isinstance(told, runs.Record):
            told = heard.get()
            if isinstance(told, BaseException):
                raise told
            yield told

    def _train(self, interval: Interval, report: Report) -> runs.Record:
        block, state = self.programs.block(interval), None
        if interval.state is not None:
            tree = _carry_tree(self.task, self._outline_of(block))
            state = jax.tree.unflatten(tree, interval.state)
        hand = self.crew.take(threading.Event())
        try:
            trained = hand.train(block, state, report, last=interval.last)
        finally:
            self.crew.give(hand)
        return _to_wire(trained, last=interval.last)

    def _outline_of(self, block: Block) -> Outline:
        return self.outlines[block.structure, block.family.facts]

    def _outline(self, block: Block) -> None:
        """Traces the program of a block, and checks that it is the sweep's."""
        assert self.setting is not None and self.task.data is not None
        facts = block.family.facts
        (variant, *_) = (v for v in self.task.variants if v.facts == facts)
        found = outline(
            self.task.recipe,
            {n: jax.ShapeDtypeStruct((), x.dtype) for n, x in block.traced.items()},
            block.structure,
            data_of(variant, self.task.data),
            facts,
        )
        number = self.programs.number(block.structure, block.family)
        if found.program != self.setting.digests[number]:
            raise runs.RunMismatchError(
                "got a recipe that computes something else there; expected the same "
                "program on all machines: the same versions of all libraries, and the "
                "same files"
            )
        self.outlines[block.structure, facts] = found


def from_wire(
    task: Task, found: Outline, block: Block, record: runs.Record, *, last: bool
) -> TrainedBlock:
    """Returns the trained block of a record that a hand has sent.

    Args:
        task: its plan and its variants are known.
        found: the outline of the block's program.
        block: that was sent.
        record: what came back.
        last: as it was sent.
    """
    shapes = carry_shapes(task, found)
    weights = jax.eval_shape(lambda x: kept(*x)[:2], shapes)
    # Copies: what Ray gives is a view of its object store, which has to be freed.
    arrays, carry = [np.array(x) for x in record.arrays or []], None
    if last:
        ours = jax.tree.unflatten(jax.tree.structure(weights), arrays)
    else:
        carry = jax.tree.unflatten(jax.tree.structure(shapes), arrays)
        ours = kept(*carry)[:2]
    params, state = as_keys(ours, weights)
    losses = record.step_losses
    return TrainedBlock(
        block=block, params=params, state=state, carry=carry,
        status=np.array(record.status), stopped_at=np.array(record.stopped_at),
        steps=np.array(record.steps), kept_epoch=np.array(record.kept_epoch),
        metrics={name: np.array(x) for name, x in record.metrics.items()},
        step_losses=None if losses is None else np.array(losses),
    )  # fmt: skip


def _to_wire(trained: TrainedBlock, *, last: bool) -> runs.Record:
    """Returns a trained block as a record, see `Actor.train`."""
    record = to_record(0, trained)
    if not last:
        return record
    n = len(trained.block.members)
    weights = as_numbers((trained.params, trained.state))
    return record._replace(arrays=[np.asarray(x)[:n] for x in jax.tree.leaves(weights)])


def _carry_tree(task: Task, found: Outline) -> Any:
    return jax.tree.structure(carry_shapes(task, found))


def _numbers(key: jax.Array) -> Any:
    return np.asarray(jax.random.key_data(key))


def _as_key(numbers: Any) -> jax.Array:
    return jax.random.wrap_key_data(numbers, impl=IMPL)
