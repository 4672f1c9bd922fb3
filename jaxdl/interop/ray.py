"""Ray: the machines of a cluster train the blocks of a sweep."""

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from jaxdl.counts import as_count
from jaxdl.extras import library
from jaxdl.interop.ray_crew import RayCrew
from jaxdl.interop.ray_process import Needs

MISSING = (
    "got no Ray cluster at {} ({!s:.300}); expected one that runs: ray start --head "
    "starts one, and ray start --address=HOST:6379 on another machine adds the machine"
)
CONNECT_SECONDS = 5.0
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")  # where Ray looks for one, and in
TOKEN_FILE = Path("~/.ray/auth_token")
QUIET = {"log_to_driver": False, "include_dashboard": False, "logging_level": "ERROR"}


def ray(
    address: str = "auto",
    *,
    hands: int | None = None,
    gpus: int = 0,
    cpus: int | None = None,
    trusted: bool = False,
) -> RayCrew:
    """Returns the crew of a running Ray cluster, for `jaxdl.sweep(..., crew=)`.

    Each machine of the cluster gets a process, which has a hand for each of its cores
    and trains as many blocks at once; or, with `gpus`, processes with a hand for each
    of their GPUs. Members have the bits that they have on one machine of that kind,
    whatever happens to the cluster. Machines may join and leave. A process that dies
    loses what its blocks trained since they last came back, about 30 seconds, and
    that is trained again.

    Only machines on which bits are the same train: with the device, the instruction
    set, the threads, the versions and the flags of the first one, or of the run that
    resumes, and the versions and flags of this process. XLA has as many threads as the
    process has cores: give `cpus` if machines differ in their cores. The others are
    left out by name. On GPUs, equal bits take `--xla_gpu_autotune_level=0` among the
    flags too. This process writes the run, and trains nothing itself.

        crew = dl.interop.ray("auto")
        result = dl.sweep(recipe, space, data, key=0, members=4096, epochs=9, crew=crew)

    Args:
        address: of the cluster's head, such as `10.0.0.1:6379`; `auto`: that of the
            cluster which this machine is part of. Nothing is started.
        hands: how many blocks train at once, at most; None: as many as there is room
            for.
        gpus: of each process; 0: CPUs train.
        cpus: cores of each process, if CPUs train; None: all those of its machine.
        trusted: connects to a head on another machine although this process has no
            token. Whoever reaches a cluster without tokens can run any code on its
            machines, and in this process.

    Raises:
        ConnectionError: there is no such address of a head.
        ImportError: Ray is not installed.
        ValueError: a number is below 1.

    The sweep itself raises what `jaxdl.sweep` does; `ConnectionError` if there is no
    such cluster, no machine that can train, or a connection to another cluster;
    `PermissionError` if the cluster is not trusted; and `RunMismatchError` if all
    machines would give other bits.
    """
    library("ray", "ray", "sweeps on a Ray cluster")
    if not isinstance(address, str) or address == "local" or "://" in address:
        raise ConnectionError(
            f"got address={address!r}; expected that of a running cluster's head, such "
            "as '10.0.0.1:6379', from a machine of the cluster; or 'auto'. "
            "ray start --head starts one"
        )
    needs = Needs(
        None if hands is None else as_count("hands", hands),
        as_count("gpus", gpus, least=0),
        None if cpus is None else as_count("cpus", cpus),
    )
    return RayCrew(lambda: connect(address, trusted=trusted), needs)


def connect(address: str, *, trusted: bool) -> Any:
    """Returns the module `ray`, connected to a cluster.

    Args:
        address: as for `ray`.
        trusted: the same.

    Raises:
        ConnectionError: there is no such cluster, or this process is connected to
            another one.
        PermissionError: it is on another machine, and there is no token.
    """
    module = library("ray", "ray", "sweeps on a Ray cluster")
    library("ray.util.scheduling_strategies", "ray", "sweeps on a Ray cluster")
    if not module.is_initialized():
        if address != "auto":
            check_trusted(address, trusted=trusted)
            _check_reachable(address)
        _init(module, address)
    connected = module.get_runtime_context().gcs_address
    if address != "auto" and not _is_same(address, connected):
        raise ConnectionError(
            f"got address={address!r} in a process that is connected to the cluster at "
            f"{connected}; expected that one, or ray.shutdown() before"
        )
    check_trusted(connected, trusted=trusted)
    return module


def _is_same(a: str, b: str) -> bool:
    """Returns whether two addresses `HOST:PORT` are of one head."""
    (one, _, port), (other, _, port_of_other) = a.rpartition(":"), b.rpartition(":")
    hosts = (_addresses(one) & _addresses(other)) or (is_here(one) and is_here(other))
    return port == port_of_other and (one == other or bool(hosts))


def _addresses(host: str) -> set[Any]:
    """Returns the addresses of a host by its name; of an unknown one there are none."""
    try:
        return {info[4][0] for info in socket.getaddrinfo(host.strip("[]"), None)}
    except OSError:
        return set()


def check_trusted(address: str, *, trusted: bool) -> None:
    """Checks that a cluster is on this machine, or that this process has a token.

    Whether the head asks for the token is not checked.

    Args:
        address: of its head.
        trusted: whether the user has said that it may be otherwise.

    Raises:
        PermissionError: it is neither.
    """
    if trusted or is_here(address.rpartition(":")[0] or address) or _has_token():
        return
    raise PermissionError(
        f"got the cluster at {address}, which is on another machine, and no token in "
        "this process; whoever reaches a cluster without tokens can run any code on "
        "its machines; expected RAY_AUTH_MODE=token on all of them and here (only here "
        "is it checked), or, in a network that you trust, trusted=True, or --trusted"
    )


def is_here(host: str) -> bool:
    """Returns whether a name or an address is of this machine."""
    found = _addresses(host)
    return bool(found) and all(map(_can_listen, found))


def _can_listen(address: Any) -> bool:
    """Returns whether an address is of this machine: only then can one listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
    return True


def _has_token() -> bool:
    """Returns whether this process has a token, which it shows by default."""
    mode = os.environ.get("RAY_AUTH_MODE")
    if mode is not None:
        return mode.lower() == "token"
    return any(map(os.environ.get, TOKENS)) or TOKEN_FILE.expanduser().is_file()


def _check_reachable(address: str) -> None:
    """Checks that somebody listens; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS):
            return
    except (OSError, ValueError) as error:
        raise ConnectionError(MISSING.format(address, error)) from error


def _init(module: Any, address: str) -> None:
    """Connects. Ray sets a handler of SIGTERM, in whose place the old one is put."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        module.init(address=address, **QUIET)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConnectionError(MISSING.format(address, error)) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
