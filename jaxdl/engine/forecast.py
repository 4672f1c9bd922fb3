"""The forecast: what a rung will train, and about how long it takes, in words."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jaxdl.engine.devices import cores
from jaxdl.engine.layout import Block
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.speed import Speed
from jaxdl.shown import count
from jaxdl.train.structure import Bound, Structure

# A forecast is good to a factor of about two, and its words say no more.
ROUGH = {
    **{f"{n} s": n for n in (1, 2, 5, 10, 20, 30)},
    "1 minute": 60,
    **{f"{n} minutes": 60 * n for n in (2, 5, 10, 20, 30)},
    "1 hour": 3600,
    **{f"{n} hours": 3600 * n for n in (2, 5, 10, 20, 50, 100, 200, 500, 1000)},
}


class Forecast(NamedTuple):
    """What training some blocks is expected to take."""

    members: int
    blocks: int
    width: int  # K
    padding: dict[str, float]  # computed over live, see `padding`
    programs: int  # to compile
    compiling: float  # seconds, if no cache has the programs
    training: float  # seconds, if no member stops early


def forecast(
    blocks: Sequence[Block],
    missing: Sequence[Block],
    outlines: Outlines,
    width: int,
    hands: int,
    speed: Speed,
) -> Forecast:
    """Returns what is expected of the training of some blocks.

    Args:
        blocks: at least one.
        missing: a block of each program that has to be compiled.
        outlines: of all programs.
        width: members that a block has room for.
        hands: that train at once.
        speed: of this machine.
    """
    lengths = [outlines[b.structure, b.family.facts].length for b in missing]
    work = sum(work_of(block, outlines, width) for block in blocks)
    return Forecast(
        members=sum(len(block.members) for block in blocks),
        blocks=len(blocks),
        width=width,
        padding=padding(blocks, width),
        programs=len(missing),
        compiling=speed.compiling * sum(lengths) / max(1, min(cores(), len(missing))),
        training=work / speed.work / min(hands, len(blocks)),
    )


def describe(found: Forecast) -> str:
    """Returns a forecast in words."""
    padded = [f"{ratio:.2f}x {name}" for name, ratio in found.padding.items()]
    one = found.programs == 1
    return (
        f"{count(found.members, 'member')} in {count(found.blocks, 'block')} of "
        f"{found.width}; padded to {', '.join(padded)}; "
        f"{count(found.programs, 'program')} to compile, about "
        f"{roughly(found.compiling)} if no cache has {'it' if one else 'them'}, and "
        f"about {roughly(found.training)} to train"
    )


def advice(found: Forecast, structures: Iterable[Structure]) -> str | None:
    """Returns what to do if compiling takes longer than training; None if nothing.

    Args:
        found: the forecast of a rung.
        structures: those of the space.
    """
    choices = [f"`{name}`" for name in _choices(structures)]
    if found.programs < 2 or found.compiling <= found.training or not choices:
        return None
    return (
        f"{found.programs} programs, which take longer to compile than to train: make "
        f"{_all_of(choices)} `Among`"
    )


def padding(blocks: Sequence[Block], width: int) -> dict[str, float]:
    """Returns computed over live: members of blocks, and units of each size.

    A block computes all its places, also those without a member, and all units up to
    the bound of a size.
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


def work_of(block: Block, outlines: Outlines, width: int) -> float:
    """Returns the operations of the training of a block, with its empty places."""
    found = outlines[block.structure, block.family.facts]
    return found.work * found.steps_per_epoch * (block.until - block.first) * width


def _choices(structures: Iterable[Structure]) -> list[str]:
    """Returns the static texts and bools that differ, by the name of the choice."""
    values: dict[str, set[Any]] = {}
    for structure in structures:
        for name, value in zip(structure.names, structure.values, strict=True):
            if isinstance(value, str | bool | None):
                values.setdefault(name.removesuffix(".name"), set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def roughly(seconds: float) -> str:
    """Returns the nearest of some times in words, on a log scale."""
    if seconds > max(ROUGH.values()):
        return f"{seconds / 3600:,.0f} hours"
    return min(ROUGH, key=lambda words: abs(math.log(ROUGH[words] / max(1, seconds))))


def _all_of(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
