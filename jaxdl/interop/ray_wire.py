"""What goes between a sweep and the processes of a Ray cluster.

Numbers, plain values and NumPy arrays go over the wire: a program by its number among
those of the space, trees as their leaves. The task itself, with the recipe, the space
and the data, is put into Ray's object store once. This file does not import Ray.
"""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl import runs
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.engine.checkpoints import carry_shapes, trained_of
from jaxdl.engine.inputs import Family
from jaxdl.engine.layout import Block, block_of
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.keys import key_of, key_words
from jaxdl.spaces.structures import MOST_PROGRAMS, structures
from jaxdl.train.epoch_state import Carry, kept
from jaxdl.train.keys import as_keys
from jaxdl.train.outline import Outline
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
    return SentTask(_with_keys(task._replace(search=None), key_words), digests)


def task_of(sent: SentTask) -> Task:
    """Returns the task that was sent, which has no search."""
    return _with_keys(sent.task, key_of)


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


def _with_keys(task: Task, turned: Callable[[Any], Any]) -> Task:
    """Returns a task with each of its keys turned into something else."""
    variants = tuple(v._replace(key=turned(v.key)) for v in task.variants)
    return task._replace(key=turned(task.key), variants=variants)
