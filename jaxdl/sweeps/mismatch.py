"""How a sweep differs from the run that is in its folder, in words for an error."""

from typing import Any

from jaxdl.engine.kind import THREADS
from jaxdl.spaces.plain import difference

DIGESTS = {
    "programs": "programs: got those of another recipe",
    "data": "data: got others than those of the run",
    "traced": "types: got those of other hyperparameters",
    "start": "start: got another one than that of the run",
}


def in_words(part: str, got: Any, recorded: Any) -> str:
    """Returns how a part of a specification differs; empty if JSON says it best.

    Args:
        part: its name.
        got: its value; None: there is none.
        recorded: that of the run.
    """
    if part in DIGESTS and got is not None and recorded is not None:
        return DIGESTS[part]
    if part == "first" and got is None:
        return "first members: got none, recorded those of another sweep (start_from)"
    if part == "decision":
        return _decision(got, recorded)
    if part == "space":
        return difference(got, recorded)
    if part == "threads" and got is not None:
        return _threads(got, recorded)
    if part == "shard":
        return f"shard: got {_shard(got)}, recorded {_shard(recorded)}"
    if part == "key" and _is_seed(got) and _is_seed(recorded):
        return f"seed: got {got[1]}, recorded {recorded[1]}"
    return ""


def _decision(got: str, recorded: str | None) -> str:
    """Returns which search `auto` takes, and which one the run has; None: a named one.

    A decision begins with what the search is called, and goes on with the reason.
    """
    taken, *_ = got.partition(": ")
    if recorded is None:
        return f"auto takes {taken}, recorded a search that auto did not take"
    return (
        f"auto takes {taken}, recorded {recorded.partition(': ')[0]} (to resume the "
        "run, name that search)"
    )


def _shard(pair: Any) -> str:
    return "the whole sweep" if pair is None else "{} of {}".format(*pair)


def _threads(got: int, recorded: int | None) -> str:
    """Returns how the threads of a CPU differ; None: the run has no number."""
    if recorded is None:
        return (
            f"threads of the CPU: got {got}, recorded none; runs of older versions "
            "have none, and can be read and replayed, but not resumed"
        )
    return (
        f"threads of the CPU: got {got}, recorded {recorded} (to train with as many, "
        f"set {THREADS}={recorded} before Python starts, or with --ray --cpus "
        f"{recorded})"
    )


def _is_seed(key: Any) -> bool:
    """Returns whether a key is that of a seed, which has 0 in its upper 32 bits."""
    return isinstance(key, list) and len(key) == 2 and key[0] == 0
