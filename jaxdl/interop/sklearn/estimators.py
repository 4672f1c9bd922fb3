"""Multilayer perceptrons as estimators of scikit-learn."""

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from jaxdl.counts import as_count
from jaxdl.interop.sklearn.networks import Networks, Shape
from jaxdl.interop.sklearn.requests import (
    Hparams,
    Request,
    Training,
    as_examples,
    standardized,
)
from jaxdl.interop.sklearn.shelf import networks_for
from jaxdl.within import check_within

LARGEST_SEED = 2**31 - 1
BOUNDS: dict[str, dict[str, Any]] = {  # of the parameters that are numbers
    "learning_rate": {"above": 0},
    "weight_decay": {"least": 0},
    "dropout": {"least": 0, "below": 1},
    "validation_fraction": {"above": 0, "most": 0.5},
}


class _Perceptron(BaseEstimator):
    """What classifier and regressor have in common."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64, 64),
        *,
        learning_rate: float = 0.005,
        weight_decay: float = 1.0,
        dropout: float = 0.0,
        batch_size: int = 32,
        epochs: int = 100,
        patience: int | None = 20,
        validation_fraction: float = 0.1,
        ensemble: int = 1,
        random_state: Any = None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.ensemble = ensemble
        self.random_state = random_state

    def _fit(
        self,
        x: NDArray[Any],
        labels: NDArray[Any],
        weights: NDArray[Any] | None,
        *,
        classes: bool,
    ) -> Self:
        """Trains on checked arrays, or notes them on an open shelf."""
        hparams, training = self._hparams(), self._training(classes)
        inputs, self._moments = standardized(np.asarray(x, np.float64))
        seed = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        examples = as_examples(inputs, labels, weights)
        networks = networks_for(Request(hparams, training, examples, seed))
        self._networks: Networks | None = networks
        if networks is not None:
            self.n_iter_ = max(networks.epochs)
            if networks.diverged:
                warnings.warn(
                    f"a network diverged with learning_rate={self.learning_rate}; "
                    "expected finite weights in every epoch: lower the learning rate",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        return self

    def _hparams(self) -> Hparams:
        """Returns the hyperparameters, checked."""
        sizes: Any = self.hidden_layer_sizes
        several = sizes if np.ndim(sizes) else [sizes]
        units = tuple(as_count("hidden_layer_sizes", n) for n in several)
        name = type(self).__name__
        for what, bounds in BOUNDS.items():
            check_within(name, what, getattr(self, what), **bounds)
        return Hparams(
            Shape(units, as_count("batch_size", self.batch_size)),
            float(self.learning_rate),
            float(self.weight_decay),
            float(self.dropout),
        )

    def _training(self, classes: bool) -> Training:
        """Returns how long the networks train, checked."""
        patience = self.patience
        return Training(
            as_count("epochs", self.epochs),
            None if patience is None else as_count("patience", patience),
            float(self.validation_fraction),
            as_count("ensemble", self.ensemble),
            classes,
            int(self.random_state) if isinstance(self.random_state, Integral) else None,
        )

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the outputs of each network, `[ensemble, m, outputs]`."""
        check_is_fitted(self, "_networks")
        if self._networks is None:
            raise NotFittedError(
                f"got {type(self).__name__} inside an estimator that predicts while it "
                "is fitted; expected one that predicts afterwards: SweepSearchCV "
                "trains all candidates at once, after the fits"
            )
        x = validate_data(self, X, reset=False)
        return self._networks(self._moments.normalize(x))


