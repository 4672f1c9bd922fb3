"""The peers: each a file with `prepare(task)`, which returns `run(epochs)`.

`run(epochs)` trains every member from its first weights and returns how many
member-steps it took and the mean train loss of each epoch. Three of them train
nothing, but measure what the machine can do: their work is in operations, in bytes, and
in member-steps of matrix products alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from experiments.bench.workloads import WORKLOADS, Case

Run = Callable[[int], tuple[float, list[float]]]


class LeftOut(Exception):
    """This peer does not do this task; the message says why."""


class Peer(NamedTuple):
    label: str
    framework: str  # what it computes with: jax, torch or numpy
    per_core: bool = False  # one process a core, members divided
    at_once: bool = False  # all members in memory at once
    one_by_one: bool = False  # members in turn, so that few tell the rate
    trains: bool = True


PEERS = {
    "gemm": Peer("matrix product", "jax", trains=False),
    "bandwidth": Peer("memory", "jax", trains=False),
    "products": Peer("its matrix products alone", "jax", trains=False),
    "jaxdl_sweep": Peer("jaxdl", "jax"),
    "textbook_jax": Peer("JAX, vmap of a scan", "jax", at_once=True),
    "serial_jax": Peer("JAX, one by one", "jax", one_by_one=True),
    "torch_processes": Peer(
        "PyTorch, a process a core", "torch", per_core=True, one_by_one=True
    ),
    "torch_func": Peer("torch.func, vmap", "torch", at_once=True),
    "scikit_learn": Peer(
        "scikit-learn, a process a core", "numpy", per_core=True, one_by_one=True
    ),
    "turbanet_swarm": Peer("TurbaNet", "jax", at_once=True),
}
PLAIN_ONLY = ("scikit_learn", "turbanet_swarm")  # no batch normalization, no dropout
CEILINGS = tuple(name for name, peer in PEERS.items() if not peer.trains)


def trained(name: str, case: Case) -> int:
    """Returns how many of the case's members a peer trains: the first of them."""
    most = WORKLOADS[case.workload].headline
    return min(case.members, most) if PEERS[name].one_by_one else case.members
