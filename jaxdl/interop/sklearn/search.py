"""A search of scikit-learn whose candidates and folds train in one sweep."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from sklearn.base import is_classifier
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from jaxdl.counts import as_count
from jaxdl.interop.sklearn.shelf import Shelf
from jaxdl.spaces import Distribution, LogUniform, Uniform
from jaxdl.spaces.distributions import Options

Space = Mapping[str, Any]  # distributions, or lists of options, by parameter
DEFAULT: Space = {
    "learning_rate": LogUniform(1e-3, 3e-2),
    "weight_decay": LogUniform(1e-4, 1.0),
    "dropout": Uniform(0.0, 0.5),
}


class SweepSearchCV(RandomizedSearchCV):
    """A random search with cross-validation, trained as one sweep.

    All candidates train side by side on all folds, where `RandomizedSearchCV` trains
    one after another. The estimator is a `JaxdlClassifier`, a `JaxdlRegressor`, or a
    pipeline or another meta-estimator around one. scikit-learn's own search then scores
    the trained estimators and refits the best, so attributes and methods are those of
    `RandomizedSearchCV`. Every parameter can be searched. Candidates that differ in
    `hidden_layer_sizes` or `batch_size` need programs of their own. Candidates that
    differ in `epochs`, `patience`, `ensemble`, `validation_fraction`, an int
    `random_state` or the steps before the estimator need sweeps of their own. All
    others share one program. Equal estimators without a seed share their networks. If a
    fold is too small for early stopping, no candidate of its sweep stops early.

        from jaxdl.interop.sklearn import JaxdlClassifier, SweepSearchCV
        search = SweepSearchCV(JaxdlClassifier(), random_state=0).fit(X, y)
        search.best_params_, search.best_score_, search.predict(X_test)

    While it trains, memory holds the standardized train set of each fold.

    Args:
        estimator: what is searched.
        param_distributions: distributions of jaxdl or SciPy, or lists of options, by
            the name of the parameter; or several such dicts. None: learning rate,
            weight decay and dropout, each in a wide range.
        n_iter: how many candidates, at least 1; if all parameters are lists, at most
            as many as there are combinations, each once.
        scoring: a scorer of scikit-learn, its name, several of them, or None for the
            estimator's own.
        refit: whether to fit the best candidate to all data; with several scorers the
            name of the one that decides.
        cv: a number of folds, a splitter, pairs of rows, or None for five folds.
        random_state: of the draws; a seed, a `numpy.random.RandomState`, or None.
        return_train_score: whether to score the train sets too.
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Space | Sequence[Space] | None = None,
        *,
        n_iter: int = 32,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        random_state: Any = None,
        return_train_score: bool = False,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            refit=refit,
            cv=cv,
            random_state=random_state,
            return_train_score=return_train_score,
        )

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Returns the search, done.

        Args:
            X: `[m, F]` numbers, or what the estimator's first step takes.
            y: `[m]` labels or targets.
            params: such as `sample_weight` and `groups`, as `RandomizedSearchCV` takes
                them.

        Raises:
            ValueError: no candidate can be drawn, or the estimator refuses the data.
        """
        checked = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = [*checked.split(X, y, params.get("groups"))]
        grid = [{n: [x] for n, x in one.items()} for one in self._candidates()]
        shelf = Shelf()

        def search(**settings: Any) -> GridSearchCV:
            # One after another in this thread, so that each estimator finds the shelf.
            with shelf.opened():
                own = GridSearchCV(
                    self.estimator, grid, n_jobs=1, cv=splits, error_score="raise",
                    **settings,
                )  # fmt: skip
                return own.fit(X, y, **params)

        search(scoring=_of_no_meaning, refit=False)
        shelf.train()
        found = search(
            scoring=self.scoring,
            refit=self.refit,
            return_train_score=self.return_train_score,
        )
        for name, value in vars(found).items():
            if name.endswith("_"):
                setattr(self, name, value)
        return self

    def _candidates(self) -> list[dict[str, Any]]:
        """Returns the drawn parameters of each candidate."""
        asked = self.param_distributions
        if asked is None:
            prefix = _prefix(self.estimator)
            asked = {f"{prefix}{name}": leaf for name, leaf in DEFAULT.items()}
        several = [asked] if isinstance(asked, Mapping) else [*asked]
        spaces = [{name: _drawable(x) for name, x in one.items()} for one in several]
        lists = not any(hasattr(x, "rvs") for one in spaces for x in one.values())
        count = as_count("n_iter", self.n_iter)
        count = min(count, len(ParameterGrid(spaces))) if lists else count
        sampler = ParameterSampler(spaces, count, random_state=self.random_state)
        return [*sampler]


class _Draws:
    """A distribution of jaxdl, as scikit-learn draws from one."""

    def __init__(self, distribution: Distribution):
        self._distribution = distribution

    def rvs(self, random_state: Any = None) -> Any:
        """Returns a draw."""
        u = check_random_state(random_state).uniform(size=1)
        return self._distribution.quantile(u)[0].item()


def _drawable(leaf: Any) -> Any:
    """Returns a distribution or options in the form that scikit-learn draws from."""
    if isinstance(leaf, Options):
        return list(leaf.options)
    return _Draws(leaf) if isinstance(leaf, Distribution) else leaf


def _prefix(estimator: Any) -> str:
    """Returns what stands before the names of parameters in a pipeline."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_prefix(last)}"
    return ""


def _of_no_meaning(*_: Any, sample_weight: Any = None) -> float:
    """Returns the score of an estimator that has not been trained."""
    return 0.0
