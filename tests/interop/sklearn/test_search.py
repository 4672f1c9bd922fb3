"""The search: scikit-learn's own results, of networks that train in one sweep."""

import pickle

import numpy as np
import pytest
from sklearn import base, datasets, dummy, model_selection
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import jaxdl as dl
from jaxdl.interop.sklearn import (
    JaxdlClassifier,
    JaxdlRegressor,
    SweepSearchCV,
    search,
    training,
)

X, Y = datasets.load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
COMMON = {"hidden_layer_sizes": (4,), "epochs": 12, "patience": None, "random_state": 0}
RATES = {"learning_rate": [1e-4, 0.05]}


@pytest.fixture
def sweeps(monkeypatch):
    """Members and folds of each sweep that has trained."""
    trained, kept = training.sweep, []

    def sweep(*args, **kwargs):
        kept.append((kwargs["members"], len(kwargs["folds"])))
        return trained(*args, **kwargs)

    monkeypatch.setattr(training, "sweep", sweep)
    return kept


@pytest.fixture(scope="module")
def found():
    own = SweepSearchCV(
        JaxdlClassifier(**COMMON), RATES, cv=2, scoring=["accuracy", "neg_log_loss"],
        refit="accuracy", return_train_score=True,
    )  # fmt: skip
    return own.fit(X, NAMES)


@pytest.mark.heavy
def test_all_candidates_and_folds_train_in_one_sweep_and_the_best_once_more(sweeps):
    space = {"learning_rate": dl.LogUniform(1e-4, 1e-1), "weight_decay": [0.0, 0.1]}
    own = SweepSearchCV(JaxdlClassifier(**COMMON), space, n_iter=2, cv=2)
    assert own.fit(X, Y) is own and sweeps == [(2, 2), (1, 1)]


def test_results_have_the_form_of_scikit_learn_s(found):
    other = GridSearchCV(
        dummy.DummyClassifier(), {"constant": ["setosa", "virginica"]}, cv=2,
        scoring=["accuracy", "neg_log_loss"], refit="accuracy",
        return_train_score=True,
    ).fit(X, NAMES)  # fmt: skip
    theirs = {name.replace("constant", "learning_rate") for name in other.cv_results_}
    assert {*found.cv_results_} == theirs
    for name in theirs - {"params", "param_learning_rate"}:
        assert found.cv_results_[name].shape == (2,), name
    attributes = {name for name in vars(other) if name.endswith("_")}
    assert attributes <= {name for name in vars(found) if name.endswith("_")}
    assert (found.n_splits_, found.multimetric_) == (2, True)
    assert {*found.scorer_} == {"accuracy", "neg_log_loss"}


def test_the_higher_learning_rate_wins_and_is_fitted_to_all_data(found):
    results = found.cv_results_
    scores = np.stack([results[f"split{i}_test_accuracy"] for i in range(2)])
    np.testing.assert_allclose(results["mean_test_accuracy"], scores.mean(axis=0))
    assert found.best_params_ == {"learning_rate": 0.05} and found.best_index_ == 1
    assert found.best_score_ == scores.mean(axis=0)[1] > 0.6 > scores.mean(axis=0)[0]
    assert found.best_estimator_.learning_rate == 0.05 and found.refit_time_ > 0
    assert found.classes_.tolist() == sorted({*NAMES}) and found.n_features_in_ == 4
    expected = found.best_estimator_.score(X, NAMES)
    assert found.score(X, NAMES) == expected > 0.6
    assert (found.predict(X) == found.best_estimator_.predict(X)).all()


def test_a_copy_by_pickle_predicts_and_a_clone_is_not_fitted(found):
    copy = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert (copy.predict(X) == found.predict(X)).all()
    fresh = base.clone(found)
    assert fresh.param_distributions == RATES and not hasattr(fresh, "best_params_")


