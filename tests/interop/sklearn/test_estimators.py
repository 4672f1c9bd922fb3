"""Estimators: scikit-learn's own checks, and what scikit-learn does not check."""

import pickle
import warnings

import jax
import numpy as np
import pytest
from sklearn import base, datasets, exceptions, utils
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_checks as checks

from jaxdl.interop.sklearn import (
    JaxdlClassifier,
    JaxdlRegressor,
    training,
)

SMALL = {"hidden_layer_sizes": (8,), "epochs": 20, "learning_rate": 0.03}
BOTH = [JaxdlClassifier(**SMALL), JaxdlRegressor(**SMALL)]
# A weight of 2 and an example twice give other batches; so they do in scikit-learn's
# own multilayer perceptrons, which mark the same checks.
EXPECTED = {
    f"check_sample_weight_equivalence_on_{kind}_data": "batches are of examples"
    for kind in ("dense", "sparse")
}
X, Y = datasets.load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
COMMON = SMALL | {"random_state": 0}  # of most tests, which share its programs


@pytest.mark.heavy
@pytest.mark.parametrize("estimator", BOTH, ids=["classifier", "regressor"])
def test_every_check_of_scikit_learn_passes_but_those_of_weights(estimator):
    with warnings.catch_warnings(action="ignore"):
        results = checks.check_estimator(
            estimator, expected_failed_checks=EXPECTED, on_skip=None, on_fail=None
        )
    failed = {r["check_name"]: r["exception"] for r in results
              if r["status"] == "failed"}  # fmt: skip
    assert not failed


@pytest.mark.parametrize("estimator", BOTH, ids=["classifier", "regressor"])
@pytest.mark.parametrize(
    "check",
    [
        checks.check_no_attributes_set_in_init,
        checks.check_parameters_default_constructible,
        checks.check_estimators_unfitted,
        checks.check_estimator_sparse_tag,
        checks.check_estimators_empty_data_messages,
        checks.check_complex_data,
        checks.check_fit1d,
        checks.check_estimator_cloneable,
        checks.check_estimator_tags_renamed,
    ],
    ids=lambda check: check.__name__,
)
def test_a_check_that_trains_nothing_passes(check, estimator):
    check(type(estimator).__name__, base.clone(estimator))


@pytest.fixture(scope="module")
def classifier():
    return JaxdlClassifier(**COMMON).fit(X, NAMES)


@pytest.fixture(scope="module")
def regressor():
    return JaxdlRegressor(**COMMON).fit(X[:, :3], X[:, 3])


def test_a_classifier_learns_and_speaks_of_classes_by_name(classifier):
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier.score(X, NAMES) > 0.9 and classifier.n_features_in_ == 4
    found = classifier.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert (classifier.classes_[found.argmax(axis=1)] == classifier.predict(X)).all()
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), found)


