"""The options of a sweep on a Ray cluster."""

import argparse
from typing import Any

import jax

from jaxdl import interop
from jaxdl.cli import values
from jaxdl.experiment import ExperimentError

OWN = ("hands", "gpus", "cpus", "trusted")  # options that say more about --ray


def add_options(sweep: argparse.ArgumentParser) -> None:
    """Adds `--ray` and what goes with it."""
    sweep.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="train on the Ray cluster with this head, HOST:PORT, or auto for the one "
        "that this machine is part of",
    )
    sweep.add_argument(
        "--hands",
        type=values.count,
        metavar="N",
        help="with --ray: blocks that train at once, at most; default: as many as "
        "there is room for",
    )
    sweep.add_argument(
        "--gpus",
        type=values.count,
        default=0,
        metavar="N",
        help="with --ray: train on GPUs, N in each process; default: on CPUs",
    )
    sweep.add_argument(
        "--cpus",
        type=values.count,
        metavar="N",
        help="with --ray: processes of N cores each; default: one process of all cores "
        "of each machine",
    )
    sweep.add_argument(
        "--trusted",
        action="store_true",
        help="with --ray: connect to a head on another machine without a token",
    )


def crew_of(options: argparse.Namespace) -> Any:
    """Returns the crew that trains a sweep; None: the devices of this process.

    With a crew this process trains nothing, so its JAX is on the CPU, and takes no
    memory of a GPU. It has to be called before JAX has looked for devices.

    Raises:
        ConnectionError: there is no such address of a head.
        ExperimentError: there are options of a cluster without its address.
        ImportError: Ray is not installed.
    """
    given = [name for name in OWN if getattr(options, name)]
    if options.ray is None:
        if given:
            raise ExperimentError(
                f"got --{given[0]} without --ray; expected the address of a cluster: "
                "add --ray ADDRESS, such as --ray auto"
            )
        return None
    jax.config.update("jax_platforms", "cpu")
    asked = {"hands": options.hands, "gpus": options.gpus, "cpus": options.cpus}
    return interop.ray(options.ray, trusted=options.trusted, **asked)
