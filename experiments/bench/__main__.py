"""Measures jaxdl and its peers in turn, and writes a record and a table.

python -m experiments.bench [--headline] [--workloads S,M] [--members 16,256]
    [--out FOLDER]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.bench import counts
from experiments.bench.peers import CEILINGS, PEERS, PLAIN_ONLY
from experiments.bench.race import race, say
from experiments.bench.record import git, keep, surroundings
from experiments.bench.table import markdown
from experiments.bench.workloads import WORKLOADS, Case


def main() -> None:
    options = parser().parse_args()
    commit = (git("rev-parse", "--short", "HEAD") or "unknown")[:12]
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{commit}"
    settings = {n: getattr(options, n) for n in ("repeats", "seconds", "peers")}
    head = {"name": name, "surroundings": surroundings(), "settings": settings}
    record: dict[str, Any] = head | {"cases": []}
    with tempfile.TemporaryDirectory() as folder:
        for case, peers in comparisons(options):
            try:
                write_arrays(case, folder)
            except subprocess.CalledProcessError:  # it has said why itself
                say(f"{case.workload} {case.members}: left out, there are no data")
                continue
            measured = race(case, peers, Path(folder), options.repeats, options.seconds)
            record["cases"].append(case._asdict() | needs(case) | {"peers": measured})
            # After every case, so that an interrupted comparison keeps what it has.
            keep(record, markdown(record), options.out)
    print(markdown(record))


def parser() -> argparse.ArgumentParser:
    def names(known: Any) -> Any:
        def split(text: str) -> list[str]:
            chosen = text.split(",")
            if unknown := set(chosen) - set(known):
                what = f"got {', '.join(unknown)}; expected some of {', '.join(known)}"
                raise argparse.ArgumentTypeError(what)
            return chosen

        return split

    def count(text: str) -> int:
        if int(text) < 1:
            raise argparse.ArgumentTypeError(f"got {text}; expected at least 1")
        return int(text)

    def numbers(text: str) -> list[int]:
        return [count(part) for part in text.split(",")]

    options = argparse.ArgumentParser(
        "python -m experiments.bench", description=__doc__
    )
    add = options.add_argument
    add("--workloads", type=names(WORKLOADS), default=list(WORKLOADS))
    add("--headline", action="store_true", help="one number of models a workload")
    add("--members", type=numbers, help="how many models, for every workload")
    add("--peers", type=names(PEERS), default=list(PEERS))
    add("--plain", action="store_true", help="S, M, L as scikit-learn can train them")
    add("--repeats", type=count, default=5)
    add("--seconds", type=float, default=3.0, help="of one measurement, about")
    add("--out", type=Path, default=Path("runs/bench"))
    return options


def comparisons(options: argparse.Namespace) -> Iterator[tuple[Case, list[str]]]:
    """Yields each case with its peers.

    Those that train plain networks only get a case of their own, against jaxdl.
    """
    plain = ("jaxdl_sweep", *PLAIN_ONLY, *CEILINGS)
    for name in options.workloads:
        workload = WORKLOADS[name]
        default = [workload.headline] if options.headline else workload.members
        for members in options.members or default:
            if options.plain or not workload.units:
                yield Case(name, members, options.plain), options.peers
                continue
            yield (
                Case(name, members, False),
                [peer for peer in options.peers if peer not in PLAIN_ONLY],
            )
            if set(PLAIN_ONLY) & set(options.peers):
                yield (
                    Case(name, members, True),
                    [peer for peer in options.peers if peer in plain],
                )


def needs(case: Case) -> dict[str, float]:
    """Returns the operations and bytes of a member-step."""
    workload = WORKLOADS[case.workload]
    return {
        "flops": counts.flops(workload),
        "bytes": counts.bytes_moved(workload, case.plain, case.members),
    }


def write_arrays(case: Case, folder: str) -> None:
    """Writes what the workers read, from a process that takes no accelerator."""
    command = [sys.executable, "-m", f"{__package__}.material"]
    subprocess.run(
        [*command, case.workload, str(case.members), folder],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        check=True,
    )


if __name__ == "__main__":
    say("jaxdl and its peers, in turn")
    main()
