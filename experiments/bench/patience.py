"""How much of the time that early stopping could save does it save?

python -m experiments.bench.patience [--repeats 5] [--out FOLDER]

A sweep with patience is compared, in turn, with the same sweep whose patience no member
loses. Of both, the time of a sweep of one epoch is taken off: tracing and the like. The
share of time that is saved, over the share of member-epochs, is 1 if a member that has
stopped costs nothing any more. All programs are compiled before.
"""

import functools
import time
from typing import Any

import numpy as np

import jaxdl as dl
from experiments.bench.race import say
from experiments.bench.record import repeated
from experiments.bench.table import heading, row, spread
from experiments.bench.variants import SPACE, network

HIDDEN, MEMBERS, EPOCHS, PATIENCE = (32, 32, 32), 256, 80, 8
CLOCKS = ("clock", "processor")


def main() -> None:
    repeated("patience", compare, markdown)


def compare(repeats: int) -> dict[str, Any]:
    """Returns the shares that early stopping saves, for each repeat."""
    say(f"patience {PATIENCE} of {EPOCHS} epochs: {repeats} repeats")
    sweep(epochs=1, patience=1)  # compiles
    return {"found": [saved() for _ in range(repeats)]}


def saved() -> dict[str, float]:
    """Returns the shares of member-epochs, of time and of processor time."""
    short, _ = sweep(epochs=1, patience=1)
    whole, _ = sweep(epochs=EPOCHS, patience=EPOCHS - 1)
    early, result = sweep(epochs=EPOCHS, patience=PATIENCE)
    trained = np.isfinite(result.metrics["dev_loss"]).mean()
    times = 1 - (early - short) / (whole - short)
    return {
        "epochs": float(1 - trained),
        **dict(zip(CLOCKS, times.tolist(), strict=True)),
    }


def sweep(**settings: Any) -> tuple[np.ndarray, dl.SweepResult]:
    """Returns seconds on the clock and of the processors, and the result."""
    recipe, data = functools.partial(network, HIDDEN), dl.data.load("digits")
    began = np.array([time.monotonic(), time.process_time()])
    result = dl.sweep(
        recipe, SPACE, data, key=0, members=MEMBERS, progress=False, **settings
    )
    return np.array([time.monotonic(), time.process_time()]) - began, result


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table."""
    columns = ["saved of", "share", "over the share of member-epochs"]
    lines = [heading(record), row(columns), row(["---"] * len(columns))]
    epochs = [found["epochs"] for found in record["found"]]
    for name in ("epochs", *CLOCKS):
        shares = [found[name] for found in record["found"]]
        ratios = [a / b for a, b in zip(shares, epochs, strict=True)]
        lines.append(row([name, spread(shares), spread(ratios)]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
