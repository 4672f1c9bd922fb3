"""A model of many workers and the one process that drives them, in simulated time.

The driver serves one worker at a time, first come, first served: it takes what the
worker has trained, and gives it the next block. All that a block costs the driver is
this service, and the worker waits for all of it. That errs on the side of waiting: a
part of the cost arises while the block trains.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from experiments.bench.cluster_hands import Part


class Simulated(NamedTuple):
    """What workers have done, in seconds from 0 on."""

    parts: list[Part]  # the stretches of training that came to their end
    ended: float  # when the driver had taken the last block


def simulate(
    hands: int,
    blocks: Iterable[float],
    service: float,
    deaths: Iterator[float],
    restart: float,
) -> Simulated:
    """Returns how workers, all free at 0, train blocks.

    A worker that dies loses its block. The driver hears of it when the worker is back,
    and gives the block to whoever asks next.

    Args:
        hands: how many workers.
        blocks: the seconds that each block trains.
        service: the seconds of the driver for a block.
        deaths: after how many seconds of training the next worker that begins would
            die.
        restart: the seconds from a death until the worker asks again.
    """
    waiting, again = iter(blocks), list[float]()
    events = [(0.0, number) for number in range(hands)]  # when each one asks
    dead: dict[int, float] = {}  # by worker, its block
    parts, free = list[Part](), 0.0
    while events:
        now, worker = heapq.heappop(events)
        free = max(now, free) + service
        if worker in dead:
            again.append(dead.pop(worker))
        seconds = again.pop() if again else next(waiting, None)
        if seconds is None:
            continue
        death = next(deaths)
        if death < seconds:
            dead[worker] = seconds
            heapq.heappush(events, (free + death + restart, worker))
        else:
            parts.append(Part(free, seconds))
            heapq.heappush(events, (free + seconds, worker))
    return Simulated(parts, free)


def utilization(parts: Sequence[Part], hands: int, until: float) -> float:
    """Returns which share of the workers' time up to a moment was training.

    Args:
        parts: what they have trained, from 0 on.
        hands: how many workers.
        until: the moment, in seconds.
    """
    trained = sum(max(0.0, min(p.seconds, until - p.began)) for p in parts)
    return trained / (hands * until)


def few_left(parts: Sequence[Part], hands: int) -> float:
    """Returns when as many blocks as workers were left; until then each could have one.

    Args:
        parts: at least as many as workers.
        hands: how many workers.
    """
    return sorted(part.began for part in parts)[-hands]