def test_each_fold_of_a_pipeline_is_scaled_by_its_own_train_set(monkeypatch):
    noted, train = [], search.Shelf.train

    def spied(self):
        noted.extend(self._notes.values())
        train(self)

    monkeypatch.setattr(search.Shelf, "train", spied)
    folds = [(np.arange(0, 150, 2), np.arange(1, 150, 2)),
             (np.arange(1, 150, 2), np.arange(0, 150, 2))]  # fmt: skip
    model = make_pipeline(StandardScaler(), JaxdlClassifier(**COMMON))
    rates = {"jaxdlclassifier__learning_rate": [0.01, 0.05]}
    own = SweepSearchCV(model, rates, cv=folds).fit(X, Y)
    assert {*own.best_params_} == {"jaxdlclassifier__learning_rate"}
    assert len(noted) == 4
    inputs = {request.examples.digest: request.examples.inputs for request in noted}
    expected = [StandardScaler().fit_transform(X[rows]) for rows, _ in folds]
    for ours, theirs in zip(inputs.values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.heavy
def test_a_searched_step_before_the_estimator_has_a_sweep_of_its_own(sweeps):
    model = make_pipeline(StandardScaler(), JaxdlClassifier(**COMMON))
    rates = "jaxdlclassifier__learning_rate"
    space = [
        {"standardscaler": [StandardScaler()], rates: [0.01, 0.05]},
        {"standardscaler": [FunctionTransformer(np.sqrt)], rates: [0.02, 0.1]},
    ]
    SweepSearchCV(model, space, n_iter=4, cv=2, refit=False).fit(X, Y)
    assert sweeps == [(2, 2), (2, 2)]


def test_folds_of_a_splitter_without_a_seed_are_the_same_in_both_runs(sweeps):
    own = SweepSearchCV(
        JaxdlClassifier(**COMMON), RATES, cv=ShuffleSplit(2, test_size=0.5)
    )
    own.fit(X, Y)
    assert sweeps == [(2, 2), (1, 1)]


def test_pairs_of_rows_may_come_from_a_generator(sweeps):
    pairs = (rows for rows in ShuffleSplit(2, test_size=0.5).split(X))
    own = SweepSearchCV(JaxdlClassifier(**COMMON), RATES, cv=pairs, refit=False)
    assert own.fit(X, Y).n_splits_ == 2 and sweeps == [(2, 2)]


@pytest.mark.heavy
def test_groups_reach_the_splitter_and_weights_the_estimator(monkeypatch):
    noted, train = [], search.Shelf.train

    def spied(self):
        noted.extend(self._notes.values())
        train(self)

    monkeypatch.setattr(search.Shelf, "train", spied)
    groups, weights = np.arange(150) % 2, 1.0 + (Y == 0)
    model = JaxdlClassifier(**COMMON)
    own = SweepSearchCV(model, {"dropout": [0.0]}, cv=GroupKFold(2), refit=False)
    own.fit(X, Y, groups=groups, sample_weight=weights)
    sets = [request.examples for request in noted]
    assert [len(x.inputs) for x in sets] == [75, 75]
    for found in sets:
        ratio = found.weights[found.labels == 0] / found.weights[found.labels == 1]
        np.testing.assert_allclose(ratio, 2, rtol=1e-6)


@pytest.mark.heavy
def test_a_regressor_is_searched_by_its_own_score():
    own = SweepSearchCV(
        JaxdlRegressor(**COMMON), {"learning_rate": [1e-4, 0.05]},
        cv=KFold(2, shuffle=True, random_state=0), refit=False,
    ).fit(X[:, :3], X[:, 3])  # fmt: skip
    assert own.best_params_ == {"learning_rate": 0.05} and own.best_score_ > 0.5


def drawn(space, n_iter, **kwargs):
    own = SweepSearchCV(JaxdlClassifier(), space, n_iter=n_iter, **kwargs)
    return own._candidates()


def test_lists_are_drawn_without_repetition_and_distributions_within_their_range():
    lists = {"epochs": [5, 10], "batch_size": [16, 32]}
    found = drawn(lists, 9, random_state=0)
    assert sorted((one["epochs"], one["batch_size"]) for one in found) == [
        (5, 16), (5, 32), (10, 16), (10, 32),
    ]  # fmt: skip
    space = {"learning_rate": dl.LogUniform(1e-3, 1e-1), "epochs": dl.Choice([5, 10])}
    some = drawn(space, 200, random_state=0)
    rates = np.log10([one["learning_rate"] for one in some])
    assert rates.min() > -3 and rates.max() < -1 and abs(rates.mean() + 2) < 0.15
    assert {one["epochs"] for one in some} == {5, 10}
    assert drawn(space, 3, random_state=1) != drawn(space, 3, random_state=2)
    assert drawn(space, 3, random_state=1) == drawn(space, 3, random_state=1)


def test_the_default_space_finds_the_estimator_of_a_pipeline():
    own = SweepSearchCV(make_pipeline(StandardScaler(), JaxdlClassifier()), n_iter=1)
    assert {*own._candidates()[0]} == {
        f"jaxdlclassifier__{name}"
        for name in ("learning_rate", "weight_decay", "dropout")
    }


def test_shapes_that_are_more_than_programs_are_refused():
    sizes = {"hidden_layer_sizes": [(n,) for n in range(1, 67)]}
    own = SweepSearchCV(JaxdlClassifier(**COMMON), sizes, n_iter=66, cv=2)
    with pytest.raises(ValueError, match="got 66 pairs of hidden_layer_sizes and"):
        own.fit(X, Y)


def test_an_estimator_that_is_no_network_is_searched_as_ever():
    options = {"strategy": ["prior", "constant"], "constant": [0]}
    own = SweepSearchCV(dummy.DummyClassifier(), options, scoring="neg_log_loss")
    assert own.fit(X, Y).best_params_["strategy"] == "prior"
    assert isinstance(own, model_selection.RandomizedSearchCV)
