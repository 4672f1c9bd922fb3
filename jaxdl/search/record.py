"""A finished sweep as the plain files of a run's folder."""

import os
import platform
from typing import Any

import jax
import jaxlib
import numpy as np

from jaxdl import runs
from jaxdl.search.result import SweepResult
from jaxdl.train import flatten


def write_run(
    run_dir: str | os.PathLike[str],
    result: SweepResult,
    space: Any,
    key: jax.Array,
    epochs: int,
    patience: int | None,
) -> None:
    """Writes the results of a sweep into a folder that was claimed.

    Raises:
        OSError: a file cannot be written.
    """
    names, leaves, _ = flatten(space)
    specification = {
        "space": {name: repr(leaf) for name, leaf in zip(names, leaves, strict=True)},
        "members": len(result.diverged()),
        "repeats": result.repeats,
        "folds": result.folds,
        "epochs": epochs,
        "patience": patience,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "plan": result.plan._asdict(),
        "precision": list(result.precisions),
        "device": jax.devices()[0].device_kind,
        "versions": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
        },
    }
    ends = {"stopped_at": result.stopped_at, "kept_epoch": result.kept_epoch}
    curves = result.metrics | ends
    runs.write(run_dir, specification, result.member_rows(), curves, _best(result))


def _best(result: SweepResult) -> dict[str, Any]:
    """Returns the winner's arrays by path; none if all diverged."""
    if result.diverged().all():
        return {}
    best = result.best()
    names, leaves, _ = flatten({"params": best.params, "state": best.state})
    return dict(zip(names, leaves, strict=True))
