"""The plan: how members are laid out on the hardware. It is part of a result.

It follows from the space, the shapes and the kind of device, never from the draw, the
number of members or a stopwatch, so that a member's bits do not either.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import jax

from jaxdl.engine.layout import Group
from jaxdl.engine.workers import cores
from jaxdl.train import Bound, Outline

MAX_PROGRAMS = 64
COMPILE_SECONDS = 3.0  # of a core, for a program that no cache has; small networks
CPU_BLOCK_BYTES = 2**23  # a core's share of the caches
CPU_MAX_WIDTH = 16
ACCELERATOR_BLOCK_BYTES = 2**30
ACCELERATOR_MAX_WIDTH = 256


class Plan(NamedTuple):
    """How a sweep is laid out; the same plan gives the same bits."""

    block_width: int  # members that one program trains side by side


def make_plan(outlines: Iterable[Outline], platform: str) -> Plan:
    """Returns the plan for trainings of these outlines.

    A block is as wide as keeps what its members carry from step to step, and what they
    keep of a step's forward pass, within a budget: on a CPU 8 MiB and at most 16
    members, on an accelerator 1 GiB and at most 256. The width is a power of two.

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


def check_plan(plan: Plan) -> None:
    """Checks a plan that the user set.

    Raises:
        ValueError: the width is not an int of at least 1.
    """
    if not isinstance(plan, Plan) or type(plan.block_width) is not int:
        raise ValueError(f"got plan={plan!r}; expected jaxdl.Plan(block_width=8)")
    if plan.block_width < 1:
        raise ValueError(f"got {plan}; expected a block_width of at least 1")


def member_bytes(outline: Outline) -> int:
    """Returns what one member carries and keeps of a step's forward pass, in bytes."""
    carried = outline.train_state._replace(key=())
    return outline.saved_bytes + sum(
        x.size * x.dtype.itemsize for x in jax.tree.leaves(carried)
    )


def describe(blocks: list[Group], width: int, programs: int) -> str:
    """Returns in words what will be trained, and what is computed beside it.

    Args:
        blocks: at least one.
        width: members that a block has room for.
        programs: how many have to be compiled.
    """
    members = sum(len(block.members) for block in blocks)
    padded = [f"{ratio:.2f}x {name}" for name, ratio in padding(blocks, width).items()]
    seconds = COMPILE_SECONDS * programs / min(cores(), programs)
    return (
        f"{_count(members, 'member')} in {_count(len(blocks), 'block')} of {width}; "
        f"computed for what is live: {', '.join(padded)}; "
        f"{_count(programs, 'program')} to compile, {seconds:.0f} s if no cache has "
        f"{'it' if programs == 1 else 'them'}"
    )


def padding(blocks: list[Group], width: int) -> dict[str, float]:
    """Returns how many times as much blocks compute as counts: of members, and sizes.

    A member of a block that is not full, and a unit beyond a live size, are computed
    all the same.
    """
    computed, live = Counter[str](), Counter[str]()
    for block in blocks:
        computed["members"] += width
        live["members"] += len(block.members)
        structure = block.structure
        for name, value in zip(structure.names, structure.values, strict=True):
            if isinstance(value, Bound):
                computed[name] += width * value.bound
                live[name] += int(block.traced[name].sum())
    return {name: computed[name] / max(1, live[name]) for name in computed}


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"