@pytest.mark.heavy
def test_an_estimator_predicts_what_the_member_of_its_sweep_does(monkeypatch):
    kept = []

    def sweep(*args, **kwargs):
        kept.append((trained(*args, **kwargs), args[2]))
        return kept[-1][0]

    trained = training.sweep
    monkeypatch.setattr(training, "sweep", sweep)
    found = JaxdlClassifier(**COMMON, ensemble=2).fit(X, Y).predict_proba(X)
    [(result, splits)] = kept
    logits = [result.member(i).predict(splits.train.inputs) for i in range(2)]
    assert result.num_variants == 2
    expected = np.mean([jax.nn.softmax(z) for z in logits], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(*logits, atol=0.1)  # networks of their own


def test_a_copy_by_pickle_predicts_the_same_bits(classifier, regressor):
    for estimator, inputs in ((classifier, X), (regressor, X[:, :3])):
        copy = pickle.loads(pickle.dumps(estimator))  # noqa: S301
        assert (copy.predict(inputs) == estimator.predict(inputs)).all()
        fresh = base.clone(copy)
        assert fresh.get_params() == estimator.get_params()
        assert not hasattr(fresh, "n_features_in_")


def test_a_seed_gives_the_same_bits_again_and_another_one_others(classifier):
    again = JaxdlClassifier(**COMMON).fit(X, NAMES).predict_proba(X)
    assert (again == classifier.predict_proba(X)).all()
    other = JaxdlClassifier(**COMMON | {"random_state": 1}).fit(X, NAMES)
    assert not np.allclose(other.predict_proba(X), again, atol=1e-3)


def test_a_regressor_predicts_in_the_units_of_its_targets(regressor):
    assert regressor.score(X[:, :3], X[:, 3]) > 0.8
    far = JaxdlRegressor(**COMMON).fit(X[:, :3], 1e6 - 1e5 * X[:, 3])
    expected = 1e6 - 1e5 * regressor.predict(X[:, :3])
    # Standardized, the targets are those of the other, but for their sign.
    assert np.corrcoef(far.predict(X[:, :3]), expected)[0, 1] > 0.98
    assert abs(far.predict(X[:, :3]).mean() - expected.mean()) < 1e4


@pytest.mark.heavy
def test_several_targets_and_columns_of_one_keep_their_shape():
    two = JaxdlRegressor(**COMMON).fit(X[:, :2], X[:, 2:])
    assert two.predict(X[:5, :2]).shape == (5, 2)
    assert two.score(X[:, :2], X[:, 2:]) > 0.7


@pytest.mark.heavy
def test_the_scale_of_weights_does_not_matter_but_they_do(classifier):
    weights = 1.0 + (Y == 2) * 9
    one, tenfold = (
        JaxdlClassifier(**COMMON).fit(X, NAMES, sample_weight=w).predict_proba(X)
        for w in (weights, 10 * weights)
    )
    np.testing.assert_allclose(one, tenfold, atol=1e-5)
    # Nine of ten votes: the heavy class gains probability.
    plain = classifier.predict_proba(X)
    assert one[:, 2].mean() > plain[:, 2].mean() + 0.01


@pytest.mark.heavy
def test_class_weights_are_the_weights_of_their_examples():
    rows = np.r_[0:50, 50:60, 100:110]
    x, y = X[rows], NAMES[rows]
    # m / (C m_c): 70 / (3 · 50) and 70 / (3 · 10)
    by_hand = np.select([y == "setosa"], [7 / 15], 7 / 3)
    balanced = JaxdlClassifier(**COMMON, class_weight="balanced").fit(x, y)
    weighted = JaxdlClassifier(**COMMON).fit(x, y, sample_weight=by_hand)
    np.testing.assert_allclose(
        balanced.predict_proba(X), weighted.predict_proba(X), atol=1e-6
    )
    # Of 70 examples 7 would be held out, which are too few to stop by.
    assert balanced.n_iter_ == 20


@pytest.mark.heavy
def test_examples_without_weight_train_nothing(classifier):
    more = np.concatenate([X, 100 * X[:9]]), np.r_[NAMES, ["lotus"] * 9]
    weights = np.r_[np.ones(150), np.zeros(9)]
    found = JaxdlClassifier(**COMMON).fit(*more, sample_weight=weights)
    assert found.classes_.tolist() == classifier.classes_.tolist()
    np.testing.assert_allclose(
        found.predict_proba(X), classifier.predict_proba(X), atol=1e-5
    )
    with pytest.raises(ValueError, match="weights"):
        JaxdlRegressor().fit(X, Y, sample_weight=np.zeros(150))


def test_early_stopping_keeps_the_epoch_of_the_lowest_loss():
    settings = COMMON | {"patience": 1, "learning_rate": 0.3}
    stopped = JaxdlClassifier(**settings).fit(X, Y)
    assert stopped.n_iter_ < 20


@pytest.mark.heavy
def test_a_network_that_diverges_is_a_warning():
    diverging = JaxdlClassifier(**COMMON | {"learning_rate": 1e38, "patience": None})
    with pytest.warns(exceptions.ConvergenceWarning, match="lower the learning rate"):
        diverging.fit(X, Y)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("hidden_layer_sizes", (8, 0)),
        ("hidden_layer_sizes", 2.5),
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("dropout", 1.0),
        ("batch_size", 0),
        ("epochs", 0),
        ("patience", 0),
        ("validation_fraction", 0.6),
        ("ensemble", 0),
    ],
)
def test_a_parameter_out_of_range_is_named(parameter, value):
    with pytest.raises(ValueError, match=parameter):
        JaxdlClassifier(**COMMON | {parameter: value}).fit(X, Y)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="of one class, .*'a'.*; expected two"):
        JaxdlClassifier().fit(X, ["a"] * len(X))


def test_frames_pass_through_a_column_transformer():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :2], columns=["length", "width"])
    frame["kind"] = np.where(X[:, 2] > 2.5, "long", "short")
    steps = ColumnTransformer(
        [("number", StandardScaler(), ["length", "width"]),
         ("text", OneHotEncoder(sparse_output=False), ["kind"])]
    )  # fmt: skip
    model = make_pipeline(steps, JaxdlClassifier(**COMMON)).fit(frame, NAMES)
    assert model.score(frame, NAMES) > 0.6
    whole = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    named = JaxdlClassifier(**COMMON).fit(whole, NAMES)
    assert named.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        named.predict(whole[["b", "a", "c", "d"]])


def test_a_classifier_is_one_and_a_regressor_is_one():
    assert base.is_classifier(JaxdlClassifier())
    assert base.is_regressor(JaxdlRegressor())
    assert utils.get_tags(JaxdlRegressor()).target_tags.multi_output
