"""A trained model as an ONNX file."""

import logging
import os
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxdl import runs
from jaxdl.data.trees import named, renamed
from jaxdl.extras import library, quiet
from jaxdl.interop.predictor import Model, Normalization, inputs_of, predictor
from jaxdl.nn.platforms import default_form
from jaxdl.paths import as_path
from jaxdl.train.structure import RecipeError


def onnx(
    model: Model, path: str | os.PathLike[str], moments: Normalization = None
) -> Path:
    """Writes a model as an ONNX file, with its weights.

    Its input `inputs` takes any number of raw examples `[batch, ...]`, in the units of
    the user's data. Its output `outputs` is in the units of the labels, such as logits.
    A dict of arrays is an input, or an output, for each name. It replaces a file of
    this name.

        dl.interop.onnx(sweep.best(), "best.onnx", data.moments)
        session = onnxruntime.InferenceSession("best.onnx")
        (outputs,) = session.run(None, {"inputs": inputs})

    Args:
        model: a trained member, or an ensemble.
        path: of the file.
        moments: `splits.moments`; None: the arrays that it trained on were raw.

    Returns:
        The path.

    Raises:
        ImportError: jax2onnx is not installed, or does not fit the version of JAX.
        OSError: the file cannot be written.
        RecipeError: the recipe has other parameters than the member, or jax2onnx does
            not know an operation of its model.
    """
    log = logging.getLogger()
    with quiet(log.level, log.setLevel), default_form():
        content = _converted(model, moments)
    runs.write_file(as_path(path), content)
    return as_path(path)


def _converted(model: Model, moments: Normalization) -> bytes:
    convert = library("jax2onnx", "onnx", "models in ONNX").to_onnx
    predict, inputs = predictor(model, moments), inputs_of(model, "batch")
    shapes = named(inputs)
    outputs = named(jax.eval_shape(predict, inputs_of(model, 1)))
    try:
        found = convert(
            lambda *arrays: predict(
                renamed(inputs, dict(zip(shapes, arrays, strict=True)))
            ),
            inputs=[*shapes.values()],
            input_names=[name or "inputs" for name in shapes],
            output_names=[name or "outputs" for name in outputs],
            enable_double_precision=jnp.result_type(float) == jnp.float64,
        )
    except NotImplementedError as error:
        raise RecipeError(
            f"got a model that jax2onnx does not convert ({error}); expected one of "
            "operations that it knows: write the model with interop.stablehlo"
        ) from error
    except AttributeError as error:  # it uses inner names of JAX
        raise ImportError(
            f"got jax2onnx {version('jax2onnx')}, which fails with jax "
            f"{jax.__version__} ({error}); expected versions that fit: install a jax "
            "that it was made for, or write the model with interop.stablehlo"
        ) from error
    return found.SerializeToString()
