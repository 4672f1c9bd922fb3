"""A crew whose hands are in the processes of a Ray cluster.

The sweep's own process alone decides, and alone writes the run. What a lost hand had
not given back is trained again, to the same bits, by whoever is free.
"""

import concurrent.futures
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from jaxdl.engine.blocks import Report, TrainedBlock
from jaxdl.engine.deadline import Deadline, TimeIsUp
from jaxdl.engine.hands import STAGES, Count, Lost
from jaxdl.engine.kind import Kind
from jaxdl.engine.layout import Block
from jaxdl.engine.memory import ONE_TOO_MANY
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.interop.ray_process import Failed, Needs, Place, Process, State, say
from jaxdl.interop.ray_roster import Roster
from jaxdl.interop.ray_wire import (
    Numbering,
    SentBlock,
    from_wire,
    sent_task,
    wire_shapes,
)
from jaxdl.shown import count
from jaxdl.train.epoch_state import Carry
from jaxdl.train.structure import RecipeError

AUTOTUNE = "--xla_gpu_autotune_level="
MOST_FAILURES = 2  # of a process, on blocks that others train
MOST_TOLD = 100.0  # times a second that epochs are told, about, by all hands together
MOST_PAUSE = 30.0  # seconds between two times that a hand tells of its epochs


class RayCrew:
    """The hands of a cluster. After `close`, `kind` connects again."""

    remote = True

    def __init__(self, connect: Callable[[], Any], needs: Needs):
        """Makes a crew that is not connected.

        Args:
            connect: returns the module `ray`, connected to a cluster.
            needs: what is asked of the cluster.
        """
        self.connect, self.needs = connect, needs
        self._roster: Roster | None = None
        self._failed: dict[tuple[int, int], Process] = {}  # by block: who failed it

    @property
    def roster(self) -> Roster:
        """The processes of the cluster."""
        assert self._roster is not None
        return self._roster

    @property
    def size(self) -> int:
        """How many hands there are now; before one is ready, how many are coming.

        No new block waits for those that are coming, so that a hand which is free goes
        to the block of one that was lost.
        """
        with self.roster.changed:
            live = self.roster.live()
            ready = sum(p.hands for p in live if p.state is State.READY)
            return ready or sum(p.hands for p in live)

    @property
    def full_size(self) -> int:
        """How many hands there will be once those that have started are ready."""
        with self.roster.changed:
            return sum(p.hands for p in self.roster.processes if p.is_there)

    def kind(self, expected: Kind | None, deadline: Deadline) -> Kind:
        """Returns the kind of the first process whose JAX is that of this one.

        If the run expects a kind, only processes of that kind train, and it is returned
        at once: a run that has ended waits for no machine.

        Raises:
            OSError: there is no such cluster, or it takes commands from anybody.
            RunMismatchError: all processes have another JAX, or are of another kind
                than the run expects.
            TimeIsUp: the cluster did not answer; or no process was ready, and no kind
                is expected.
        """
        ray = _within(self.connect, deadline)
        roster = self._roster = Roster(ray, self.needs, expected, deadline)
        if roster.kind is None or not roster.kind.platform:
            roster.wait(lambda: roster.admitted)
        kind = roster.kind
        assert kind is not None
        if kind.platform == "gpu" and AUTOTUNE not in str(kind.flags["XLA_FLAGS"]):
            say(
                "got GPUs, for which XLA chooses kernels by a stopwatch in each "
                f"process; expected {AUTOTUNE}0 in XLA_FLAGS where ray start ran, and "
                "here: otherwise two processes may give other bits"
            )
        return kind

    def begin(self, task: Task, outlines: Outlines) -> None:
        """Puts the task into the object store; see `Crew.begin`.

        Raises:
            RecipeError: it cannot be sent to another process.
        """
        ray, sent = self.roster.ray, sent_task(task, outlines)
        try:
            self.roster.task = ray.put(sent)
        except (ray.exceptions.RayError, MemoryError, OSError):
            raise
        except Exception as error:  # whatever objects raise that cannot be pickled
            raise RecipeError(
                "got a recipe, a space or data that cannot be sent to other machines "
                f"({error!s:.300}); expected what can be pickled: open files and locks "
                "where they are used, not where they are defined"
            ) from error
        self.numbering = Numbering(task)
        self.shapes = {key: wire_shapes(task, x) for key, x in outlines.items()}

    def missing(self, blocks: Sequence[Block]) -> list[Block]:
        """Returns a block of each program that is not compiled yet."""
        known = {one.program for one in self.roster.blocks}
        new = {self.numbering.number(b.structure, b.family): b for b in blocks}
        return [block for number, block in new.items() if number not in known]

    def prepare(self, blocks: Sequence[Block], passed: Count) -> str:
        """Has the processes compile programs; returns when one of them has.

        Raises:
            MemoryError: no process has room for one block.
            OSError, RunMismatchError: as `take`.
        """
        roster = self.roster
        with roster.changed:
            roster.blocks += [
                self.numbering.sent(block, None, last=False) for block in blocks
            ]
            for process in roster.processes:
                if process.state is State.READY:
                    roster.enroll(process)
            roster.changed.notify_all()
        roster.wait(roster.is_ready)
        for stage in STAGES:
            for _ in blocks:
                passed(stage)
        takes, _, _ = roster.words.partition(", ")
        machines = count(len({process.node for process in roster.live()}), "machine")
        return f"{takes}, {self.size} at once on {machines} of the cluster"

    def take(self, stop: threading.Event) -> "Hand":
        """Returns a hand that is free; waits for one.

        Raises:
            CancelledError: `stop` is set.
            MemoryError, OSError, RunMismatchError: all processes are left out.
        """
        roster = self.roster
        with roster.changed:
            roster.wait(lambda: bool(roster.free), stop)
            return Hand(self, roster.free.popleft(), stop)

    def give(self, hand: Any) -> None:
        """Gets a hand back."""
        with self.roster.changed:
            if hand.place.is_of_now:
                self.roster.free.append(hand.place)
                self.roster.changed.notify_all()

    def lose(self, hand: Any, error: Exception) -> None:
        """Gets a hand back that raised `Lost` or `MemoryError`.

        Raises:
            MemoryError: no hand of the cluster has room for the block.
        """
        roster, process = self.roster, hand.place.process
        with roster.changed:
            if not hand.place.is_of_now:
                return
            if isinstance(error, MemoryError):
                roster.shrink(process)
            else:
                roster.lost(process, error)
            if not process.hands and not roster.live():
                raise MemoryError(ONE_TOO_MANY) from error

    def used_bytes(self) -> int | None:
        """Returns None: the memory is that of other machines."""
        return None

    def close(self) -> None:
        """Ends the processes."""
        if self._roster is not None:
            self._roster.close()
        self._roster = None
        self._failed.clear()

    def failure(self, process: Process, sent: SentBlock, cause: Exception) -> Exception:
        """Returns what to raise for a block that failed on a process.

        It is `Lost` if another process may tell whether the block is at fault; this one
        is put aside meanwhile.
        """
        roster, key = self.roster, (int(sent.members[0]), sent.first)
        with roster.changed:
            others = [p for p in roster.processes if p.is_there and p is not process]
            if key in self._failed or not others:
                return cause
            self._failed[key] = process
            process.reason = cause
            roster.unseat(process, State.ASIDE)
            say(f"a block failed on {process.name} ({cause}); another process gets it")
        return Lost(f"a block failed: {cause}")

    def passed(self, process: Process, sent: SentBlock) -> None:
        """Notes that a process trained a block, which another one may have failed."""
        roster = self.roster
        with roster.changed:
            process.losses = 0
            culprit = self._failed.pop((int(sent.members[0]), sent.first), None)
            if culprit is None or culprit.state is not State.ASIDE:
                return
            culprit.failures += 1
            if culprit.failures < MOST_FAILURES:
                culprit.reason = None
                roster.enroll(culprit)
            else:
                assert culprit.reason is not None
                roster.leave_out(culprit, culprit.reason)


