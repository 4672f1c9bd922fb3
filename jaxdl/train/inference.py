"""Inference: what a trained model gives for examples, batch by batch.

The function is traced together with the training, so that a model does not change when
a value that its recipe reads, such as a global, changes later.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data import Dataset
from jaxdl.data.dataset import map_examples
from jaxdl.data.rows import read
from jaxdl.data.trees import num_examples
from jaxdl.train import compiled
from jaxdl.train.identity import program_digest
from jaxdl.train.part import batch_of, take
from jaxdl.train.step import EVAL_BATCH


class Inference:
    """The pure function `(model, dataset, counts) -> values of each example`.

    `model` is a tuple of traced hyperparameters, parameters and layer state. Each batch
    has the same number of examples, so that an example's values do not depend on how
    many others there are, and one program serves all.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        metrics: Callable[..., Any],
        model: Any,
        train: Dataset,
        counts: Any,
    ):
        """Traces the function.

        Args:
            function: `(*model, batch, counts) -> values [B, ...]`, pure.
            metrics: `(hyperparameters, outputs, labels, counts) -> numbers by name`.
            model: shapes and types.
            train: shapes and types of the train set on a device.
            counts: class counts, or None.
        """
        self.train = dataclasses.replace(train, weights=None)
        self.shapes = model, counts
        batch = batch_of(self.train, EVAL_BATCH)
        self.closed, out_shapes = jax.make_jaxpr(function, return_shape=True)(
            *model, batch, counts
        )
        self.out_tree = jax.tree.structure(out_shapes)
        outputs = out_shapes["outputs"]  # of a model, an array or a tree of them
        self.out_shape = outputs.shape[1:] if hasattr(outputs, "shape") else ()
        self.of_metrics = model[0], outputs, batch.labels, counts
        self.metrics = self.digest(metrics)

    def digest(self, metrics: Callable[..., Any]) -> str:
        """Returns a digest of what a recipe's own metrics compute."""
        return program_digest([jax.make_jaxpr(metrics)(*self.of_metrics)])

    def __call__(self, model: Any, dataset: Dataset, counts: Any) -> Any:
        """Returns the values of each example, `[m, ...]` NumPy arrays.

        Args:
            model: traced hyperparameters, parameters and layer state.
            dataset: in the types of the train set; at least one example.
            counts: class counts, or None.
        """
        m, values = num_examples(dataset.inputs), []
        for first in range(0, m, EVAL_BATCH):
            rows = np.minimum(np.arange(first, first + EVAL_BATCH), m - 1)
            batch = map_examples(lambda x, rows=rows: read(x, rows), dataset)
            values.append(jax.device_get(self._program(model, batch, counts)))
        return jax.tree.map(lambda *x: np.concatenate(x)[:m], *values)

    @functools.cached_property
    def _program(self) -> compiled.Program:
        model, counts = self.shapes
        batch = map_examples(
            lambda x: jax.ShapeDtypeStruct((EVAL_BATCH, *x.shape[1:]), x.dtype),
            self.train,
        )
        return compiled.lower(self._of_batch, model, batch, counts).compile()

    def _of_batch(self, model: Any, raw: Dataset, counts: Any) -> Any:
        leaves = jax.tree.leaves((*model, take(raw, jnp.arange(EVAL_BATCH)), counts))
        values = jax.core.eval_jaxpr(self.closed.jaxpr, self.closed.consts, *leaves)
        return jax.tree.unflatten(self.out_tree, values)
