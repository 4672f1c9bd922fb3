"""One trained model, back on the host."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl.data import Dataset
from jaxdl.data.dataset import check_dataset
from jaxdl.train.hyperparameters import canonical
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.state import TrainState
from jaxdl.train.step import make_eval, make_predict


@dataclasses.dataclass(frozen=True)
class Member:
    """One trained model with what it was trained with and how that went."""

    recipe: RecipeFunction
    hparams: Any  # as the recipe received them
    metrics: dict[
        str, NDArray[Any]
    ]  # train_loss train_error dev_loss dev_error, [epochs]
    status: str  # finished or diverged
    stopped_at: int | None  # first step with a non-finite loss, if it diverged
    params: Any  # after the last epoch, or the last finite one
    state: Any  # of the layers, likewise

    def predict(self, inputs: ArrayLike) -> NDArray[Any]:
        """Returns the model's outputs `[m, ...]`, such as logits, without dropout.

        Args:
            inputs: `[m, ...]`, normalized as the training data was.
        """
        outputs = self._predict(self.params, self.state, canonical(inputs))
        return np.asarray(outputs)

    def evaluate(self, dataset: Dataset) -> dict[str, float]:
        """Returns the mean `loss` and `error` over a dataset, penalty excluded.

        Raises:
            DataError: the dataset is empty, not finite, or its lengths differ.
        """
        check_dataset(dataset, "the dataset")
        evaluated = TrainState(0, self.params, self.state, opt_state=(), key=None)
        metrics = self._evaluate(evaluated, on_device(dataset))
        return {name: float(value) for name, value in metrics.items()}

    @functools.cached_property
    def _predict(self) -> Callable[..., jax.Array]:
        return jax.jit(functools.partial(make_predict(self.recipe), self.hparams))

    @functools.cached_property
    def _evaluate(self) -> Callable[..., dict[str, jax.Array]]:
        return jax.jit(functools.partial(make_eval(self.recipe), self.hparams))


def on_device(dataset: Dataset) -> Dataset:
    """Returns the dataset as JAX arrays of the default types."""
    return Dataset(canonical(dataset.inputs), canonical(dataset.labels))
