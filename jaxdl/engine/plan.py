"""The plan: how members are laid out on the hardware. It is part of a result.

It follows from the space, the shapes and the kind of device, never from the draw, the
number of members or a stopwatch, so that a member's bits do not either.
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


class Plan(NamedTuple):
    """How a sweep is laid out; the same plan gives the same bits."""

    block_width: int  # members that one program trains side by side


def make_plan(outlines: Iterable[Outline], platform: str) -> Plan:
    """Returns the plan for trainings of these outlines.

    The width is the largest power of two at which the carry and the saved activations
    of all members fit a budget: on a CPU 8 MiB and at most 16 members, on an
    accelerator 1 GiB and at most 256.

    Args:
        outlines: one for every combination of static values in the space.
        platform: JAX's name of it, such as `cpu`.
    """
    budget, most = (
        (CPU_BLOCK_BYTES, CPU_MAX_WIDTH)
        if platform == "cpu"
        else (ACCELERATOR_BLOCK_BYTES, ACCELERATOR_MAX_WIDTH)
    )
    largest = max(member_bytes(outline) for outline in outlines)
    fitting = max(1, budget // max(1, largest))
    return Plan(min(most, 2 ** (fitting.bit_length() - 1)))


def as_plan(plan: Plan) -> Plan:
    """Returns a plan that the user set, with plain ints.

    Raises:
        ValueError: the width is not an int of at least 1.
    """
    if not isinstance(plan, Plan) or not is_count(plan.block_width):
        raise ValueError(
            f"got plan={plan!r}; expected a block width of at least 1, such as "
            "jaxdl.Plan(block_width=8)"
        )
    return Plan(int(plan.block_width))


def member_bytes(outline: Outline) -> int:
    """Returns what one member carries and keeps of a step's forward pass, in bytes.

    The outputs on the dev set are added where metrics of the whole set ask for them.
    """
    carry = outline.train_state._replace(key=())
    return (
        outline.saved_bytes
        + outline.output_bytes
        + sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(carry))
    )
