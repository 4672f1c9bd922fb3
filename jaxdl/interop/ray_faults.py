"""Why processes of a cluster cannot train, in words."""

from collections.abc import Iterable
from typing import Any

from jaxdl.engine.kind import Kind
from jaxdl.interop.ray_process import Process
from jaxdl.runs import RunMismatchError


def differences(got: Kind, expected: Kind) -> str:
    """Returns how two kinds differ, in words."""
    pairs: dict[str, tuple[Any, Any]] = {"device": (got.device, expected.device)}
    for part in ("versions", "flags"):
        ours, theirs = getattr(expected, part), getattr(got, part)
        for name in sorted({*ours, *theirs}):
            pairs[name] = theirs.get(name), ours.get(name)
    pairs["threads (cpus=, --cpus)"] = got.threads, expected.threads
    found = [
        f"{name} {a!r} instead of {b!r}" for name, (a, b) in pairs.items() if a != b
    ]
    return f"got {', '.join(found)}; its bits would be others"


def none_left(processes: Iterable[Process]) -> Exception:
    """Returns the error of a cluster whose processes are all left out."""
    known = [(p.name, p.reason) for p in processes if p.reason is not None]
    if all(isinstance(reason, MemoryError) for _, reason in known):
        return MemoryError(str(known[0][1]))
    mismatch = any(isinstance(reason, RunMismatchError) for _, reason in known)
    words = "; ".join(f"{name}: {first_line(reason)}" for name, reason in known[:5])
    text = (
        f"got {counted(len(known))} on the cluster, none of which can train "
        f"this sweep ({words}); expected one that can"
    )
    return RunMismatchError(text) if mismatch else ConnectionError(text)


def counted(number: int) -> str:
    """Returns a number of processes in words."""
    return f"{number} process{'es' * (number != 1)}"


def first_line(reason: Exception) -> str:
    """Returns the first line of an error; what Ray raises there has a traceback."""
    return str(reason).partition("\n")[0] or type(reason).__name__
