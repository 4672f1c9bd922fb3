"""How many workers can one process drive, and what binds? Measured, then simulated.

    ray start --head --num-cpus=100
    python -m experiments.bench.cluster [--ray ADDRESS] [--check] [--repeats 1]
        [--out FOLDER]

Measured: the processor time of the process that drives a sweep, for each block. The
sweep is real, its workers only sleep. Here they are threads of that process; with
`--ray` they are on a cluster, behind jaxdl's own crew, and take about 10 s a block.
Simulated with that cost: 10 to 10,000 workers with 100 blocks each. A block takes 10 s
in the mean, lognormal; a worker dies once an hour in the mean, loses its block, and is
back after 4 s. One process drives all, or each worker has a shard and drives itself.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.cluster_costs import (
    WAVES,
    WIDTH,
    driven_here,
    driven_on_ray,
    start_of_shard,
    utilizations,
)
from experiments.bench.cluster_hands import Times
from experiments.bench.cluster_model import few_left, simulate
from experiments.bench.race import say
from experiments.bench.record import keep, surroundings
from experiments.bench.table import heading, number, row, spread

KEEP = 100
WORKERS, BLOCKS = (10, 100, 1_000, 10_000), 100
TIMES, AT_ONCE = Times(life=3600.0), Times(mean=0.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "no folder, keep": {"folder": False, "keep": KEEP},
    "a folder": {"folder": True, "keep": None},
    "a folder, keep": {"folder": True, "keep": KEEP},
}
USUAL = "a folder, keep"
ON_RAY = (USUAL, "no folder, keep")
HANDS, FEW = 100, 500  # hands that do not sleep, and their blocks
DRIVERS = {"all of it": "milliseconds", "Python's threads": "threads_milliseconds"}
SHARDS = "a shard for each worker"
BOUND = 0.95  # of the driver's time, from which on it is what binds


def main() -> None:
    options = parser().parse_args()
    record: dict[str, Any] = {
        "name": f"{time.strftime('%Y-%m-%d-%H%M%S')}-cluster",
        "surroundings": surroundings(),
        "settings": {"repeats": options.repeats},
        **measured(options.repeats, options.ray, check=options.check),
    }
    record["simulated"] = simulated(record)
    text = markdown(record)
    keep(record, text, options.out)
    print(text)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("python -m experiments.bench.cluster")
    options.add_argument(
        "--ray", metavar="ADDRESS", help="of a cluster on this machine"
    )
    options.add_argument(
        "--check", action="store_true", help="the model against threads that sleep"
    )
    options.add_argument("--repeats", type=int, default=1)
    options.add_argument("--out", type=Path, default=Path("runs/bench"))
    return options


def measured(repeats: int, ray: str | None, *, check: bool) -> dict[str, Any]:
    """Returns the costs of each case, one for each repeat."""
    found: dict[str, Any] = {"at_once": {}, "timed": {}, "ray": {}, "start": []}

    def note(what: str, name: str, costs: dict[str, float]) -> None:
        say(f"{what}, {name}: {costs['milliseconds']:.1f} ms a block")
        found[what].setdefault(name, []).append(costs)

    for _ in range(repeats):
        for name, settings in SETTINGS.items():
            costs = driven_here(FEW, HANDS, AT_ONCE, **settings)
            note("at_once", name, costs)
        for hands in (100, 1_000) if check else ():
            costs = driven_here(WAVES * hands, hands, TIMES, **SETTINGS[USUAL])
            note("timed", f"{hands:,} hands, {USUAL}", costs)
        if ray is not None:
            for name, paced in itertools.product(ON_RAY, (1_000, 100)):
                costs = driven_on_ray(ray, paced, **SETTINGS[name])
                note("ray", f"{name}, told as by {paced:,}", costs)
        found["start"].append(start_of_shard())
    return found


def simulated(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns what becomes of each number of workers."""
    own = median(record["at_once"][USUAL], "milliseconds") / 1e3
    start, rows = statistics.median(record["start"]), []
    for workers in WORKERS:
        paced = 100 if workers <= 100 else 1_000
        for name, (label, key) in itertools.product(ON_RAY, DRIVERS.items()):
            known = f"{name}, told as by {paced:,}"
            costs = record["ray"].get(known, record["at_once"][name])
            found = driver(workers, BLOCKS, median(costs, key) / 1e3)
            rows.append({"driver": f"{name}: {label}", **found})
        rows.append({"driver": SHARDS, **shards(workers, BLOCKS, own, start)})
    return rows


def median(costs: list[dict[str, float]], key: str) -> float:
    """Returns the median of one cost over the repeats."""
    return statistics.median(each[key] for each in costs)


