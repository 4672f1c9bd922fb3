"""One trained model, back on the host."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxdl import nn, shown
from jaxdl.data import Dataset
from jaxdl.data.about import About, Scaling
from jaxdl.data.checks import check_given
from jaxdl.data.trees import num_examples
from jaxdl.nn.losses import PerExample
from jaxdl.plain import scalar
from jaxdl.sketch import Curve, sketch
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.check import as_inputs, as_labels, check_labels
from jaxdl.train.epoch_state import Status
from jaxdl.train.facts import Facts, counts_for, with_facts
from jaxdl.train.inference import Inference
from jaxdl.train.metrics import confusion_matrix, multilabel_confusion
from jaxdl.train.recipe import Recipe, RecipeFunction, build
from jaxdl.train.score import WholeSet
from jaxdl.train.steps import Steps
from jaxdl.train.structure import (
    RecipeError,
    Structure,
    by_name,
    canonical,
    combine,
    is_traced,
    number_of,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """One trained model: its hyperparameters, its metrics, its status, its weights."""

    recipe: RecipeFunction
    structure: Structure  # which of the hyperparameters are traced
    hparams: Any  # as the recipe received them, sizes as `nn.Size`
    facts: Facts  # of its training
    scaling: Scaling | None  # of its training: what its programs do with raw arrays
    about: About  # what is known of the data of its training
    inference: Inference  # its function, as it was traced for its training
    metrics: dict[str, NDArray[Any]]  # [epochs] train_loss train_error dev_loss
    # dev_error, and the recipe's own; NaN for epochs without training
    status: Status  # RUNNING in a run that is not finished
    stopped_at: int | None  # the step at which it stopped, or the first non-finite one
    kept_epoch: int  # the epoch of params and state; -1: initial weights
    params: Any  # of the best epoch with early stopping, else of the last finite one
    state: Any  # of the layers, of the same epoch
    # (epoch, hyperparameters): those that it trained with from this epoch on; the last
    # are `hparams`
    history: tuple[tuple[int, Any], ...]
    steps: Steps | None  # losses on the way, if `every` asked for them
    number: int | None = None  # in its sweep; None: it was trained by itself

    def __repr__(self) -> str:
        return shown.as_text(self._title(), shown.pairs(self._facts()))

    def _repr_html_(self) -> str:
        curves = self.metrics["train_error"], self.metrics["dev_error"]
        train, dev = map(Curve, curves)
        picture = sketch("train and dev error", [train, dev._replace(thick=True)])
        return shown.as_html(self._title(), (), self._facts().items(), picture)

    def predict(self, inputs: ArrayLike | dict[str, Any]) -> Any:
        """Returns the model's outputs `[m, ...]`, such as logits, without dropout.

        They are in the units of the labels. An example's outputs do not depend on the
        other examples, nor on how many there are.

        Args:
            inputs: `[m, ...]`, as those of the train set: normalized floats if these
                are normalized floats, raw integers if these are integers.

        Raises:
            DataError: there are no examples, they are not those of a model of this
                input shape, or not of the train set's kind of number.
        """
        like = self.inference.train
        inputs = as_inputs(inputs, like.inputs)
        m = num_examples(inputs)
        no_labels = jax.tree.map(
            lambda x: np.zeros((m, *x.shape[1:]), x.dtype), like.labels
        )
        return self._infer(inputs, no_labels)["outputs"]

    def evaluate(self, dataset: Dataset) -> dict[str, float]:
        """Returns the mean `loss` and `error` over a dataset, penalty excluded.

        With weights it is `sum_i w_i v_i / sum_i w_i`. The error is in the units of the
        labels; the loss is that of scaled labels, if `normalize` scales them. The
        recipe's own metrics of the whole dataset come with them, by name.

        Args:
            dataset: inputs as for `predict`, and labels as those of the train set.

        Raises:
            DataError: as `predict`; or the dataset is not finite, its lengths differ,
                its labels are not of the train set's kind, or the model has no output
                for a label.
            RecipeError: the recipe's own metrics have changed since the training.
        """
        check_given(dataset, self.about)
        inputs = as_inputs(dataset.inputs, self.inference.train.inputs)
        labels = as_labels(dataset.labels, self.inference.train.labels)
        check_labels(self.loss, dataset, self.inference.out_shape, "the dataset")
        found = self._infer(inputs, labels)
        with np.errstate(over="ignore"):  # a mean beyond float32 is inf, as in a sweep
            means = {
                name: float(np.average(found[name], weights=dataset.weights))
                for name in ("loss", "error")
            }
        own = self._metrics().items()
        if not own:
            return means
        whole = jax.tree.map(jnp.asarray, (found["outputs"], labels, dataset.weights))
        return means | {name: float(metric(*whole)) for name, metric in own}

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
        check_given(dataset, self.about)
        loss = nn.plain_loss(self.loss)
        if not nn.has_classes(loss):
            raise ValueError(
                f"got a recipe with the loss {getattr(loss, '__name__', loss)}; "
                "expected a cross-entropy, whose labels are classes"
            )
        check_labels(self.loss, dataset, self.inference.out_shape, "the dataset")
        outputs = self.predict(dataset.inputs)
        labelled = loss is nn.sigmoid_cross_entropy and outputs.shape[-1] > 1
        count = multilabel_confusion if labelled else confusion_matrix
        return np.asarray(count(jnp.asarray(outputs), canonical(dataset.labels)))

    @property
    def loss(self) -> PerExample:
        """Returns the recipe's loss for these hyperparameters."""
        return self.built.loss

    @property
    def built(self) -> Recipe:
        """Returns the recipe for these hyperparameters."""
        hp = combine(self._traced(), self.structure)
        return build(with_facts(self.recipe, self.facts), hp)

    def _title(self) -> str:
        arrays = jax.tree.leaves(self.params)
        name = "Member" if self.number is None else f"Member {self.number}"
        return (
            f"{name}: {self.status}, {sum(map(np.size, arrays)):,} parameters in "
            f"{len(arrays)} arrays, of epoch {self.kept_epoch + 1}"
        )

    def _facts(self) -> dict[str, Any]:
        """Returns the metrics of the kept epoch, and the hyperparameters by name."""
        kept = {n: float(x[self.kept_epoch]) for n, x in self.metrics.items()}
        known = ", ".join(f"{n} {shown.cell(x)}" for n, x in kept.items())
        own = {name: scalar(leaf) for name, leaf in by_name(self.hparams).items()}
        return {"metrics": known if self.kept_epoch >= 0 else "none", **own}

    def _metrics(self) -> Mapping[str, WholeSet]:
        """Returns the recipe's own metrics.

        Raises:
            RecipeError: they are not those that the model was trained with.
        """
        own = self.built.metrics
        bound = BoundRecipe(self.recipe, self.structure, self.facts)
        if own and self.inference.digest(bound.metrics) != self.inference.metrics:
            raise RecipeError(
                f"the recipe's metrics {', '.join(own)} compute something else than "
                "when the model was trained; expected the same: a value that they read "
                "has changed since"
            )
        return own

    def _infer(self, inputs: Any, labels: Any) -> Any:
        dataset = dataclasses.replace(
            self.inference.train, inputs=inputs, labels=labels, scaling=self.scaling
        )
        model = self._traced(), self.params, self.state
        return self.inference(model, dataset, counts_for(self.recipe, self.facts))

    def _traced(self) -> dict[str, jax.Array]:
        pairs = zip(by_name(self.hparams).items(), self.structure.values, strict=True)
        return {
            name: canonical(number_of(leaf))
            for (name, leaf), value in pairs
            if is_traced(value)
        }
