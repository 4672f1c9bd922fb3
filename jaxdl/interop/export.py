"""A trained model as files that other programs read: safetensors and JSON."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl import nn, runs
from jaxdl.extras import library
from jaxdl.interop.architecture import architecture
from jaxdl.interop.predictor import Model, Normalization, normalization
from jaxdl.interop.unpadded import corrected, unpadded
from jaxdl.paths import as_path
from jaxdl.plain import to_json
from jaxdl.train import Member
from jaxdl.train.keys import as_numbers
from jaxdl.train.structure import by_name


def export(
    model: Model,
    path: str | os.PathLike[str],
    moments: Normalization = None,
) -> tuple[Path, Path]:
    """Writes a model's weights, and all that is needed to use them.

    `path.safetensors` holds parameters and layer state by path, such as
    `params.0.kernel` of the first layer. A model with sizes has arrays as long as its
    live sizes, and as many repeated layers; a batch norm has the moments that it uses
    in evaluation. Of layers to choose among it has the parameters of the chosen one.

    `path.json` holds the hyperparameters by name, a size as its live count, a choice as
    its option, and the `bounds` of sizes: `nn.Size(count, bound)` trains the same
    again. Its `architecture` has each layer's name and settings, such as the eps of a
    batch norm. Its `normalization` has the moments of raw inputs (under folds, of the
    fold's train set), its `targets` those that outputs are scaled back by, and
    `classes` and `features` are names. It also has the metrics by epoch, and where the
    training ended. Both replace files of these names.

    Of an ensemble, the JSON has the `weights` of its members, their `numbers` in the
    sweep, and as `members` a list of what it has of one. Arrays such as
    `members.0.params.0.kernel` are of the first.

    Args:
        model: a trained member, or an ensemble.
        path: without an ending.
        moments: `splits.moments`; None: the arrays that it trained on were raw.

    Returns:
        The two paths.

    Raises:
        ImportError: safetensors is not installed.
        OSError: a file cannot be written.
        RecipeError: the recipe has other parameters than the member.
    """
    arrays = library("safetensors.numpy", "safetensors", "the export of weights")
    if isinstance(model, Member):
        content, described = _member(model, moments)
    else:
        members = [_member(member, moments) for member in model.members]
        content = {
            f"members.{i}.{name}": array
            for i, (leaves, _) in enumerate(members)
            for name, array in leaves.items()
        }
        described = {
            "weights": model.weights,
            "numbers": model.numbers,
            "members": [described for _, described in members],
        }
    weights, description = export_paths(path)
    runs.write_file(weights, arrays.save(content))
    text = json.dumps(to_json(described), indent=2, allow_nan=False)
    runs.write_file(description, text.encode() + b"\n")
    return weights, description


def export_paths(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Returns the paths of the weights and of what describes them."""
    whole = as_path(path)
    return Path(f"{whole}.safetensors"), Path(f"{whole}.json")


def _member(
    member: Member, moments: Normalization
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the arrays of a member by path, and what describes it."""
    recipe, params, state = unpadded(member)
    state = as_numbers(corrected(state))
    leaves = by_name({"params": params, "state": state})
    ones = jax.tree.map(lambda _: np.ones(()), params)
    counted = by_name({"params": nn.as_layer(recipe.model).counted(ones)})
    content = {
        name: np.array(leaf, order="C")
        for name, leaf in leaves.items()
        # None: a part that a model leaves out, such as a bias
        if leaf is not None and counted.get(name, True)
    }
    described = _describe(member, moments)
    return content, described | {"architecture": architecture(recipe.model)}


def _describe(member: Member, moments: Normalization) -> dict[str, Any]:
    hparams = by_name(member.hparams).items()
    return {
        "hyperparameters": {name: _shown(leaf) for name, leaf in hparams},
        "bounds": {n: x.bound for n, x in hparams if isinstance(x, nn.Size)},
        "status": str(member.status),
        "stopped_at": member.stopped_at,
        "kept_epoch": member.kept_epoch,
        "metrics": member.metrics,
        "normalization": normalization(member, moments),
        "targets": None if member.scaling is None else member.scaling.labels,
        "classes": member.about.classes,
        "features": member.about.features,
    }


def _shown(leaf: Any) -> Any:
    return leaf.option if isinstance(leaf, nn.OneOf) else nn.size.live(leaf)
