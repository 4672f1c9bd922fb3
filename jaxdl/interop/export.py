"""A trained member as files that other programs read: safetensors and JSON."""

import json
import math
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl import nn, runs
from jaxdl.data import Moments
from jaxdl.interop.extras import library
from jaxdl.train import Member
from jaxdl.train.structure import flatten


def export(
    member: Member, path: str | os.PathLike[str], moments: Moments | None = None
) -> tuple[Path, Path]:
    """Writes a member's weights and, beside them, all that is needed to use them.

    `path.safetensors` holds parameters and layer state by path, such as
    `params.0.kernel`. `path.json` holds the hyperparameters by name, the metrics by
    epoch, where the training ended, and what inputs are normalized by. Both replace
    files of these names.

    Args:
        member: a trained one.
        path: without an ending.
        moments: `splits.moments`; None: inputs are used as they are.

    Returns:
        The two paths.

    Raises:
        ImportError: safetensors is not installed.
        OSError: a file cannot be written.
    """
    arrays = library("safetensors.numpy", "safetensors", "the export of weights")
    names, leaves, _ = flatten({"params": member.params, "state": member.state})
    content = {n: np.ascontiguousarray(x) for n, x in zip(names, leaves, strict=True)}
    weights, about = (
        Path(f"{os.fspath(path)}.{end}") for end in ("safetensors", "json")
    )
    runs.write_file(weights, arrays.save(content))
    text = json.dumps(_about(member, moments), indent=2, allow_nan=False)
    runs.write_file(about, text.encode() + b"\n")
    return weights, about


def _about(member: Member, moments: Moments | None) -> dict[str, Any]:
    names, leaves, _ = flatten(member.hparams)
    hparams = zip(names, map(nn.size.live, leaves), strict=True)
    return {
        "hyperparameters": {name: _plain(value) for name, value in hparams},
        "status": str(member.status),
        "stopped_at": member.stopped_at,
        "kept_epoch": member.kept_epoch,
        "metrics": {n: list(map(_plain, x)) for n, x in member.metrics.items()},
        "normalization": None
        if moments is None
        else {n: np.asarray(x).tolist() for n, x in moments._asdict().items()},
    }


def _plain(value: Any) -> Any:
    """Returns a number, text or None of JSON, which has none that are not finite."""
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
