"""Why processes of a cluster cannot train, in words."""

from collections.abc import Iterable, Sequence
from typing import Any

from jaxdl.engine.kind import Kind
from jaxdl.interop.ray_process import Needs, Process, State
from jaxdl.runs import RunMismatchError
from jaxdl.shown import count


def expected_here(recorded: Kind, own: Kind, needs: Needs) -> Kind | None:
    """Returns the kind that a run expects; None: this process cannot resume it.

    Args:
        recorded: that of the run.
        own: that of this process, whose versions and flags all others need too.
        needs: what processes are asked for, which tells a GPU's platform.

    Raises:
        RunMismatchError: the run was trained on CPUs, before runs knew their threads.
    """
    if recorded.threads is None and recorded.device.startswith("cpu"):
        raise RunMismatchError(
            "got a run on CPUs that has no number of XLA's threads on record; expected "
            "one, since bits depend on it: no cluster resumes such a run. It can be "
            "read and replayed; name another folder to train again"
        )
    if recorded.versions != own.versions or recorded.flags != own.flags:
        return None
    known = recorded.platform or not needs.gpus
    return recorded if known else recorded._replace(platform="gpu")


def checked(got: Kind, own: Kind, expected: Kind | None) -> Kind:
    """Returns the kind of a process that may train.

    Args:
        got: its kind.
        own: that of the sweep's process, whose versions and flags are needed.
        expected: the kind that is needed; None: the first one sets it. Of a recorded
            one the platform may be empty.

    Raises:
        RunMismatchError: its bits would be others.
    """
    needed = expected or got._replace(versions=own.versions, flags=own.flags)
    if not needed.platform:
        needed = needed._replace(platform=got.platform)
    if got != needed:
        raise RunMismatchError(differences(got, needed))
    return needed


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


def none_left(processes: Sequence[Process], recorded: Kind | None) -> Exception:
    """Returns the error of a cluster whose processes are all left out, or aside.

    If a block has failed, it is the error of that block.

    Args:
        processes: of the cluster, with a reason each.
        recorded: the kind of the run that resumes; None: any would do.
    """
    known = [(p.name, p.reason) for p in processes if p.reason is not None]
    for process in processes:
        if process.state is State.ASIDE and process.reason is not None:
            return process.reason
    if all(isinstance(reason, MemoryError) for _, reason in known):
        return MemoryError(str(known[0][1]))
    mismatch = any(isinstance(reason, RunMismatchError) for _, reason in known)
    words = "; ".join(f"{name}: {first_line(reason)}" for name, reason in known[:5])
    text = (
        f"got {counted(len(known))} on the cluster, none of which can train "
        f"this sweep ({words}); expected {_one_that_can(recorded)}"
    )
    return RunMismatchError(text) if mismatch else ConnectionError(text)


def _one_that_can(recorded: Kind | None) -> str:
    if recorded is None:
        return "one that can"
    threads = recorded.threads
    of_xla = "" if threads is None else f" and {count(threads, 'thread')} of XLA"
    return (
        f"one of the kind that the run was trained on: {recorded.device}{of_xla}; or "
        "another folder, where the sweep starts again"
    )


def waits_for(coming: int, device: str) -> str:
    """Returns what a sweep waits for.

    Args:
        coming: processes that start.
        device: that they train on.
    """
    if coming:
        return f"waits for {counted(coming)} of the cluster to be ready"
    return f"waits for a machine of the cluster with a free {device}"


def counted(number: int) -> str:
    """Returns a number of processes in words."""
    return f"{number} process{'es' * (number != 1)}"


def first_line(reason: Exception) -> str:
    """Returns the first line of an error; what Ray raises there has a traceback."""
    return str(reason).partition("\n")[0] or type(reason).__name__


def in_the_way(processes: Iterable[Process]) -> str:
    """Returns why processes do not train, in words; of five of them at most."""
    words = [
        f"{p.name}: {first_line(p.reason) if p.reason else 'is not ready yet'}"
        for p in processes
        if p.state is not State.READY
    ]
    return f" ({'; '.join(words[:5])})" if words else ""
