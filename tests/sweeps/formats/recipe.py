"""What the run in the folder `4` is made of, once when the format is new.

python -m tests.sweeps.formats.recipe
"""

import json
from pathlib import Path

import numpy as np

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.runs.database import FORMAT

BETA = dl.OneMinusLogUniform(0.5, 0.9)
SPACE = {
    "rate": dl.LogUniform(1e-2, 1.0),
    "units": dl.AsSize(dl.IntUniform(2, 3)),
    "kind": dl.Either(
        {"plain": {}, "heavy": {"beta": dl.OneMinusLogUniform(0.5, 0.9)}}
    ),
}


def data():
    """Returns 16 points on a line, of class 1 above 0."""
    x = np.linspace(-1.0, 1.0, 16, dtype=np.float32)[:, None]
    points = dl.data.from_arrays(x, (x[:, 0] > 0).astype(np.int32))
    return dl.data.Splits(points, points, points)


def recipe(hp):
    values = hp["kind"].values
    return dl.Recipe(
        model=nn.serial(nn.dense(hp["units"]), nn.tanh, nn.dense(2)),
        optimizer=optim.momentum(hp["rate"], beta=values.get("beta", 0.0)),
        loss=nn.softmax_cross_entropy,
        batch_size=8,
    )


def main() -> None:
    folder = Path(__file__).parent / str(FORMAT)
    dl.sweep(
        recipe, SPACE, data(), key=5, members=3, epochs=2, plan=dl.Plan(2),
        search=dl.halving(3), run_dir=folder, progress=False,
    )  # fmt: skip
    owner = {"pid": 1, "host": "a", "started": "2026-11-28T12:00:00+0000"}
    (folder / "owner").write_text(json.dumps(owner) + "\n")


if __name__ == "__main__":
    main()
