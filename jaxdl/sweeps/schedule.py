"""The schedule of a sweep that is given time: fewer members, if not all are expected to
fit. It stands in the specification, so that who resumes takes it from there.
"""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxdl import runs, terminal
from jaxdl.engine.deadline import Deadline
from jaxdl.engine.engine import Engine
from jaxdl.engine.forecast import forecast, roughly
from jaxdl.engine.layout import Block, lay_out
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.population import Population
from jaxdl.engine.probe import probe
from jaxdl.engine.speed import Speed
from jaxdl.engine.task import Task
from jaxdl.searches.rungs import Rung, pick
from jaxdl.searches.traits import traits_of
from jaxdl.shown import count
from jaxdl.spaces.contract import SpaceError
from jaxdl.sweeps.repeats import expand
from jaxdl.sweeps.start_from import first_rung

ROOM = 0.95  # of the time that is left: what a schedule may fill, while this looks on


class Machine(NamedTuple):
    """What a forecast is of."""

    outlines: Outlines
    hands: int  # that train at once
    speed: Speed  # of each, measured


class Need(NamedTuple):
    """Seconds that a schedule is expected to train; its programs are compiled."""

    first: float  # its first rung
    whole: float


def as_recorded(
    task: Task, run_dir: str | os.PathLike[str] | None, *, extend: bool, shown: bool
) -> Task:
    """Returns a task with the members of its run, if time allowed it fewer.

    Args:
        task: as it is asked for.
        run_dir: the folder, which may hold a run.
        extend: whether the run is to have as many members as are asked for.
        shown: whether to print what changes.
    """
    recorded = runs.specification_of(run_dir)
    if not recorded:
        return task
    asked, members = recorded.get("asked"), recorded.get("members")
    task = task._replace(asked=asked)
    cut = members is not None and asked == task.members and members < asked
    if extend or not cut:
        return task
    terminal.say(
        f"the run has {members} of {asked} members, for which there was time when it "
        "began",
        enabled=shown,
    )
    return task._replace(members=members)


def fitted(engine: Engine, rung: Rung, *, shown: bool) -> Task:
    """Returns the task with as many members as are expected to fit.

    The programs are compiled first, and a block is measured. A shard has its members
    in any case.

    Args:
        engine: with the task of a run that begins, and a deadline.
        rung: the first one.
        shown: whether to print what changes.

    Raises:
        SpaceError: not even one rung of the smallest schedule is expected to fit.
    """
    task, deadline = engine.task, engine.deadline
    if not traits_of(task.search).foreseen or task.shard is not None:
        return task
    nothing = np.zeros(task.num_members, np.int64)
    speed = probe(engine, _blocks(task, expand(rung, task.num_variants), nothing))
    machine = Machine(engine.outlines, engine.crew.full_size, speed)
    need = _need(task, machine)
    if need is None or need.whole <= deadline.left():
        return task
    members, own = _fewer(task, need, machine, deadline)
    late = own.whole > deadline.left()
    if late and members < task.members and own.first > deadline.left():
        raise SpaceError(_too_short(task, own, members, deadline))
    terminal.say(
        f"{task.members} members take about {roughly(need.whole)}, more than the "
        f"{deadline.seconds:g} s that are given"
        + f": trains {members} of them" * (members < task.members)
        + "; it stops in time, and the same call resumes it" * late,
        enabled=shown,
    )
    if members == task.members:
        return task
    return _with(task, members)._replace(asked=task.members)


def told_of_time(population: Population, engine: Engine) -> None:
    """Says that time is up, and how far the members of the last rung are.

    Raises:
        TimeoutError: nothing has trained in this time.
    """
    rung, deadline = population.rungs[-1], engine.deadline
    done = len(rung.members) - len(population.going(rung))
    resumes = (
        "in memory alone: name a folder (run_dir=, --out) to go on later"
        if population.store is None
        else "the same call resumes it"
    )
    if not (population.places[:, 0] >= 0).any():
        raise TimeoutError(
            f"no member has trained within {deadline.seconds:g} s, in which data are "
            f"read, and programs checked and compiled as well{_late(engine)}; expected "
            "more time, or a call that finds the compiled programs in the cache; "
            f"{resumes}"
        )
    terminal.say(
        f"time is up after {deadline.seconds:g} s: in rung {len(population.rungs)}, "
        f"{done} of {count(len(rung.members), 'member')} have trained as far as the "
        f"search asked; {resumes}",
        enabled=engine.progress is True,
    )


