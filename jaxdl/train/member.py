"""One trained model, back on the host."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl import nn
from jaxdl.data import Dataset
from jaxdl.data.dataset import check_dataset
from jaxdl.nn.losses import PerExample
from jaxdl.train.check import check_labels
from jaxdl.train.epoch_state import Status
from jaxdl.train.metrics import confusion_matrix, multilabel_confusion
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_eval, make_predict
from jaxdl.train.structure import Structure, by_name, canonical, combine, is_traced


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """One trained model: its hyperparameters, its metrics, its status, its weights."""

    recipe: RecipeFunction
    structure: Structure  # which of the hyperparameters are traced
    hparams: Any  # as the recipe received them, sizes as `nn.Size`
    metrics: dict[str, NDArray[Any]]  # [epochs] train_loss train_error dev_loss
    # dev_error, and the recipe's own; NaN for epochs without training
    status: Status  # RUNNING in a run that is not finished
    stopped_at: int | None  # the step at which it stopped, or the first non-finite one
    kept_epoch: int  # the epoch of params and state; -1: initial weights
    params: Any  # of the best epoch with early stopping, else of the last finite one
    state: Any  # of the layers, of the same epoch

    def predict(self, inputs: ArrayLike) -> NDArray[Any]:
        """Returns the model's outputs `[m, ...]`, such as logits, without dropout.

        Args:
            inputs: `[m, ...]`, normalized as the training data was; at least one.
        """
        predict, _ = _programs(self.recipe, self.structure)
        traced = self._traced()
        return np.asarray(predict(traced, self.params, self.state, canonical(inputs)))

    def evaluate(self, dataset: Dataset) -> dict[str, float]:
        """Returns the mean `loss` and `error` over a dataset, penalty excluded.

        The recipe's own metrics of the whole dataset come with them, by name.

        Raises:
            DataError: the dataset is empty or not finite, its lengths differ, or the
                model has no output for a label.
        """
        self._check(dataset)
        _, evaluate = _programs(self.recipe, self.structure)
        metrics = evaluate(self._traced(), self.params, self.state, on_device(dataset))
        return {name: float(value) for name, value in metrics.items()}

    def confusion_matrix(self, dataset: Dataset) -> NDArray[np.int32]:
        """Returns how many examples of class i are predicted as class j, `[C, C]`.

        With K yes/no labels it returns one such matrix for each label, `[K, 2, 2]`.
        `train.precision`, `recall`, `f1` and `accuracy` take the result.

        Args:
            dataset: inputs and classes, as for `evaluate`.

        Raises:
            DataError: as `evaluate`.
            ValueError: the recipe's loss is not a cross-entropy.
        """
        self._check(dataset)
        loss = nn.plain_loss(self.loss)
        if not nn.has_classes(loss):
            raise ValueError(
                f"got a recipe with the loss {getattr(loss, '__name__', loss)}; "
                "expected a cross-entropy, whose labels are classes"
            )
        outputs = self.predict(dataset.inputs)
        labelled = loss is nn.sigmoid_cross_entropy and outputs.shape[-1] > 1
        count = multilabel_confusion if labelled else confusion_matrix
        return np.asarray(count(jnp.asarray(outputs), canonical(dataset.labels)))

    def _check(self, dataset: Dataset) -> None:
        check_dataset(dataset, "the dataset")
        predict, _ = _programs(self.recipe, self.structure)
        arguments = self._traced(), self.params, self.state
        outputs = predict.eval_shape(*arguments, canonical(dataset.inputs))
        check_labels(self.loss, dataset, outputs.shape[1:], "the dataset")

    @property
    def loss(self) -> PerExample:
        """Returns the recipe's loss for these hyperparameters."""
        return self.built.loss

    @property
    def built(self) -> Recipe:
        """Returns the recipe for these hyperparameters."""
        return build(self.recipe, combine(self._traced(), self.structure))

    def _traced(self) -> dict[str, jax.Array]:
        pairs = zip(by_name(self.hparams).items(), self.structure.values, strict=True)
        return {
            name: canonical(nn.size.live(leaf))
            for (name, leaf), value in pairs
            if is_traced(value)
        }


@functools.lru_cache(maxsize=32)
def _programs(recipe: RecipeFunction, structure: Structure) -> tuple[Any, Any]:
    """Returns prediction and evaluation, compiled once a structure."""

    def predict(traced, params, state, inputs):
        return make_predict(recipe)(combine(traced, structure), params, state, inputs)

    def evaluate(traced, params, state, dataset):
        train_state = TrainState(0, params, state, opt_state=(), key=None)
        return make_eval(recipe)(combine(traced, structure), train_state, dataset)

    return jax.jit(predict), jax.jit(evaluate)


def on_device(dataset: Dataset) -> Dataset:
    """Returns the dataset as JAX arrays of the default types."""
    return jax.tree.map(canonical, dataset)
