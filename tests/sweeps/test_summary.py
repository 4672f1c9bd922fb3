"""The summary of a sweep, against counts by hand and from its own curves."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.keys import as_key
from jaxdl.sweeps.summary import errors_of, importance_of, summarize
from jaxdl.train.epoch_state import ended
from tests.sweeps.kept import SPACE, small, sweep


def test_one_model_a_configuration(result, digits):
    found = summarize(result, digits)
    assert (found.kind, found.count, found.members) == ("member", 6, 6)
    assert found.ended == {"finished": 6} == ended(result.status)
    assert found.best == result.ranking()[0]
    assert [row["member"] for row in found.table] == result.ranking().tolist()
    assert found.noise is None and found.everywhere == {}
    best = result.best()
    for name in ("train", "dev", "test"):
        expected = best.evaluate(getattr(digits, name))["error"]
        assert getattr(found.errors, f"{name}_error") == pytest.approx(expected)
    assert found.errors.test_examples == len(digits.test.labels)
    diagnosis = dl.diagnose.bias_variance(
        found.errors.train_error, found.errors.dev_error
    )
    assert found.errors.diagnosis == diagnosis


def test_without_data_the_test_error_is_unknown(result):
    found, best = summarize(result, None), result.best()
    assert found.errors.test_error is None and found.errors.test_examples == 0
    assert found.errors.train_error == best.metrics["train_error"][-1]
    assert found.errors.dev_error == best.metrics["dev_error"][-1]
    assert found.errors == errors_of(best, None)


def test_repeats_and_folds_show_the_noise(digits):
    space = SPACE | {"l2": 0.5}
    result = sweep(small, space, digits, members=5, epochs=1, repeats=2, folds=2)
    found = summarize(result, digits)
    assert (found.kind, found.count, found.members) == ("configuration", 5, 20)
    assert found.everywhere == {"l2": 0.5}
    errors = result.metrics["dev_error"][:, -1].reshape(5, 4).astype(float)
    best = int(np.argmin(errors.mean(axis=1)))
    assert found.best == best
    behind = [
        np.mean(e - errors[best]) <= np.std(e - errors[best], ddof=1) / 2
        for i, e in enumerate(errors)
        if i != best
    ]
    assert found.noise == pytest.approx(
        (errors[best].mean(), np.std(errors[best], ddof=1) / 2, 4, sum(behind), 4)
    )
    first = result.member(4 * best)
    data = result.first_data(digits)
    assert len(data.dev.labels) == 719
    assert found.errors.dev_error == first.metrics["dev_error"][-1]
    assert found.errors.train_error == first.evaluate(data.train)["error"]


def test_a_sweep_without_a_best_member_has_a_summary(digits):
    result = sweep(small, {"rate": np.inf}, digits, members=3)
    found = summarize(result, digits)
    assert found.best is found.noise is found.importance is found.errors is None
    assert found.ended == {"diverged": 3}
    assert len(found.table) == 3


def test_importance_is_unknown_where_members_trained_unequally(digits):
    result = sweep(small, SPACE, digits, members=8, search=dl.halving(2))
    with pytest.raises(ValueError, match="different numbers of epochs"):
        importance_of(result)
    found = summarize(result, digits)
    assert found.importance is None
    assert found.ended == {"finished": 2, "cut short": 6}


def test_a_hyperparameter_with_the_name_of_a_metric_hides_nothing(digits):
    space = SPACE | {"dev_error": dl.Uniform(5, 6), "status": dl.Static(["x"])}
    result = sweep(small, space, digits, members=2, epochs=1)
    best = summarize(result, None).table[0]
    assert best["dev_error"] == result.mean()["dev_error"].min() <= 1
    assert best["status"] == "finished" and best["hparams"]["status"] == "x"
    assert 5 <= best["hparams"]["dev_error"] <= 6


def test_the_errors_of_classes_are_as_sure_as_their_sets_are_large(result, digits):
    found = summarize(result, digits, human_error=0.02).errors
    assert (found.dev_examples, found.human_error) == (360, 0.02)
    for name, examples in (("dev", 360), ("test", 359)):
        error = getattr(found, f"{name}_error")
        expected = dl.diagnose.error_interval(error, examples)
        assert getattr(found, f"{name}_interval") == pytest.approx(expected)
    assert found.diagnosis.bias == pytest.approx(found.train_error - 0.02)
    most = np.bincount(digits.train.labels).argmax()
    wrong = np.mean(digits.dev.labels != most)
    assert found.baseline.error == pytest.approx(wrong) and found.r2 is None


def test_weights_make_an_error_less_sure(result, digits):
    weights = np.where(np.arange(360) < 36, 1, 1e-6).astype(np.float32)
    dev = dl.data.from_arrays(digits.dev.inputs, digits.dev.labels, weights)
    found = summarize(result, digits._replace(dev=dev)).errors
    expected = np.sqrt(found.dev_error * (1 - found.dev_error) / 36)
    assert found.dev_interval.standard_error == pytest.approx(expected, rel=1e-3)


def prices(folds=None):
    """Returns a sweep over lines, and its data: rates too low to learn, and good."""
    inputs = np.random.default_rng(0).normal(size=(200, 3))
    labels = (5 + inputs @ [1.0, 2.0, 0.5]).astype(np.float32)
    examples = dl.data.from_arrays(inputs, labels)
    data = dl.data.normalize(dl.data.split(examples, key=as_key(0)))

    def recipe(hp):
        return dl.Recipe(
            nn.dense(1), optim.gradient_descent(hp["rate"]), nn.squared_error
        )

    space = {"rate": np.array([1e-6, 0.1, np.inf])}
    settings = {"members": 3, "epochs": 8, "folds": folds, "progress": False}
    return dl.sweep(recipe, space, data, key=0, **settings), data


def test_a_regression_is_compared_with_the_mean():
    metrics = pytest.importorskip("sklearn.metrics")
    result, data = prices()
    found = summarize(result, data)
    for row in found.table[:2]:
        outputs = result.member(row["member"]).predict(data.dev.inputs)
        expected = metrics.r2_score(data.dev.labels, outputs)
        assert row["dev_r2"] == pytest.approx(expected, rel=1e-5)
    assert [row["member"] for row in found.table] == [1, 0, 2]
    assert [*found.table[0]][-3:] == ["dev_r2", "status", "hparams"]
    assert np.isnan(found.table[2]["dev_r2"])
    assert found.errors.r2 == found.table[0]["dev_r2"] > 0.9
    wrong = np.mean((data.dev.labels - data.train.labels.mean()) ** 2)
    assert found.errors.baseline.error == pytest.approx(wrong, rel=1e-5)
    assert found.errors.dev_interval is found.errors.diagnosis is None
    bad = errors_of(result.member(0), data)
    assert bad.dev_error > bad.baseline.error and bad.r2 < 0


@pytest.mark.heavy
def test_a_fold_is_compared_with_its_own_mean():
    result, data = prices(folds=2)
    errors, first = summarize(result, data).errors, result.first_data(data)
    wrong = np.mean((first.dev.labels - first.train.labels.mean()) ** 2)
    assert errors.baseline.error == pytest.approx(wrong, rel=1e-5)
    assert "dev_r2" not in summarize(result, data).table[0]


@pytest.mark.heavy
def test_errors_are_no_rates_if_one_of_the_test_set_is_above_1():
    def error(outputs, labels):
        return 3.0 * (labels == 2)

    def recipe(hp):
        return dl.Recipe(
            nn.dense(3), optim.gradient_descent(hp), nn.softmax_cross_entropy,
            batch_size=4, error=error,
        )  # fmt: skip

    inputs = np.eye(4, dtype=np.float32)
    train, test = (dl.data.from_arrays(inputs, y) for y in ([0, 1, 0, 1], [2, 2, 2, 0]))
    data = dl.data.Splits(train, train, test)
    member = dl.fit(recipe, 0.1, data, key=0, epochs=1, progress=False)
    found = errors_of(member, data)
    assert found[:3] == (0, 0, 2.25)  # three of four examples, 3 each
    assert found.diagnosis is found.dev_interval is found.test_interval is None