class Hand:
    """A hand of the cluster, while it is taken."""

    def __init__(self, crew: RayCrew, place: Place, stop: threading.Event):
        self.crew, self.place, self.stop = crew, place, stop

    def train(
        self, block: Block, state: Carry | None, report: Report, *, last: bool
    ) -> TrainedBlock:
        """Returns the block after its epochs; see `jaxdl.engine.hands.Hand`."""
        crew, (process, _, actor) = self.crew, self.place
        pause = min(MOST_PAUSE, crew.size / MOST_TOLD)
        sent = crew.numbering.sent(block, state, last=last)._replace(pause=pause)
        try:
            deadline = crew.roster.deadline
            record = process.train(actor, sent, report, self.stop, deadline)
        except Failed as error:
            raise crew.failure(process, sent, error.cause) from error
        crew.passed(process, sent)
        shapes = crew.shapes[block.structure, block.family.facts]
        return from_wire(shapes, block, record, last=last)


def _within(connect: Callable[[], Any], deadline: Deadline) -> Any:
    """Returns what `connect` does; Ray tries for minutes where nobody answers.

    Raises:
        TimeIsUp: it takes longer than the call may.
    """
    if deadline.left() == math.inf:
        return connect()
    found: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            found.set_result(connect())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    done, _ = concurrent.futures.wait([found], deadline.within(math.inf))
    if not done:
        raise TimeIsUp(deadline.seconds, "the cluster did not answer")
    return found.result()
