"""Memory maps: how many Linux still lets this process have for compiled programs.

XLA maps the code of each function of a CPU program by itself, some hundred maps in all.
When Linux gives no further map, the process dies without a word, so room is looked for
before.
"""

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

MAPS = Path("/proc/self/maps")  # Linux only
LIMIT = Path("/proc/sys/vm/max_map_count")
OF_A_PROGRAM = 2000  # more than were seen: 1,550, of 4 convolutions and 4 dense layers

_changed = threading.Condition()
_compiling = 0  # programs at the moment


@contextlib.contextmanager
def room_for_programs(number: int, let_go: Callable[[], None]) -> Iterator[None]:
    """Waits until there are maps for some programs, which are compiled within.

    Args:
        number: how many; those of a CPU alone take maps.
        let_go: forgets programs that nobody needs; called when there is no room.

    Raises:
        MemoryError: there is no room, and nothing compiles that could have taken it.
    """
    global _compiling
    with _changed:
        if not _has_room(_compiling + number):
            let_go()
            gc.collect()
        while not _has_room(_compiling + number):
            if not _compiling:
                raise MemoryError(
                    f"got {used()} memory maps of this process, of {limit()} that "
                    "Linux allows; expected room for a compiled program: raise the "
                    "limit, such as sysctl -w vm.max_map_count=1000000, or give the "
                    "space fewer programs, with fewer static values or bounds of sizes"
                )
            _changed.wait()
        _compiling += number
    try:
        yield
    finally:
        with _changed:
            _compiling -= number
            _changed.notify_all()


def used() -> int:
    """Returns how many memory maps this process has."""
    return MAPS.read_bytes().count(b"\n")


def limit() -> int:
    """Returns how many memory maps a process may have."""
    return int(LIMIT.read_text())


def _has_room(programs: int) -> bool:
    if not (MAPS.exists() and LIMIT.exists()):
        return True
    return used() + programs * OF_A_PROGRAM <= limit()
