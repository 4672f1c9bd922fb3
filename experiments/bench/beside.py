"""What a block on a Ray cluster takes beside its training, measured where it is driven.

    python -m experiments.bench.beside --ray ADDRESS [--blocks 100] [--repeats 1]
        [--out FOLDER]

The sweep, its folder and Ray are real. Two hands of the cluster sleep for a second a
block of the digits network, 16 members, 20 epochs, and give copies of one; see
`cluster_hands`. Measured: the time from when a hand is asked for a block, or for an
interval of one, until it is committed, without the time that the hand sleeps.
"""

import argparse
import contextlib
import math
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import jaxdl as dl
from experiments.bench.cluster_costs import EPOCHS, train
from experiments.bench.cluster_hands import Sleeping, Times
from experiments.bench.record import keep, surroundings
from experiments.bench.table import heading, number, row, spread
from jaxdl.engine import pace
from jaxdl.engine.engine import Engine
from jaxdl.engine.population import Population
from jaxdl.interop import ray_process

HANDS, SECONDS = 2, 1.0  # of a block
PARTS = 4  # intervals of a block, about
CASES = {"a block, no folder": False, "an interval of a block, a folder": True}


class Slow(Sleeping):
    """Hands that sleep equally long for each block."""

    times = Times(mean=SECONDS, sigma=0.0)


class Span(NamedTuple):
    """An interval of a block, where it is driven."""

    first: int
    until: int
    seconds: float  # from when a hand was asked until it was committed


def main() -> None:
    options = argparse.ArgumentParser("python -m experiments.bench.beside")
    options.add_argument("--ray", metavar="ADDRESS", required=True)
    options.add_argument("--blocks", type=int, default=100)
    options.add_argument("--repeats", type=int, default=1)
    options.add_argument("--out", type=Path, default=Path("runs/bench"))
    given = options.parse_args()
    found: dict[str, list[list[float]]] = {name: [] for name in CASES}
    for _ in range(given.repeats):
        for name, folder in CASES.items():
            spans = driven(given.ray, given.blocks, folder=folder)
            found[name].append(beside(spans, folder=folder))
    record = {
        "name": f"{time.strftime('%Y-%m-%d-%H%M%S')}-beside",
        "surroundings": surroundings(),
        "settings": {"repeats": given.repeats, "blocks": given.blocks},
        "seconds": found,
    }
    text = markdown(record)
    keep(record, text, given.out)
    print(text)


def driven(address: str, blocks: int, *, folder: bool) -> list[Span]:
    """Returns the intervals of a sweep of so many blocks on a cluster."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(ray_process, "Actor", Slow))
        seconds = SECONDS / PARTS if folder else pace.KEEP_SECONDS
        stack.enter_context(mock.patch.object(pace, "KEEP_SECONDS", seconds))
        # However much of the time of this process that takes.
        stack.enter_context(mock.patch.object(pace, "KEEP_SHARE", math.inf))
        spans = stack.enter_context(noted())
        place = None
        if folder:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        train(blocks, place, crew=dl.interop.ray(address, hands=HANDS))
    return spans


@contextlib.contextmanager
def noted() -> Iterator[list[Span]]:
    """Yields a list that gets the intervals of the sweeps within."""
    spans, asked = list[Span](), dict[int, float]()
    ask, commit = Engine.ask, Population.commit

    def timed_ask(self: Engine, *given: Any, **settings: Any) -> Any:
        began = time.monotonic()
        trained = ask(self, *given, **settings)
        asked[threading.get_ident()] = time.monotonic() - began
        return trained

    def timed_commit(self: Population, trained: Any, stop: Any) -> Any:
        began = time.monotonic()
        committed = commit(self, trained, stop)
        waited = asked.pop(threading.get_ident()) + time.monotonic() - began
        block = trained.block
        spans.append(Span(block.first, block.until, waited))
        return committed

    with (
        mock.patch.object(Engine, "ask", timed_ask),
        mock.patch.object(Population, "commit", timed_commit),
    ):
        yield spans


def beside(spans: list[Span], *, folder: bool) -> list[float]:
    """Returns the seconds beside training of those intervals that count.

    Without a folder, these are whole blocks, whose weights come back; with one, those
    of which state goes there and comes back.

    Args:
        spans: of a sweep.
        folder: whether it had one.
    """

    def counts(span: Span) -> bool:
        return span.first > 0 if folder else span[:2] == (0, EPOCHS)

    return [
        span.seconds - SECONDS * (span.until - span.first) / EPOCHS
        for span in spans
        if counts(span)
    ]


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then what was measured."""
    names = ("", "median ms", "90 % are below, ms", "measured")
    rows = [row(names), row(["---"] * len(names))]
    for name, repeats in record["seconds"].items():
        medians = [1e3 * statistics.median(each) for each in repeats]
        tails = [1e3 * float(np.quantile(each, 0.9)) for each in repeats]
        count = number(sum(map(len, repeats)))
        rows.append(row([name, spread(medians), spread(tails), count]))
    return "\n".join([heading(record), *rows])


if __name__ == "__main__":
    main()
