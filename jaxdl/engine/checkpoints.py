"""Checkpoints: a trained block as a record of a run's store, and back.

A member's bits depend on nothing but its task, so a run that resumes from its records
is equal to the bit to one that was never interrupted.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import runs
from jaxdl.engine.blocks import TrainedBlock
from jaxdl.engine.layout import Block, block_of, structures_of
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung
from jaxdl.spaces.sample import traced_columns
from jaxdl.train.epoch_state import Carry, Status, init_epoch_state, kept
from jaxdl.train.facts import Facts
from jaxdl.train.keys import as_keys, as_numbers
from jaxdl.train.outline import Outline
from jaxdl.train.structure import Structure


def never_goes_on(task: Task, epochs: int, *, on_disk: bool) -> bool:
    """Returns whether nobody can ask for more of members than their weights.

    A run is extended in epochs, unless it keeps the weights of the best alone.

    Args:
        task: of the members.
        epochs: that they will have trained.
        on_disk: whether there is a run.
    """
    return epochs == task.epochs and (not on_disk or task.keep is not None)


def to_record(rung_number: int, trained: TrainedBlock) -> runs.Record:
    """Returns a trained block as a record, without its padding.

    Its arrays are the leaves of the carry; if its members never train on, those of
    their weights.
    """
    block, n = trained.block, len(trained.block.members)
    held = trained.carry
    if held is None:
        held = as_numbers((trained.params, trained.state))
    return runs.Record(
        rung=rung_number,
        members=block.members,
        first=block.first,
        until=block.until,
        status=trained.status,
        stopped_at=trained.stopped_at,
        steps=trained.steps,
        kept_epoch=trained.kept_epoch,
        metrics=trained.metrics,
        arrays=[np.asarray(leaf)[:n] for leaf in jax.tree.leaves(held)],
        step_losses=trained.step_losses,
    )


def from_records(
    task: Task, outlines: Outlines, rung: Rung, records: Iterable[runs.Record]
) -> Iterator[TrainedBlock]:
    """Yields records of a rung as the trained blocks that they were.

    Raises:
        DamagedError: no block of this task leaves such a record.
    """
    find = _block_finder(task, rung)

    @functools.cache
    def shapes(structure: Structure, facts: Facts) -> tuple[Carry, Any]:
        carry = carry_shapes(task, outlines[structure, facts])
        weights = jax.eval_shape(lambda x: kept(*x)[:2], carry)
        return jax.eval_shape(as_numbers, carry), weights

    for record in records:
        block = find(record)
        possible = _is_possible(task, record)
        if block is None or not possible or not _fits(task, outlines, block, record):
            raise runs.DamagedError(
                f"got record {record.id} of the run, of members "
                f"{record.members.tolist()}; expected one that a block of this sweep "
                "leaves"
            )
        carry, weights = None, (None, None)
        if record.arrays is not None:
            numbers, typed = shapes(block.structure, block.family.facts)
            alone = jax.eval_shape(as_numbers, typed)
            ended = never_goes_on(task, record.until, on_disk=True)
            if ended and len(record.arrays) == len(jax.tree.leaves(alone)):
                held = _unflattened(alone, record)
            else:
                carry = _unflattened(numbers, record)
                held = kept(*carry)[:2]
            weights = as_keys(held, typed)
        yield trained_of(record, block, carry, weights)


def carry_of(
    task: Task, outlines: Outlines, trained: TrainedBlock, store: runs.Store | None
) -> Carry:
    """Returns the carry of a block, its keys as numbers.

    Of a block that was put away it is read from the store, without padding.

    Raises:
        DamagedError: the record is damaged; the next call trains its members again.
    """
    if trained.carry is not None:
        return trained.carry
    assert store is not None
    found = outlines[trained.block.structure, trained.block.family.facts]
    shapes = jax.eval_shape(as_numbers, carry_shapes(task, found))
    return _unflattened(shapes, store.read(trained.record))


def _block_finder(task: Task, rung: Rung) -> Callable[[runs.Record], Block | None]:
    """Returns a function that returns the one block of a record's members.

    It returns None if members of the rung make no such block. What it needs of all
    members is computed once.
    """
    place = np.full(task.num_members, -1)  # in the rung, by member; -1: not in it
    place[rung.members] = np.arange(len(rung.members))
    traced = traced_columns(task.space, rung.hparams)
    number, structures = structures_of(task.bounded, rung.hparams, len(rung.members))

    def find(record: runs.Record) -> Block | None:
        ids = record.members
        at = place[ids[(0 <= ids) & (ids < len(place))]]
        if len({*at.tolist()} - {-1}) < len(ids) or len(ids) > task.block_width:
            return None
        numbers = {*number[at].tolist()}
        variants = {*(ids % task.num_variants).tolist()}
        families = {task.variants[v].family for v in variants}
        if len(numbers) != 1 or len(families) != 1:
            return None
        structure = structures[numbers.pop()]
        columns = {n: traced[n][at] for n in structure.names if n in traced}
        epochs = record.first, record.until
        return block_of(task, structure, families.pop(), ids, columns, epochs)

    return find


def trained_of(
    record: runs.Record, block: Block, carry: Carry | None, weights: tuple[Any, Any]
) -> TrainedBlock:
    """Returns the trained block of a record.

    Args:
        record: what is known of its members.
        block: of them.
        carry: its keys as numbers; None: dropped.
        weights: parameters and layer state that they keep; None each: dropped.
    """
    params, state = weights
    float_type = np.dtype(jnp.result_type(float))
    return TrainedBlock(
        block=block,
        params=params,
        state=state,
        status=record.status,
        stopped_at=record.stopped_at,
        steps=record.steps,
        kept_epoch=record.kept_epoch,
        metrics={n: np.asarray(x, float_type) for n, x in record.metrics.items()},
        carry=carry,
        record=record.id,
        step_losses=record.step_losses,
    )


def _fits(task: Task, outlines: Outlines, block: Block, record: runs.Record) -> bool:
    """Returns whether a record has the losses of steps that the task asks for."""
    losses = record.step_losses
    if task.every is None or losses is None:
        return task.every is None and losses is None
    steps = outlines[block.structure, block.family.facts].steps_per_epoch
    return losses.shape[2] == -(-steps // task.every)


def _is_possible(task: Task, record: runs.Record) -> bool:
    """Returns whether a training can have left what a record says."""
    statuses = (Status.RUNNING, Status.STOPPED, Status.DIVERGED)
    return bool(
        {*record.metrics} == {*task.curves}
        and record.until <= task.epochs
        and np.isin(record.status, statuses).all()
        and ((-1 <= record.kept_epoch) & (record.kept_epoch < record.until)).all()
        and (record.stopped_at >= -1).all()
        and (record.steps >= 0).all()
    )


def _unflattened(shapes: Any, record: runs.Record) -> Any:
    """Returns the tree `[n, ...]` whose leaves a record holds.

    Args:
        shapes: of one member's tree, its keys as numbers.
        record: with arrays.

    Raises:
        DamagedError: they are not those of this recipe's training.
    """
    leaves, treedef = jax.tree.flatten(shapes)
    arrays: list[Any] = record.arrays or []
    expected = [((len(record.members), *x.shape), np.dtype(x.dtype)) for x in leaves]
    if [(x.shape, x.dtype) for x in arrays] != expected:
        raise runs.DamagedError(
            f"got {len(arrays)} arrays in record {record.id} of the run; expected the "
            "shapes and types of this recipe's training"
        )
    return jax.tree.unflatten(treedef, arrays)


def carry_shapes(task: Task, outline: Outline) -> Any:
    """Returns shapes and types of one member's carry."""

    def carry(train_state, own):
        early_stopping = task.patience is not None
        return train_state, init_epoch_state(
            train_state, early_stopping=early_stopping, eval_params=own
        )

    return jax.eval_shape(carry, outline.train_state, outline.eval_params)
