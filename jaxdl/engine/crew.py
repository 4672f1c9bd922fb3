"""The crew of this process: its threads, each of which trains on a device."""

import concurrent.futures
import queue
import threading
from collections.abc import Sequence

import jax

from jaxdl.engine import memory
from jaxdl.engine.blocks import Report, TrainedBlock, train_block
from jaxdl.engine.deadline import Deadline
from jaxdl.engine.devices import hand_devices
from jaxdl.engine.hands import Count, Hand
from jaxdl.engine.inputs import Family, Inputs, share
from jaxdl.engine.kind import Kind, kind_here
from jaxdl.engine.layout import Block
from jaxdl.engine.outlines import Outlines
from jaxdl.engine.programs import Programs, compile_all, lower
from jaxdl.engine.streaming import bytes_needed, reading
from jaxdl.engine.task import Task
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.epoch_state import Carry
from jaxdl.train.pieces import HELD, Reader
from jaxdl.train.structure import Structure

Key = tuple[Structure, Family]  # what the programs of a block are found by


class Threads:
    """A hand for each device of this process; a single CPU has one for each core.

    The threads are those of whoever calls a hand.
    """

    remote = False

    def __init__(self, devices: Sequence[jax.Device] | None = None) -> None:
        """Makes a crew without a task.

        Args:
            devices: one for each hand; None: all of this process.
        """
        self.shared: dict[jax.Device, dict[Family, Inputs]] = {}
        self._programs: dict[Key, dict[jax.Device, Programs]] = {}
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._seat([*(hand_devices() if devices is None else devices)])

    @property
    def size(self) -> int:
        """How many hands there are."""
        return len(self._devices)

    full_size = size

    def kind(self, expected: Kind | None, deadline: Deadline) -> Kind:
        """Returns the kind of this process's devices."""
        return kind_here()

    def begin(self, task: Task, outlines: Outlines) -> None:
        """Puts the data of a task on the devices; see `Crew.begin`.

        Raises:
            MemoryError: no device has room for what the members of one block carry.
        """
        assert task.data is not None
        self.task, self.outlines = task, outlines
        states = [found.train_state for found in outlines.values()]
        memory.check_carried(self._devices, states, task.block_width)
        inputs = task.recipe, task.data, task.variants, task.patience, task.order
        devices = [*dict.fromkeys(self._devices)]
        if memory.stays_on_host(task.data, devices):
            self._reader = Reader(HELD * self.size)
        for device in devices:
            self.shared[device] = share(device, *inputs, self._reader)

    def missing(self, blocks: Sequence[Block]) -> list[Block]:
        new = {_key(block): block for block in blocks}
        return [block for key, block in new.items() if key not in self._programs]

    def prepare(self, blocks: Sequence[Block], count: Count) -> str:
        """Compiles programs, the first while others are traced; see `Crew.prepare`."""
        devices = [*self.shared]

        def lowered():
            for block in blocks:
                yield self._lower(block, devices[0])
                count("traced")

        found = compile_all(lowered(), devices, lambda: count("compiled"))
        self._programs |= zip(map(_key, blocks), found, strict=True)
        needed = max(map(self._bytes, blocks))
        self._seat(memory.fitting(self._devices, needed, self.task.block_width))
        words = f"a block takes {memory.mebibytes(needed)}, {self.size} at once"
        if self._reader is None:
            return words
        epochs = [self._programs[_key(block)][devices[0]].epoch for block in blocks]
        return f"{words}; {reading(epochs, self.task.order)}"

    def take(self, stop: threading.Event) -> Hand:
        """Returns a hand that is free; see `Crew.take`."""
        hand = self._free.get()
        if stop.is_set():
            self._free.put(hand)
            raise concurrent.futures.CancelledError
        return hand

    def give(self, hand: Hand) -> None:
        """Gets a hand back."""
        self._free.put(hand)

    def lose(self, hand: Hand, error: Exception) -> None:
        """Leaves one hand fewer; see `Crew.lose`."""
        assert isinstance(hand, _Thread)
        with self._lock:
            if self.size > 1:
                self._devices.remove(hand.device)
                return
        self._free.put(hand)  # whoever waits for it finds that all has ended
        if isinstance(error, MemoryError):
            raise MemoryError(memory.ONE_TOO_MANY) from error
        raise error

    def used_bytes(self) -> int | None:
        """Returns how many bytes of memory are in use; None if unknown."""
        return memory.used_bytes(self._devices)

    def close(self) -> None:
        """Takes the data off the devices, and ends the hands.

        Hands and crew refer to each other, and the crew to the recipe.
        """
        self.shared.clear()
        self._seat([])
        if self._reader is not None:
            self._reader.close()

    def train_on(
        self,
        device: jax.Device,
        block: Block,
        state: Carry | None,
        report: Report,
        *,
        last: bool,
    ) -> TrainedBlock:
        """Returns a block after its epochs on a device, see `Hand.train`."""
        programs = self._programs[_key(block)][device]
        shared, width = self.shared[device][block.family], self.task.block_width
        try:
            return train_block(programs, block, width, shared, state, report, last=last)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                raise MemoryError(str(error)) from error
            raise

    def _seat(self, devices: list[jax.Device]) -> None:
        """Makes a free hand for each of these devices, and no other."""
        self._devices = [*devices]
        self._free: queue.SimpleQueue[Hand] = queue.SimpleQueue()
        for device in devices:
            self._free.put(_Thread(self, device))

    def _lower(self, block: Block, device: jax.Device) -> Programs:
        facts, shared = block.family.facts, self.shared[device][block.family]
        task = self.task
        bound = BoundRecipe(task.recipe, block.structure, facts, task.every)
        found = self.outlines[block.structure, facts]
        return lower(bound, found, block, task.block_width, shared)

    def _bytes(self, block: Block) -> int:
        """Returns how many bytes a block takes, beside what all blocks share."""
        device, programs = next(iter(self._programs[_key(block)].items()))
        shared = self.shared[device][block.family]
        return bytes_needed(programs.epoch, shared)


class _Thread:
    """A hand: whatever thread calls it, on one device."""

    def __init__(self, crew: Threads, device: jax.Device):
        self.crew, self.device = crew, device

    def train(
        self, block: Block, state: Carry | None, report: Report, *, last: bool
    ) -> TrainedBlock:
        return self.crew.train_on(self.device, block, state, report, last=last)


def _key(block: Block) -> Key:
    return block.structure, block.family
