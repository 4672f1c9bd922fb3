"""How long does a command take that trains a mixed space, beside a PyTorch loop?

    python -m experiments.bench.mixed [--repeats 3] [--out FOLDER]

The space of `experiments/mixed.py`: two optimizers, three schedules, two activations,
batch norm or none, a width, dropout, L2 and label smoothing, on scans of digits. The
commands take turns. Each is timed from its start to its end, with imports, compilation
and the summary. PyTorch trains the same models, one after another, in a process a core.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxdl as dl
from experiments import mixed
from experiments.bench.race import cores, say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from jaxdl.extras import library
from jaxdl.plain import scalar
from jaxdl.train.structure import by_name

AMONG = Path(mixed.__file__)
STATIC = Path(__file__).with_name("mixed_static.py")
PROGRAMS = "--max-programs", "16"  # as many as the choices of the static space have

Timed = dict[str, float]


class Size(NamedTuple):
    members: int
    epochs: int
    arms: tuple[str, ...]  # in turn; the second finds the programs of the first


SIZES = [
    Size(200, 5, ("Among", "Among, programs in the cache", "Static", "PyTorch")),
    Size(1000, 20, ("Among", "Among, programs in the cache", "PyTorch")),
]


def main() -> None:
    repeated("mixed", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns what each command took in each repeat, by size and by command."""
    library("torch", "bench", "the race")  # the arm that needs it comes last
    found: dict[str, dict[str, list[Timed]]] = {}
    for repeat in range(repeats):
        for size in SIZES:
            label = f"{size.members:,} members, {size.epochs} epochs"
            with tempfile.TemporaryDirectory() as folder:
                for name in size.arms:
                    say(f"repeat {repeat + 1} of {repeats}, {label}: {name}")
                    timed = ARMS[name](Path(folder), size.members, size.epochs)
                    found.setdefault(label, {}).setdefault(name, []).append(timed)
    return {"sizes": found}


def swept(
    file: Path, options: tuple[str, ...], folder: Path, members: int, epochs: int
) -> Timed:
    """Returns what `jaxdl sweep` took, and its training, and the best dev error.

    The training is from the first report of progress, after an epoch of a block, to the
    last one.

    Args:
        file: of the experiment; its compiled programs have a cache of their own.
        options: of the command, beside its size.
        folder: where the cache is.
        members: to train.
        epochs: of each.
    """
    size = "--members", str(members), "--epochs", str(epochs)
    command = [sys.executable, "-m", "jaxdl", "sweep", str(file), *size, *options]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / file.stem)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "--json"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        told = heard(process)
    seconds = time.monotonic() - began
    check_ended(process)
    return {"seconds": seconds, **told}


def heard(process: subprocess.Popen[str]) -> Timed:
    """Returns what the lines of a command tell: seconds of training, the best error."""
    assert process.stdout is not None
    told, reports = {}, []
    for line in process.stdout:
        message = json.loads(line)
        if "progress" in message:
            reports.append(time.monotonic())
            told["training"] = reports[-1] - reports[0]
        else:
            told["best"] = message["summary"]["value"]
    return told


def torch_loop(folder: Path, members: int, epochs: int) -> Timed:
    """Returns what PyTorch took, in a process a core, which share the members."""
    write(folder, members)
    shares = cores()
    module = f"{__package__}.mixed_torch"
    environment = os.environ | dict.fromkeys(
        ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], "1"
    )
    began = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module, folder, *map(str, (share, shares, epochs))],
            env=environment,
            stdout=subprocess.PIPE,
        )
        for share in range(shares)
    ]
    outputs = [process.communicate()[0] for process in processes]
    seconds = time.monotonic() - began
    for process in processes:
        check_ended(process)
    return {"seconds": seconds, "best": min(min(json.loads(x)) for x in outputs)}


def check_ended(process: subprocess.Popen[Any]) -> None:
    """Checks that a process has ended without an error, which it has told itself."""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def write(folder: Path, members: int) -> None:
    """Writes what `mixed_torch` reads: the data, and the members that jaxdl draws."""
    sets = arrays(mixed.data.train, mixed.data.dev)
    np.savez(folder / "data.npz", allow_pickle=False, **sets)
    columns = by_name(dl.sample(jax.random.key(0), mixed.space, members))
    rows = [
        {name: scalar(column[i]) for name, column in columns.items()}
        for i in range(members)
    ]
    (folder / "members.json").write_text(json.dumps(rows))


def arrays(train: dl.data.Dataset, dev: dl.data.Dataset) -> dict[str, np.ndarray]:
    """Returns inputs and labels of two sets, in the types that PyTorch asks for."""
    return {
        "train_inputs": np.asarray(train.inputs),
        "train_labels": np.asarray(train.labels, np.int64),
        "dev_inputs": np.asarray(dev.inputs),
        "dev_labels": np.asarray(dev.labels, np.int64),
    }


ARMS: dict[str, Callable[[Path, int, int], Timed]] = {
    "Among": functools.partial(swept, AMONG, ()),
    "Among, programs in the cache": functools.partial(swept, AMONG, ()),
    "Static": functools.partial(swept, STATIC, PROGRAMS),
    "PyTorch": torch_loop,
}


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table for each size."""
    lines = [
        heading(record),
        "Seconds of a command, and of its training, from the first report to the last.",
        "Static: the space with `Either` and `Static`, a program for each combination.",
    ]
    columns = "command", "seconds", "training", "PyTorch, times as long", "dev error"
    for size, found in record["sizes"].items():
        lines += ["", f"## {size}", "", row(columns), row(["---"] * len(columns))]
        peer = each("seconds", found["PyTorch"])
        for name, times in found.items():
            own, training = each("seconds", times), each("training", times)
            ratios = [a / b for a, b in zip(peer, own, strict=True)]
            told = own, training, ratios, each("best", times)
            lines.append(row([name, *(spread(x) if x else "" for x in told)]))
    return "\n".join(lines)


def each(what: str, times: list[Timed]) -> list[float]:
    return [timed[what] for timed in times if what in timed]


if __name__ == "__main__":
    main()
