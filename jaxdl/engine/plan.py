"""The plan: how members are laid out on the hardware. It is part of a result.

It follows from the space, the shapes, repeats and folds, and the kind of device, never
from the draw, the number of members or a stopwatch, so that a member's bits do not
either.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxdl import shown
from jaxdl.counts import is_count
from jaxdl.engine.target import target_of
from jaxdl.spaces.structures import MOST_PROGRAMS
from jaxdl.train.outline import Outline
from jaxdl.train.part import bytes_of

MAX_PROGRAMS = 8  # unless more are asked for
EXPECTED_MEMBERS = 256  # of the sweep that a plan is best for
CPU_BLOCK_BYTES = 2**24  # by experiment, see docs/measured.md
CPU_MAX_WIDTH = 16
ACCELERATOR_BLOCK_BYTES = 2**30  # where the memory is not known
# The rest is for the data, for what the fusions of a step keep for a moment, and for
# the results of the block before.
ACCELERATOR_SHARE = 1 / 4
ACCELERATOR_MAX_WIDTH = 256
SHARED, OWN = "shared", "own"


class Plan(NamedTuple):
    """How a sweep is laid out; the same plan gives the same bits. None: jaxdl decides.

    The order is that of the examples in an epoch. Members of a block have either a
    shared one, or each its own, so that members of several repeats and folds share a
    block. It is "own" with repeats or folds, else "shared".

    The bounds of sizes are those of the space. If these are more than are worth their
    time to compile, or if they make more programs than there may be, neighbours are
    merged.
    """

    block_width: int | None = None  # members that one program trains side by side
    order: str | None = None  # "shared" or "own"
    bounds: Mapping[str, Sequence[int]] | None = None  # rising, by the size's name
    max_programs: int | None = None  # 8 if it is left open, at most 64

    def __repr__(self) -> str:
        return f"Plan({', '.join(f'{n}={x!r}' for n, x in self._decided().items())})"

    def _repr_html_(self) -> str:
        title = "Plan; jaxdl decides what is not named"
        return shown.as_html(title, (), self._decided().items())

    def _decided(self) -> dict[str, Any]:
        """Returns what is not None, by name."""
        return {name: x for name, x in self._asdict().items() if x is not None}


def make_plan(
    outlines: Iterable[Outline],
    platform: str,
    asked: Plan | None = None,
    structures: int = 1,
    device_kind: str = "",
) -> Plan:
    """Returns the plan for trainings of these outlines.

    The width is the largest power of two at which the bytes of all members fit a
    budget, see `member_bytes`: on a CPU 16 MiB and at most 16 members, on an
    accelerator a quarter of its memory and at most 256; 1 GiB if its memory is not
    known. A step of an accelerator starts about a hundred kernels, whatever the width,
    so that narrow blocks leave it idle. With own orders these are counted too. The
    block is not wider than the share of a structure in a sweep of 256 members, so that
    few places of its last block are empty.

    Args:
        outlines: one for every combination of static values in the space.
        platform: JAX's name of it, such as `cpu`.
        asked: what is set already; None: nothing.
        structures: how many combinations there are.
        device_kind: JAX's name of the device, such as `NVIDIA H200`.
    """
    asked = asked or Plan()
    order = asked.order or SHARED
    if asked.block_width is not None:
        return asked._replace(order=order)
    budget, most = _room(platform, device_kind)
    largest = max(member_bytes(outline, order, platform) for outline in outlines)
    fitting = min(most, budget // max(1, largest), EXPECTED_MEMBERS // structures)
    width = 2 ** (max(1, fitting).bit_length() - 1)
    return asked._replace(block_width=width, order=order)


def _room(platform: str, device_kind: str) -> tuple[int, int]:
    """Returns the bytes of a block's members, and how many these are at most."""
    if platform == "cpu":
        return CPU_BLOCK_BYTES, CPU_MAX_WIDTH
    chip = target_of(device_kind)
    if chip is None:
        return ACCELERATOR_BLOCK_BYTES, ACCELERATOR_MAX_WIDTH
    return int(chip.memory_bytes * ACCELERATOR_SHARE), ACCELERATOR_MAX_WIDTH


def cap(plan: Plan | None) -> int:
    """Returns how many programs a sweep may have."""
    return (plan and plan.max_programs) or MAX_PROGRAMS


def as_plan(plan: Plan | None, *, varied: bool) -> Plan:
    """Returns a plan that the user set, with plain ints and its order decided.

    Args:
        plan: None: nothing is set.
        varied: whether there are repeats or folds.

    Raises:
        ValueError: the width is not an int of at least 1, there is no such order, the
            bounds are not ints by name, or there are more than 64 programs.
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
    order = _order(plan.order, varied=varied)
    return Plan(width, order, _bounds(plan.bounds), _max_programs(plan.max_programs))


def _max_programs(asked: int | None) -> int | None:
    if asked is None:
        return None
    if not is_count(asked) or asked > MOST_PROGRAMS:
        raise ValueError(
            f"got max_programs={asked!r} in the plan; expected 1 to {MOST_PROGRAMS} "
            f"programs, or None for {MAX_PROGRAMS}"
        )
    return int(asked)


def _bounds(asked: Any) -> dict[str, tuple[int, ...]] | None:
    if asked is None:
        return None
    known = isinstance(asked, Mapping) and all(
        isinstance(own, list | tuple) and all(is_count(b, least=0) for b in own)
        for own in asked.values()
    )
    if not known:
        raise ValueError(
            f"got bounds={asked!r} in the plan; expected rising ints by the names of "
            'sizes, such as {"units": (64, 256)}'
        )
    return {str(name): tuple(map(int, own)) for name, own in asked.items()}


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


def member_bytes(outline: Outline, order: str = SHARED, platform: str = "cpu") -> int:
    """Returns what one member carries and keeps of a step's forward pass, in bytes.

    A CPU counts half of what the forward pass keeps: layer after layer is written and
    read again, while every step passes over the whole carry. An accelerator counts the
    member's copy of a batch. The outputs on the dev set are added where metrics of the
    whole set ask for them, and with own orders the rows of the batches and of the dev
    set.

    Args:
        outline: of its training.
        order: of the plan.
        platform: JAX's name of it; on an accelerator a convolution keeps less.
    """
    carry = outline.train_state._replace(key=())
    if platform == "cpu":
        passing = outline.saved_bytes // 2
    else:
        passing = outline.accelerator_saved_bytes + outline.batch_bytes
    return (
        passing
        + outline.output_bytes
        + (outline.row_bytes if order == OWN else 0)
        + bytes_of(carry)
    )
