"""The baseline: the best model that does not look at its inputs."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl import nn
from jaxdl.data import Dataset
from jaxdl.nn.losses import PerExample

ONE_CLASS = ("the most frequent class", "the more frequent answer")
TINY = 1e-12  # in place of the frequency of a class that does not occur


class Baseline(NamedTuple):
    """How well a model does that gives the same outputs for all inputs."""

    error: float  # on the dev set
    answer: str  # what it always says


def baseline(
    train: Dataset,
    dev: Dataset,
    *,
    loss: PerExample,
    error: PerExample,
    outputs: tuple[int, ...],
) -> Baseline | None:
    """Returns the dev error of the constant outputs that suit the train labels best.

    - With classes, these are the logarithms of their frequencies, the minimum of the
      cross-entropy. The model then always says the most frequent class.
    - With yes/no labels, they are `log(p / (1 - p))` of the share p of each yes.
    - Otherwise they are the mean of the labels. It is the minimum of the squared error;
      the best constant of another loss may do somewhat better.

    Weights count in both sets. A model is worth something if its error is lower.

        >>> examples = dl.data.from_arrays(np.zeros((4, 1)), [0, 1, 1, 1])
        >>> kind = {"loss": nn.softmax_cross_entropy, "error": nn.zero_one_error}
        >>> dl.diagnose.baseline(examples, examples, **kind, outputs=(2,)).error
        0.25

    Args:
        train: the set whose labels decide on the constant.
        dev: the set on which the error is measured.
        loss: of the recipe, which decides what labels are.
        error: `error(outputs, labels)`, a number for each example; JAX traces it.
        outputs: shape of the model's outputs for one example.

    Returns:
        None where labels are neither classes nor of the shape of the outputs.
    """
    found = _constant(loss, np.asarray(train.labels), train.weights, outputs)
    if found is None:
        return None
    constant, answer = found
    if (name := _name(train.about.classes, constant, answer)) is not None:
        answer = f"{answer} ({name})"
    labels = jnp.asarray(dev.labels)
    everywhere = np.broadcast_to(constant, (len(labels), *outputs))
    # Without jit each operation of the error would be a program. The lambda is for an
    # error that is an object without a hash, which jit refuses.
    measure = jax.jit(lambda z, y: error(z, y))
    errors = np.asarray(measure(everywhere, labels), float)
    return Baseline(float(_mean(errors.reshape(len(labels), -1), dev.weights).mean()),
                    answer)  # fmt: skip


def r_squared(
    outputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Returns `R² = 1 - Σ w (z - y)² / Σ w (y - mean(y))²`, the mean over the outputs.

    It is 1 for perfect predictions, and 0 for a model that always says the mean. It is
    NaN if an output has the same label everywhere.

        >>> dl.diagnose.r_squared([[1.0], [2.0], [2.0]], [1.0, 2.0, 3.0])
        0.5

    Args:
        outputs: `[m, ...]` predictions z.
        labels: `[m, ...]` targets y, or `[m]` for one output.
        weights: `[m]`; None: 1 each.

    Raises:
        ValueError: there is not one target for each output.
    """
    z, y = np.asarray(outputs, float), np.asarray(labels, float)
    if not is_target(y.shape[1:], z.shape[1:]) or len(y) != len(z):
        raise ValueError(
            f"got labels {list(y.shape)} for outputs {list(z.shape)}; expected one "
            "target per output"
        )
    z, y = (a.reshape(len(a), -1) for a in (z, y))
    total = _mean((y - _mean(y, weights)) ** 2, weights)
    if not (total > 0).all():
        return float("nan")
    return float(np.mean(1 - _mean((z - y) ** 2, weights) / total))


def is_target(label: tuple[int, ...], output: tuple[int, ...]) -> bool:
    """Returns whether a label of one shape is a target for an output of another."""
    return label == output or (*label, 1) == output


def _constant(
    loss: PerExample, labels: NDArray[Any], weights: Any, outputs: tuple[int, ...]
) -> tuple[NDArray[np.float32], str] | None:
    """Returns the outputs, and what a model that gives them always says."""
    plain, shape = nn.plain_loss(loss), labels.shape[1:]
    integers = np.issubdtype(labels.dtype, np.integer)
    if integers and not is_target(shape, outputs) and len(outputs) == 1:
        labels = np.eye(max(*outputs, labels.max() + 1))[labels.reshape(-1)]
    elif not is_target(shape, outputs):
        return None
    mean = _mean(labels.reshape(len(labels), -1).astype(float), weights)
    if plain is nn.sigmoid_cross_entropy:
        p = np.clip(mean, TINY, 1 - TINY)
        answer = ONE_CLASS[1] + " to each question" * (mean.size > 1)
        return np.log(p / (1 - p)).reshape(outputs).astype(np.float32), answer
    if plain is nn.softmax_cross_entropy or labels.shape[1:] != shape:
        constant = np.log(np.maximum(mean, TINY))
        return constant.reshape(outputs).astype(np.float32), ONE_CLASS[0]
    return mean.reshape(outputs).astype(np.float32), "the mean of the train labels"


def _name(
    classes: tuple[str, ...] | None, constant: NDArray[Any], answer: str
) -> str | None:
    """Returns the name of the class that constant outputs stand for, if it has one."""
    if constant.size == 1:
        constant = np.append(0, constant)  # the logit of the second of two classes
    known = bool(classes) and len(classes) == constant.size
    return classes[int(constant.argmax())] if known and answer in ONE_CLASS else None


def _mean(values: NDArray[Any], weights: Any) -> NDArray[np.float64]:
    """Returns the weighted mean over the examples of `[m, n]`."""
    return np.average(values, axis=0, weights=weights)