def driver(workers: int, each: int, service: float) -> dict[str, Any]:
    """Returns how workers fare with one driver for all.

    Args:
        workers: how many.
        each: blocks of each of them.
        service: the seconds of the driver for a block.
    """
    blocks, deaths = drawn(workers * each)
    parts, ended = simulate(workers, blocks, service, deaths, TIMES.restart)
    rate = (len(parts) - workers) / few_left(parts, workers)
    return {
        "workers": workers,
        "service": service,
        "rate": rate,
        "load": rate * service,
        **utilizations(parts, workers, ended),
    }


def shards(workers: int, each: int, service: float, start: float) -> dict[str, Any]:
    """Returns how workers fare with a shard each.

    Args:
        workers: how many; each one has so many blocks, and is free after the last.
        each: blocks of each of them.
        service: seconds for a block, which it spends itself.
        start: seconds until it trains, also when it has died.
    """
    blocks, deaths = drawn(workers * each)
    held, seconds = [], sum(blocks)
    for first in range(0, len(blocks), each):
        own = blocks[first : first + each]
        held.append(start + simulate(1, own, service, deaths, start).ended)
    return {
        "workers": workers,
        "service": service,
        "rate": len(blocks) / max(held),
        "load": service * len(blocks) / sum(held),
        "full": seconds / sum(held),
        "whole": seconds / (workers * max(held)),
    }


def drawn(count: int) -> tuple[list[float], Iterator[float]]:
    """Returns the seconds of blocks, and after how many each next worker would die."""
    rng, spread = np.random.default_rng(0), TIMES.sigma
    blocks = TIMES.mean * np.exp(spread * rng.standard_normal(count) - spread**2 / 2)
    more = iter(lambda: rng.exponential(TIMES.life, 1024).tolist(), None)
    return blocks.tolist(), itertools.chain.from_iterable(more)


def like_timed(hands: int, costs: dict[str, float]) -> dict[str, float]:
    """Returns what the model says of hands that slept, with the same blocks."""
    blocks = [TIMES.block(WIDTH * number) for number in range(WAVES * hands)]
    deaths = (TIMES.death(number) for number in itertools.count(1))
    service = costs["milliseconds"] / 1e3
    parts, ended = simulate(hands, blocks, service, deaths, TIMES.restart)
    return utilizations(parts, hands, ended)


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, what was measured, the model."""
    return "\n".join([heading(record), *costs_of(record), "", *rows_of(record)])


def costs_of(record: dict[str, Any]) -> Iterator[str]:
    """Yields the table of what was measured."""
    names = (
        "workers, sweep", "ms of the processor a block", "in Python's threads",
        "KiB on disk a block", "utilization with blocks for all", "the model's",
    )  # fmt: skip
    yield from (row(names), row(["---"] * len(names)))
    labels = {"at_once": "here, at once", "timed": "here, 10 s", "ray": "on Ray, 10 s"}
    for what, label in labels.items():
        for name, runs in record[what].items():
            ours = ("milliseconds", "threads_milliseconds", "disk_bytes", "full")
            ms, threads, disk, full = ([run[k] for run in runs] for k in ours)
            cells = [spread(ms), spread(threads), spread([x / 1024 for x in disk])]
            models = [like_timed(int(run["hands"]), run)["full"] for run in runs]
            shares = [percent(full), percent(models)] if what != "at_once" else ["", ""]
            yield row([f"{label}: {name}", *cells, *shares])
    (one, *_) = record["at_once"][USUAL]
    weights, carry = (one[k] / 2**20 for k in ("weights_bytes", "carry_bytes"))
    yield f"\nA block has {weights:.2f} MiB of weights and {carry:.2f} MiB of state; "
    yield f"a shard starts in {spread(record['start'])} s of the processor."


def rows_of(record: dict[str, Any]) -> Iterator[str]:
    """Yields the table of what was simulated."""
    names = (
        "workers", "sweep: what the driver does in turn", "ms a block", "blocks/s",
        "utilization with blocks for all", "to the end", "load of the driver",
        "what binds", "GiB of weights, without keep",
    )  # fmt: skip
    yield from (row(names), row(["---"] * len(names)))
    (one, *_) = record["at_once"][USUAL]
    memory = record["surroundings"]["memory_bytes"]
    for found in record["simulated"]:
        alone = found["driver"] == SHARDS
        weights = (1 if alone else found["workers"]) * BLOCKS * one["weights_bytes"]
        binds = "nothing" if weights < memory else "memory, without keep"
        binds = "the driver" if found["load"] >= BOUND else binds
        yield row([
            f"{found['workers']:,}", found["driver"], number(1e3 * found["service"]),
            number(found["rate"]), percent([found["full"]]),
            percent([found["whole"]]), percent([found["load"]]), binds,
            number(weights / 2**30),
        ])  # fmt: skip


def percent(shares: list[float]) -> str:
    """Returns the median of shares in percent; of several, the spread as well."""
    if len(shares) == 1:
        return f"{100 * shares[0]:.1f} %"
    return f"{spread([100 * share for share in shares])} %"


if __name__ == "__main__":
    main()
