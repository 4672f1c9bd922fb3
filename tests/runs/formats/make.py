"""Makes the folder of the present format, once when the format is new.

python -m tests.runs.formats.make
"""

from pathlib import Path

import numpy as np

from jaxdl import runs
from jaxdl.runs.database import FORMAT

SPECIFICATION = {
    "epochs": 1,
    "members": 2,
    "metrics": ["train_error", "dev_error"],
    "space": {"learning_rate": "LogUniform(low=0.001, high=0.1)"},
}
RECORD = runs.Record(
    rung=0, members=np.array([0, 1]), first=0, until=1, status=np.int32([1, 4]),
    stopped_at=np.int32([1, 0]), steps=np.int32([3, 2]), kept_epoch=np.int32([1, 0]),
    metrics={
        "train_error": np.array([[0.5, np.nan]]),
        "dev_error": np.array([[0.75, np.inf]]),
    },
    arrays=[np.float32([[1, 2], [3, 4]]), np.uint8([5, 6])],
)  # fmt: skip


def main() -> None:
    folder = Path(__file__).parent / str(FORMAT)
    with runs.open_run(folder, SPECIFICATION) as store:
        store.enter(0, [0, 1], {"learning_rate": [0.01, 0.02]}, 1)
        store.commit(RECORD)
        store.finish(1)
    (folder / "owner").unlink()


if __name__ == "__main__":
    main()
