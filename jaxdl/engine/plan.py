"""The plan: how members are laid out on the hardware. It is part of a result.

It follows from the space, the shapes, repeats and folds, and the kind of device, never
from the draw, the number of members or a stopwatch, so that a member's bits do not
either.
"""

from collections.abc import Iterable
from typing import NamedTuple

import jax

from jaxdl.counts import is_count
from jaxdl.train.outline import Outline

MAX_PROGRAMS = 64
CPU_BLOCK_BYTES = 2**23  # a core's share of the caches
CPU_MAX_WIDTH = 16
ACCELERATOR_BLOCK_BYTES = 2**30
ACCELERATOR_MAX_WIDTH = 256
SHARED, OWN = "shared", "own"


class Plan(NamedTuple):
    """How a sweep is laid out; the same plan gives the same bits. None: jaxdl decides.

    The order is that of the examples in an epoch. Members of a block have either a
    shared one, or each its own, so that members of several repeats and folds share a
    block. It is "own" with repeats or folds, else "shared".
    """

    block_width: int | None = None  # members that one program trains side by side
    order: str | None = None  # "shared" or "own"


def make_plan(
    outlines: Iterable[Outline], platform: str, asked: Plan | None = None
) -> Plan:
    """Returns the plan for trainings of these outlines.

    The width is the largest power of two at which the carry and the saved activations
    of all members fit a budget: on a CPU 8 MiB and at most 16 members, on an
    accelerator 1 GiB and at most 256. With own orders these are counted too.

    Args:
        outlines: one for every combination of static values in the space.
        platform: JAX's name of it, such as `cpu`.
        asked: what is set already; None: nothing.
    """
    asked = asked or Plan()
    order = asked.order or SHARED
    if asked.block_width is not None:
        return Plan(asked.block_width, order)
    budget, most = (
        (CPU_BLOCK_BYTES, CPU_MAX_WIDTH)
        if platform == "cpu"
        else (ACCELERATOR_BLOCK_BYTES, ACCELERATOR_MAX_WIDTH)
    )
    largest = max(member_bytes(outline, order) for outline in outlines)
    fitting = max(1, budget // max(1, largest))
    return Plan(min(most, 2 ** (fitting.bit_length() - 1)), order)


def as_plan(plan: Plan | None, *, varied: bool) -> Plan:
    """Returns a plan that the user set, with plain ints and its order decided.

    Args:
        plan: None: nothing is set.
        varied: whether there are repeats or folds.

    Raises:
        ValueError: the width is not an int of at least 1, or there is no such order.
    """
    plan = Plan() if plan is None else plan
    if not isinstance(plan, Plan) or not (
        plan.block_width is None or is_count(plan.block_width)
    ):
        raise ValueError(
            f"got plan={plan!r}; expected a block width of at least 1, such as "
            "jaxdl.Plan(block_width=8)"
        )
    width = None if plan.block_width is None else int(plan.block_width)
    return Plan(width, _order(plan.order, varied=varied))


def _order(asked: str | None, *, varied: bool) -> str:
    if asked not in (None, SHARED, OWN):
        raise ValueError(
            f"got order={asked!r} in the plan; expected 'shared', 'own' or None"
        )
    if varied and asked == SHARED:
        raise ValueError(
            "got order='shared' in the plan of a sweep with repeats or folds, whose "
            "members have orders of their own; expected 'own', or no order in the plan"
        )
    return OWN if varied else asked or SHARED


def member_bytes(outline: Outline, order: str = SHARED) -> int:
    """Returns what one member carries and keeps of a step's forward pass, in bytes.

    The outputs on the dev set are added where metrics of the whole set ask for them,
    and with own orders the rows of the batches and of the dev set.

    Args:
        outline: of its training.
        order: of the plan.
    """
    carry = outline.train_state._replace(key=())
    return (
        outline.saved_bytes
        + outline.output_bytes
        + (outline.row_bytes if order == OWN else 0)
        + sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(carry))
    )