def _late(engine: Engine) -> str:
    """Returns what has not come in time, in words, if anything of a crew has not."""
    return "" if engine.late is None else f" ({engine.late.what})"


def _fewer(
    task: Task, need: Need, machine: Machine, deadline: Deadline
) -> tuple[int, Need]:
    """Returns a number of members that fits, and what they need.

    If none fits, it is the smallest that the search takes. A schedule takes about as
    much longer as it has more blocks, so that each step comes close.

    Args:
        task: whose members do not fit.
        need: of all of them.
        machine: that trains them.
        deadline: of the call.
    """
    members, width = task.members, max(1, task.block_width // task.num_variants)
    while members > 1 and need.whole > deadline.left():
        share = ROOM * max(0.0, deadline.left()) / need.whole
        fewer = max(1, min(members - 1, int(members * share)))
        fewer -= fewer % width if fewer > width else 0  # full blocks
        own = _need(_with(task, fewer), machine)
        if own is None:  # too few for the search
            least = _least(task, fewer, members)
            return least, _need(_with(task, least), machine) or need
        members, need = fewer, own
    return members, need


def _with(task: Task, members: int) -> Task:
    """Returns a task of fewer members, of which at most half are given."""
    return task._replace(members=members, first=task.first[: max(1, members // 2)])


def _least(task: Task, few: int, enough: int) -> int:
    """Returns the smallest number of members that the search takes.

    Args:
        task: with the search.
        few: too few members.
        enough: members that it takes.
    """
    while enough - few > 1:
        middle = (few + enough) // 2
        try:
            first_rung(_with(task, middle))
            enough = middle
        except SpaceError:
            few = middle
    return enough


def _need(task: Task, machine: Machine) -> Need | None:
    """Returns what a schedule takes; None: the search takes no such number of members.

    A forecast lays out the members of each rung, as the engine does.
    """
    outlines, hands, speed = machine
    try:
        rungs = [*_rungs(task)]
    except SpaceError:
        return None
    trained, seconds = np.zeros(task.num_members, np.int64), [0.0]
    for rung in rungs:
        blocks = _blocks(task, expand(rung, task.num_variants), trained)
        if blocks:
            own = forecast(blocks, [], outlines, task.block_width, hands, speed)
            seconds.append(own.training)
    return Need(first=seconds[1], whole=sum(seconds))


def _blocks(task: Task, rung: Rung, trained: Any) -> list[Block]:
    """Returns the blocks of a rung, whose members then have trained."""
    going = np.flatnonzero(trained[rung.members] < rung.until)
    members, until = rung.members[going], rung.until[going]
    blocks = lay_out(task, pick(rung.hparams, going), members, trained[members], until)
    trained[members] = until
    return blocks


def _rungs(task: Task) -> Iterator[Rung]:
    """Yields the rungs that the search asks for where the first members are best.

    Raises:
        SpaceError: it takes no such number of members.
    """
    requests, rung = first_rung(task)
    while True:
        yield rung
        place = rung.members.astype(float)
        names = ("dev_error", "dev_loss", "score")
        try:
            rung = requests.send(dict.fromkeys(names, place))
        except StopIteration:
            return


def _too_short(task: Task, need: Need, members: int, deadline: Deadline) -> str:
    """Returns what fits in a time in which the smallest schedule ends no rung."""
    left = max(0.0, deadline.left())
    used, epochs = deadline.seconds - left, int(task.epochs * left / need.whole)
    shorter = f", or at most {count(epochs, 'epoch')}" if epochs > 0 else ""
    return (
        f"got {deadline.seconds:g} s for a sweep whose smallest schedule has "
        f"{count(members, 'member')}, and about {roughly(need.first)} for its first "
        f"rung; about {roughly(used)} went to reading, checking and compiling; "
        f"expected at least about {roughly(used + need.first)}{shorter}"
    )
