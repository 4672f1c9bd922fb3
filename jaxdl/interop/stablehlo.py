"""A trained model as a StableHLO program, which runs without its recipe."""

import os
from pathlib import Path

import jax

from jaxdl import runs
from jaxdl.extras import library
from jaxdl.interop.predictor import Model, Normalization, inputs_of, predictor
from jaxdl.paths import as_path

PLATFORMS = ("cpu", "cuda", "tpu")


def stablehlo(
    model: Model, path: str | os.PathLike[str], moments: Normalization = None
) -> Path:
    """Writes a model as a program for CPU, CUDA and TPU, with its weights.

    The program takes any number of raw inputs, in the units of the user's data, and
    returns outputs in the units of the labels, such as logits. It replaces a file of
    this name. JAX alone reads and runs it::

        model = jax.export.deserialize(bytearray(Path("model.stablehlo").read_bytes()))
        outputs = model.call(inputs)

    Args:
        model: a trained member, or an ensemble.
        path: of the file.
        moments: `splits.moments`; None: the arrays that it trained on were raw.

    Returns:
        The path.

    Raises:
        ImportError: flatbuffers is not installed.
        OSError: the file cannot be written.
        RecipeError: the recipe has other parameters than the member.
    """
    library("flatbuffers", "stablehlo", "programs in StableHLO")
    export = library("jax.export", "stablehlo", "programs in StableHLO")
    (batch,) = export.symbolic_shape("batch")
    program = export.export(jax.jit(predictor(model, moments)), platforms=PLATFORMS)
    content = program(inputs_of(model, batch)).serialize()
    runs.write_file(as_path(path), content)
    return as_path(path)
