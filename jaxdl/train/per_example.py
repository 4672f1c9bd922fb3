"""One value for each example, of a loss or an error that may give more."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.data.trees import num_examples
from jaxdl.nn.losses import PerExample
from jaxdl.train.structure import RecipeError


def per_example(
    function: PerExample, outputs: Any, labels: Any, weights: Any
) -> jax.Array:
    """Returns the function's value of each example times its weight, `[B]`.

    Of values `[B, ...]` the mean over the rest counts.

    Args:
        function: a loss or an error.
        outputs: of the model, `[B, ...]`.
        labels: `[B, ...]`, or a dict of them.
        weights: of the examples, `[B]`; None: 1 each.

    Raises:
        RecipeError: the first axis does not count the examples, or another one does.
    """
    values = function(outputs, labels)
    shape, examples = jnp.shape(values), num_examples(labels)
    name = getattr(function, "__name__", function)
    if shape[:1] != (examples,):
        raise RecipeError(
            f"the loss or error {name} gave shape {list(shape)} for {examples} "
            "examples; expected one value each, or [examples, ...], of which jaxdl "
            "takes the mean. A number for the whole set belongs in metrics={...} and "
            "rank_by="
        )
    _check_rest(function, name, outputs, labels, shape)
    if len(shape) > 1:
        values = jnp.mean(values, axis=tuple(range(1, len(shape))))
    return values if weights is None else weights * values


def _check_rest(
    function: PerExample, name: Any, outputs: Any, labels: Any, shape: tuple[int, ...]
) -> None:
    """Checks that no other axis than the first grows with the number of examples.

    Outputs `[B, 1]` minus labels `[B]` are `[B, B]`: each output minus every label.
    """
    one_more = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((len(x) + 1, *x.shape[1:]), x.dtype),
        (outputs, labels),
    )
    other = jax.eval_shape(function, *one_more).shape
    if other != (shape[0] + 1, *shape[1:]):
        raise RecipeError(
            f"the loss or error {name} gave shape {list(shape)} for {shape[0]} "
            f"examples and {list(other)} for one more; expected only the first axis "
            "to count examples: give outputs and labels the same shape before they "
            "are subtracted or compared"
        )
