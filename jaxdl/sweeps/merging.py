"""The shards of a sweep made one run, which is as if one process had trained it."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl import runs, terminal
from jaxdl.paths import as_path
from jaxdl.searches.one_rung import random
from jaxdl.searches.shards import Shard, as_shard
from jaxdl.sweeps.mismatch import in_words
from jaxdl.sweeps.spare_records import spare_records
from jaxdl.sweeps.specification import SHARD, num_variants_of

BATCH = 256  # records that are on the disk together, or not at all
SHOWN = 10  # ranges of shards in an error


class Part(NamedTuple):
    """The run of a shard, and what it says of itself."""

    folder: Path
    shard: Shard
    specification: dict[str, Any]  # of the whole sweep
    finished: bool


def merge(run: str | os.PathLike[str], *, progress: bool = True) -> int:
    """Makes one run of the shards of a sweep, in the folder that holds theirs.

    The run is the one that the same sweep without `shard` leaves: it has its members,
    in its numbers and to the bit, and the same call resumes, extends and reads it.
    Shards stay as they are, and are not needed any more. Where the disk allows it, the
    files of weights are shared with them, and take no room twice. Records are read one
    after another, each verified; of all members at once only the hyperparameters are in
    memory. If the sweep keeps the weights of its best configurations alone, so does
    this run. A merge that was interrupted continues when it is called again.

        for i in range(8):
            dl.sweep(recipe, space, data, ..., shard=(i, 8), run_dir=f"runs/big/{i}")
        dl.sweeps.merge("runs/big")

    Args:
        run: a folder of which each folder that holds a run is that of a shard.
        progress: whether to show progress.

    Returns:
        How many members the run has.

    Raises:
        DamagedError: a record of a shard differs from what was written.
        FileNotFoundError: no shard is there, or some are missing.
        OSError: the folder cannot be written, or another process writes it.
        RunMismatchError: the shards are not of one sweep, one is there twice, or has
            not finished; or the folder holds the run of another sweep.
    """
    folder = as_path(run).absolute()
    parts = _parts(folder)
    _check_whole(folder, parts)
    specification = parts[0].specification
    with runs.open_run(folder, specification, words=in_words) as store:
        if not store.finished:
            members = _enter(store, parts)
            _copy_all(store, parts, progress)
            if specification.get("keep") is not None:
                store.drop(spare_records(store))
            store.finish(1)
            return members
        return len(store.members(0))


def _parts(folder: Path) -> list[Part]:
    """Returns the shards in a folder, by number.

    Raises:
        FileNotFoundError: there is none.
        RunMismatchError: another run is among them.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    parts = [_part(path) for path in inside if path.is_dir() and runs.has_run(path)]
    if not parts:
        raise FileNotFoundError(
            f"got {folder}, in which no folder holds a run; expected those of shards, "
            f"such as {folder / '0'}: train each with shard=(i, n) and a folder of its "
            "own (--shard I/N --out RUN/I)"
        )
    return sorted(parts, key=lambda part: part.shard.number)


def _part(folder: Path) -> Part:
    with runs.read_run(folder) as store:
        specification, finished = dict(store.specification), store.finished
    pair = specification.pop(SHARD, None)
    if pair is None:
        raise runs.RunMismatchError(
            f"got {folder}, the run of a whole sweep; expected a folder that holds "
            "runs of shards alone: move it away"
        )
    shard = as_shard(pair, specification["members"], random())
    return Part(folder, shard, specification, finished)


