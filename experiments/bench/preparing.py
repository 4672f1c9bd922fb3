"""How much memory do `from_arrays`, `split` and `normalize` take?

python -m experiments.bench.preparing [--repeats 3] [--out FOLDER]

The anonymous memory of a process (RssAnon), sampled every 2 ms from before the three
calls until they return, and once more until the inputs of all sets have been read. The
most beyond what the process held before, over the bytes of the data. The data
themselves, as the caller holds them, are not in; a column has the figure with them.
"""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.race import say
from experiments.bench.record import repeated
from experiments.bench.streaming import anonymous
from experiments.bench.table import heading, row, spread
from jaxdl import data

M, BYTES = 64_000, 4096  # examples, and bytes of the features of one
NARROW = "float32, 64 bytes an example"  # more examples, as many bytes in all
KINDS = (
    "float32", "float64", "uint8", "float32 by columns", NARROW, "memory map",
    "pandas", "DuckDB",
)  # fmt: skip
COLUMNS = {"calls": "the calls", "read": "then read", "held": "data and calls"}


def main() -> None:
    repeated("preparing", measurements, markdown)


def measurements(repeats: int) -> dict[str, Any]:
    """Returns multiples of the data's bytes by kind of data, one for each repeat."""
    found: dict[str, list[dict[str, float]]] = {}
    for kind in KINDS:
        say(f"{kind}: {repeats} repeats")
        found[kind] = [measured(kind) for _ in range(repeats)]
    return {"kinds": found}


def measured(kind: str) -> dict[str, float]:
    """Returns what a process of its own measures."""
    code = f"from {__spec__.name} import report; report({kind!r})"
    done = subprocess.run([sys.executable, "-c", code], stdout=-1, check=True)
    numbers = map(float, done.stdout.split()[-len(COLUMNS) :])
    return dict(zip(COLUMNS, numbers, strict=True))


def report(kind: str) -> None:
    """Prints the most memory of the calls, of reading, and with the data."""
    with tempfile.TemporaryDirectory() as folder:
        few = given(kind, 500, Path(folder) / "few")
        prepared(few)  # loads and compiles what is needed once
        data.split(data.from_arrays(np.zeros((M, 1)), np.zeros(M)), key=0)
        empty = anonymous()
        inputs = given(kind, M, Path(folder) / "all")
        before = anonymous()
        splits, calls = most(lambda: prepared(inputs))
        _, read = most(lambda: [np.shape(x.inputs) for x in splits.sets.values()])
        print(
            *(x / (M * BYTES) for x in (calls - before, read - before, calls - empty))
        )


def numbers(kind: str) -> np.dtype:
    """Returns the type of the numbers of a kind of data."""
    known = "uint8", "float64", "float32"
    if kind in ("pandas", "DuckDB"):
        return np.dtype("float64")
    return np.dtype(next((name for name in known if name in kind), "float32"))


def given(kind: str, m: int, path: Path) -> Any:
    """Returns `m * BYTES` bytes of examples as a caller holds them."""
    draw, dtype = np.random.default_rng(0), numbers(kind)
    order = "F" if "columns" in kind else "C"
    whole = np.empty((m, BYTES // dtype.itemsize), dtype, order)
    if kind == "memory map":
        whole = np.memmap(path, dtype, "w+", shape=whole.shape)
    if kind == NARROW:
        whole = whole.reshape(-1, 64 // dtype.itemsize)
    for first in range(0, len(whole), 1000):
        some = whole[first : first + 1000]
        some[:] = draw.integers(0, 256, some.shape)
    return framed(kind, whole) if kind in ("pandas", "DuckDB") else whole


def framed(kind: str, whole: np.ndarray) -> Any:
    """Returns the array as a data frame, with a label."""
    import pandas

    frame = pandas.DataFrame(whole, columns=[f"c{i}" for i in range(whole.shape[1])])
    frame["label"] = np.arange(len(whole)) % 10
    if kind == "pandas":
        return frame
    import duckdb

    return duckdb.from_df(frame)


def prepared(inputs: Any) -> data.Splits:
    """Returns normalized splits of an array or of a data frame."""
    if hasattr(inputs, "columns"):
        whole = data.from_frame(inputs, label="label", classes=10)
    else:
        labels = np.arange(len(inputs), dtype=np.int32) % 10
        whole = data.from_arrays(inputs, labels, classes=10)
    return data.normalize(data.split(whole, key=0))


def most(function: Callable[[], Any]) -> tuple[Any, int]:
    """Returns a function's result, and the most anonymous memory while it ran."""
    samples, stop = [anonymous()], threading.Event()

    def sample() -> None:
        while not stop.wait(0.002):
            samples.append(anonymous())

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        return function(), max([*samples, anonymous()])
    finally:
        stop.set()
        watcher.join()


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    lines = [heading(record), row(["data", *COLUMNS.values()])]
    lines.append(row(["---"] * (1 + len(COLUMNS))))
    for kind, found in record["kinds"].items():
        cells = (spread([one[name] for one in found]) for name in COLUMNS)
        lines.append(row([kind, *cells]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
