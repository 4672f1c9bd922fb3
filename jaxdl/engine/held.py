"""What members hold while they do not train: told before, bounded where it can be."""

import jax

from jaxdl.engine.checkpoints import carry_shapes
from jaxdl.engine.memory import mebibytes
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.train.epoch_state import kept
from jaxdl.train.keys import as_numbers
from jaxdl.train.part import bytes_of

LEAST_BYTES = 2**20  # that are worth a line


def held_bytes(task: Task, outlines: Outlines) -> tuple[int, int]:
    """Returns bytes: what all members train on from, and the weights that they keep.

    It is the most: of all members in the largest program.
    """
    carries = [carry_shapes(task, found) for found in outlines.values()]
    weights = [jax.eval_shape(lambda x: kept(*x)[:2], carry) for carry in carries]
    sizes = (
        [bytes_of(jax.eval_shape(as_numbers, tree)) for tree in trees]
        for trees in (carries, weights)
    )
    carried, kept_bytes = (task.num_members * max(each) for each in sizes)
    return carried, kept_bytes


def held_words(carried: int, kept_bytes: int, most: int) -> str | None:
    """Returns in words what members hold between rungs; None if that is hardly any.

    Args:
        carried: bytes of what all members train on from.
        kept_bytes: of the weights that they keep.
        most: of `carried` in memory, where a folder has the rest.
    """
    if carried + kept_bytes < LEAST_BYTES:
        return None
    words = f"members that wait hold up to {mebibytes(carried + kept_bytes)} of memory"
    if carried <= most:
        return words
    bounded = mebibytes(most + kept_bytes)
    return f"{words}; in a run with a folder (run_dir=, --out) up to {bounded}"