def _check_whole(folder: Path, parts: list[Part]) -> None:
    """Checks that shards are all those of one sweep, and each is there once.

    Raises:
        FileNotFoundError: some are missing.
        RunMismatchError: they are of several sweeps, one comes twice, or one has not
            finished.
    """
    first = parts[0]
    for one, other in itertools.pairwise(parts):
        if difference := _difference(first, other):
            raise runs.RunMismatchError(
                f"got shards of several sweeps: {other.folder} differs from "
                f"{first.folder}: {difference}; expected one recipe, space, key and "
                "data, and machines of one kind: train one of them again"
            )
        if one.shard == other.shard:
            raise runs.RunMismatchError(
                f"got shard {one.shard.number} of {one.shard.count} twice, in "
                f"{one.folder} and {other.folder}; expected it once: move one away"
            )
    count = first.shard.count
    if missing := {*range(count)} - {part.shard.number for part in parts}:
        raise FileNotFoundError(
            f"got {len(parts)} of {count} shards in {folder}; expected all: "
            f"{_ranges(missing)} of 0-{count - 1} are missing"
        )
    if running := {part.shard.number for part in parts if not part.finished}:
        raise runs.RunMismatchError(
            f"got shards in {folder} that have not finished: {_ranges(running)} of "
            f"0-{count - 1}; expected all to the end: run their commands again, which "
            "resume them"
        )


def _difference(one: Part, other: Part) -> str:
    """Returns how a shard is of another sweep than the first; empty if it is not."""
    if one.shard.count != other.shard.count:
        return f"shards: got one of {other.shard.count}, and one of {one.shard.count}"
    got, expected = other.specification, one.specification
    return "; ".join(
        in_words(name, got.get(name), expected.get(name))
        or f"{name}: got {got.get(name)!r:.200}, and {expected.get(name)!r:.200}"
        for name in sorted(got.keys() | expected.keys())
        if got.get(name) != expected.get(name)
    )


def _ranges(numbers: set[int]) -> str:
    """Returns numbers as a job array takes them, such as 3,7-9."""
    rows = [
        [number for _, number in group]
        for _, group in itertools.groupby(
            enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]
        )
    ]
    texts = [f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in rows]
    return ",".join(texts[:SHOWN]) + ",..." * (len(texts) > SHOWN)


def _enter(store: runs.Store, parts: list[Part]) -> int:
    """Enters the rung of all shards' members; returns how many these are."""
    rungs = [_rung(part) for part in parts]
    ids = np.arange(sum(len(rung.members) for rung in rungs))
    hparams = {
        name: [*itertools.chain.from_iterable(rung.hparams[name] for rung in rungs)]
        for name in rungs[0].hparams
    }
    store.enter(0, ids, hparams, np.concatenate([rung.until for rung in rungs]))
    return len(ids)


def _rung(part: Part) -> runs.StoredRung:
    """Returns the one rung of a shard.

    Raises:
        DamagedError: it has other members than its shard.
    """
    with runs.read_run(part.folder) as store:
        found = store.rungs()
    count = part.shard.members * num_variants_of(part.specification)
    if len(found) != 1 or not np.array_equal(found[0].members, np.arange(count)):
        raise runs.DamagedError(
            f"got a run in {part.folder} that no shard leaves; expected one rung of "
            f"{count} members: train the shard again in another folder"
        )
    return found[0]


def _copy_all(store: runs.Store, parts: list[Part], progress: bool) -> None:
    """Copies the records of all shards, but those that an earlier call has copied."""
    done, known = [0], store.digests(0)

    def look() -> tuple[float, list[str]]:
        return done[0] / len(parts), [f"shards: {done[0]}/{len(parts)} merged"]

    with terminal.live(look, enabled=progress) as changed:
        for part in parts:
            records = _records(part)
            new = (one for one in records if not _has(known, one.digest))
            while batch := [*itertools.islice(new, BATCH)]:
                store.copy(batch)
            done[0] += 1
            changed()


def _has(known: Any, digest: str) -> bool:
    """Returns whether one more record of a digest is known, and counts it off."""
    known[digest] -= 1
    return known[digest] >= 0


def _records(part: Part) -> Iterator[runs.Copied]:
    """Yields the records of a shard with the numbers of the whole sweep.

    Raises:
        DamagedError: one differs from what was written.
    """
    try:
        with runs.read_run(part.folder) as store:
            yield from store.stored(
                0, part.shard.first * num_variants_of(part.specification)
            )
    except runs.DamagedError as error:
        raise runs.DamagedError(
            f"got shard {part.shard.number} of {part.shard.count} in {part.folder} "
            f"with a damaged record ({error}); expected a whole one: run its command "
            "again, which trains what is lost"
        ) from error