class JaxdlClassifier(ClassifierMixin, _Perceptron):
    """A classifier: multilayer perceptrons with ReLU, trained by AdamW.

    Inputs are standardized. The learning rate falls to 0 along half a cosine. With a
    patience, a part of the train set is held out, class by class, and the network has
    the weights of the epoch with the lowest loss there. A set of which fewer than 10
    examples would be held out trains on all of them, to the last epoch.

        from jaxdl.interop.sklearn import JaxdlClassifier
        JaxdlClassifier(ensemble=8).fit(X_train, y_train).score(X_test, y_test)

    Args:
        hidden_layer_sizes: units of each hidden layer; an int is one layer.
        learning_rate: the first one, above 0.
        weight_decay: λ of AdamW, at least 0.
        dropout: the share of hidden units that each step sets to 0, in [0, 1).
        batch_size: at most; a smaller train set is one batch.
        epochs: at least 1; no network trains more.
        patience: after how many epochs without a lower validation loss a network stops;
            None: no early stopping.
        validation_fraction: the share of the examples that early stopping holds out, in
            (0, 0.5].
        ensemble: how many networks train side by side, from other initial weights and
            in other orders of the examples. Their probabilities are averaged.
        class_weight: None, `"balanced"`, or a weight for each class.
        random_state: a seed, a `numpy.random.RandomState`, or None.
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64, 64),
        *,
        learning_rate: float = 0.005,
        weight_decay: float = 1.0,
        dropout: float = 0.0,
        batch_size: int = 32,
        epochs: int = 100,
        patience: int | None = 20,
        validation_fraction: float = 0.1,
        ensemble: int = 1,
        class_weight: Any = None,
        random_state: Any = None,
    ):
        super().__init__(
            hidden_layer_sizes,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dropout=dropout,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            ensemble=ensemble,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Returns the estimator, trained.

        Args:
            X: `[m, F]` finite numbers.
            y: `[m]` classes, numbers or texts, at least two of them.
            sample_weight: `[m]` numbers of at least 0, scaled to a mean of 1.

        Raises:
            ValueError: the arrays or a parameter are not as above.
        """
        x, y = validate_data(self, X, y)
        check_classification_targets(y)
        weights = None
        if sample_weight is not None or self.class_weight is not None:
            weights = _check_sample_weight(sample_weight, x, ensure_non_negative=True)
            weights = weights * compute_sample_weight(self.class_weight, y)
        x, y, weights = _counted(x, y, weights)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"got examples of one class, {self.classes_[0]!r}, with a weight above "
                "0; expected two classes or more"
            )
        return self._fit(x, places, weights, classes=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Returns the most probable class of each example, `[m]`."""
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the probability of each class in `classes_`, `[m, C]`."""
        logits = self._outputs(X)[..., : len(self.classes_)]
        return softmax(logits, axis=-1).mean(axis=0)

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the logarithms of `predict_proba`."""
        return np.log(self.predict_proba(X))


class JaxdlRegressor(RegressorMixin, _Perceptron):
    """A regressor: multilayer perceptrons with ReLU, trained by AdamW.

    Inputs and targets are standardized, and predictions are in the units of the
    targets. All else is as in `JaxdlClassifier`; an ensemble averages predictions.

        from jaxdl.interop.sklearn import JaxdlRegressor
        JaxdlRegressor(ensemble=8).fit(X_train, y_train).score(X_test, y_test)

    Args:
        hidden_layer_sizes: as there; so are the others.
    """

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Returns the estimator, trained.

        Args:
            X: `[m, F]` finite numbers.
            y: `[m]` or `[m, T]` finite targets.
            sample_weight: `[m]` numbers of at least 0, scaled to a mean of 1.

        Raises:
            ValueError: the arrays or a parameter are not as above.
        """
        x, y = validate_data(self, X, y, multi_output=True, y_numeric=True)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, ensure_non_negative=True)
        x, y, weights = _counted(x, y, weights)
        self._flat = y.ndim == 1
        table = np.asarray(y, np.float64).reshape(len(y), -1)
        targets, self._target_moments = standardized(table)
        return self._fit(x, targets, weights, classes=False)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the target of each example, in the shape of y."""
        outputs = self._outputs(X).mean(axis=0)
        found = outputs * self._target_moments.scale + self._target_moments.mean
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _counted(
    x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Returns the examples with a weight above 0.

    Raises:
        ValueError: there are none.
    """
    if weights is None or (weights > 0).all():
        return x, y, weights
    if not weights.any():
        raise ValueError("got weights that are all 0; expected some above 0")
    rows = weights > 0
    return x[rows], y[rows], weights[rows]
