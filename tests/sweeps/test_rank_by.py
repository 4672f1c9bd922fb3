"""Sweeps that rank by a metric of the whole dev set, against scikit-learn.

Three examples of a hundred are positive: a model that finds none has 3 % error.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn

import jaxdl as dl
from jaxdl import interop, nn, optim, report, runs, train
from jaxdl.diagnose import importance
from jaxdl.report import contents
from jaxdl.searches import Rung
from jaxdl.sweeps import read_result, replay
from jaxdl.sweeps.summary import summarize
from jaxdl.train import Status
from tests.sweeps.kept import assert_same_result, sweep

SPACE = {"rate": dl.LogUniform(1e-3, 1e2), "idle": dl.Uniform(0, 1)}


@pytest.fixture(scope="module")
def rare():
    """1,500 examples of 4 features, 3 % of class 1, which two features tell.

    All sets have the size of half the examples of train and dev set, which is a fold.
    """
    rng = np.random.default_rng(0)
    labels = (np.arange(1500) % 33 == 0).astype(np.int32)
    inputs = rng.normal(size=(1500, 4)).astype(np.float32)
    inputs[:, :2] += 1.5 * labels[:, None]
    one = dl.data.from_arrays(inputs, labels, weights=rng.uniform(0.5, 2, 1500))
    return dl.data.split(one, (1 / 3, 1 / 3, 1 / 3), key=jax.random.key(1))


def f1(outputs, labels, weights):
    """F1 of class 1, as scikit-learn's `f1_score` with weights."""
    found, true = outputs[:, 1] > outputs[:, 0], labels == 1
    hits, both = (jnp.sum(weights * x) for x in (found & true, found * 1 + true))
    return 2 * hits / both


OWN = {"f1": f1, "auc": train.auc}


def ranked(rank_by, metrics=OWN):
    def recipe(hp):
        return dl.Recipe(
            nn.dense(2), optim.gradient_descent(hp["rate"]), nn.softmax_cross_entropy,
            metrics=metrics, rank_by=rank_by,
        )  # fmt: skip

    return recipe


by_auc, by_f1, by_error = map(ranked, ("-auc", "-f1", "error"))


@pytest.fixture(scope="module")
def kept(rare, tmp_path_factory):
    """A sweep that ranks by AUC, and the folder of its run."""
    folder = tmp_path_factory.mktemp("ranked") / "run"
    return sweep(by_auc, SPACE, rare, members=12, run_dir=folder), folder


def by_scikit_learn(member, dataset):
    """Returns AUC and F1 of a model's own predictions."""
    z, y, w = member.predict(dataset.inputs), dataset.labels, dataset.weights
    return (
        sklearn.roc_auc_score(y, z[:, 1] - z[:, 0], sample_weight=w),
        sklearn.f1_score(y, z[:, 1] > z[:, 0], sample_weight=w),
    )


def test_members_rank_by_the_auc_that_scikit_learn_computes(kept, rare):
    result, _ = kept
    members = [result.member(i) for i in range(12)]
    expected = np.array([by_scikit_learn(member, rare.dev) for member in members])
    final = result.final()
    np.testing.assert_allclose(final["dev_auc"], expected[:, 0], atol=1e-6)
    np.testing.assert_allclose(final["dev_f1"], expected[:, 1], atol=1e-6)
    auc = expected[:, 0]
    assert (np.diff(auc[result.ranking()]) <= 1e-6).all()
    assert auc[result.ranking()[0]] > np.sort(auc)[0] + 0.05
    assert result.ranking()[0] != np.argmin(final["dev_error"])
    np.testing.assert_array_equal(result.scores(), -final["dev_auc"].astype(float))
    np.testing.assert_array_equal(
        result.best().metrics["dev_auc"], result.metrics["dev_auc"][auc.argmax()]
    )
    columns, rows = result.rows(2)
    assert columns.index("dev_auc") == 1
    assert rows[0][1] == pytest.approx(auc.max(), abs=1e-6)


def test_a_model_evaluates_its_own_metrics_on_any_set(kept, rare):
    best = kept[0].best()
    found = best.evaluate(rare.test)
    assert {*found} == {"loss", "error", "auc", "f1"}
    expected = by_scikit_learn(best, rare.test)
    assert (found["auc"], found["f1"]) == pytest.approx(expected, abs=1e-6)


def test_a_fit_records_them_too(rare):
    member = dl.fit(
        by_auc,
        {"rate": 0.3, "idle": 0.5},
        rare,
        key=0,
        epochs=2,
        progress=False,
        patience=1,
    )
    auc, f1 = by_scikit_learn(member, rare.dev)
    at = member.kept_epoch
    assert member.metrics["dev_auc"][at] == pytest.approx(auc, abs=1e-6)
    assert member.metrics["dev_f1"][at] == pytest.approx(f1, abs=1e-6)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(by_auc, id="auc"),
        pytest.param(by_f1, id="f1", marks=pytest.mark.heavy),
        pytest.param(by_error, id="error", marks=pytest.mark.heavy),
    ],
)
def test_patience_goes_by_the_score(recipe, rare):
    """Replays the rule by hand on each member's curves."""
    rank_by = recipe({"rate": 0.1, "idle": 0}).rank_by
    result = sweep(recipe, SPACE, rare, members=8, epochs=12, patience=2)
    curve = result.metrics[f"dev_{rank_by.removeprefix('-')}"]
    scores = -curve if rank_by.startswith("-") else curve
    assert (result.status == Status.STOPPED).any()
    for score, loss, kept, status in zip(
        scores, result.metrics["dev_loss"], result.kept_epoch, result.status,
        strict=True,
    ):  # fmt: skip
        worst = np.where(np.isnan([score, loss]), np.inf, [score, loss])
        best = min(range(12), key=lambda e: (*worst[:, e], e))
        assert kept == best
        last = np.isfinite(loss).sum() - 1
        assert (status == Status.STOPPED) == (last - best >= 2)


@pytest.mark.heavy
def test_what_patience_keeps_depends_on_what_ranks(rare):
    settings = {"members": 8, "epochs": 12, "patience": 2}
    one, other = (sweep(r, SPACE, rare, **settings) for r in (by_auc, by_error))
    assert (one.kept_epoch != other.kept_epoch).any()


def test_halving_and_population_based_training_choose_by_it(rare):
    halved = sweep(by_auc, SPACE, rare, members=8, search=dl.halving(2))
    first, second = halved.rungs[:2]
    auc = halved.metrics["dev_auc"][:, 0]
    assert set(second.members) == set(first.members[np.argsort(-auc)[:4]])
    copied = sweep(by_auc, SPACE, rare, members=8, search=dl.pbt(2), epochs=4)
    _, after = copied.rungs
    moved = np.flatnonzero(after.parents != after.members)
    before = sweep(by_auc, SPACE, rare, members=8, epochs=2).final()["dev_auc"]
    order = np.argsort(-before, kind="stable")
    assert set(moved) == set(order[-2:]) and set(after.parents[moved]) <= set(order[:2])


def test_a_search_receives_the_metrics_and_the_score(rare):
    received = []

    def search(key, space, members, epochs):
        ids = np.arange(members)
        rung = Rung(ids, dl.sample(key, space, members), np.full(members, epochs))
        received.append((yield rung))

    settings = {"members": 3, "epochs": 1, "repeats": 2, "folds": 2}
    sweep(by_auc, SPACE, rare, search=search, **settings)
    (standing,) = received
    assert {*standing} == {
        "dev_auc", "dev_f1", "dev_error", "dev_loss", "train_error", "train_loss",
        "score",
    }  # fmt: skip
    np.testing.assert_array_equal(standing["score"], -standing["dev_auc"])


def test_repeats_rank_by_the_mean_and_show_its_noise(rare):
    result = sweep(by_auc, SPACE, rare, members=4, epochs=2, repeats=2, folds=2)
    auc = result.metrics["dev_auc"][:, -1].reshape(4, 4).astype(float)
    np.testing.assert_allclose(result.mean()["dev_auc"], auc.mean(axis=1))
    best = auc.mean(axis=1).argmax()
    assert result.ranking()[0] == best
    expected, _ = by_scikit_learn(result.best(), result.first_data(rare).dev)
    assert auc[best, 0] == pytest.approx(expected, abs=1e-6)
    behind = auc[best] - auc
    noise = np.std(behind, axis=1, ddof=1) / 2
    expected = np.flatnonzero(behind.mean(axis=1) <= noise)
    assert set(result.not_worse()) == set(expected)
    columns, rows = result.rows(1)
    spread = np.std(auc[best], ddof=1) / 2
    assert rows[0][columns.index("standard_error")] == pytest.approx(spread)
    found = summarize(result, rare).noise
    assert (found.mean, found.standard_error) == pytest.approx(
        (auc[best].mean(), spread)
    )


def test_a_run_resumes_reads_and_replays(kept, rare):
    result, folder = kept
    assert_same_result(sweep(by_auc, SPACE, rare, members=12, run_dir=folder), result)
    read = read_result(folder, by_auc)
    assert_same_result(read, result)
    np.testing.assert_array_equal(read.ranking(), result.ranking())
    best = int(result.ranking()[0])
    again = replay(folder, by_auc, rare, best, progress=False)
    np.testing.assert_array_equal(
        again.metrics["dev_auc"], result.metrics["dev_auc"][best]
    )


def test_a_run_with_patience_reads_what_it_kept(rare, tmp_path):
    settings = {"members": 4, "epochs": 6, "patience": 2, "run_dir": tmp_path / "run"}
    result = sweep(by_auc, SPACE, rare, **settings)
    assert_same_result(read_result(tmp_path / "run", by_auc), result)


def test_a_run_that_ranks_otherwise_is_refused(kept, rare):
    _, folder = kept
    with pytest.raises(runs.RunMismatchError, match='rank_by: got "-f1", recorded "-a'):
        sweep(by_f1, SPACE, rare, members=12, run_dir=folder)
    with pytest.raises(runs.RunMismatchError, match="rank_by: got nothing, recorded"):
        sweep(by_error, SPACE, rare, members=12, run_dir=folder)
    with pytest.raises(runs.RunMismatchError, match="'-f1'; expected .*'-auc'"):
        read_result(folder, by_f1)
    renamed = ranked("-area", {"area": train.auc, "f1": f1})
    with pytest.raises(runs.RunMismatchError, match=r"\['area', 'f1'\] .*'auc', 'f1'"):
        read_result(folder, renamed)


def test_all_programs_have_the_same_metrics(rare):
    def recipe(hp):
        return ranked("-auc" if hp["wide"] else "error")(hp)

    space = SPACE | {"wide": dl.Static([True, False])}
    with pytest.raises(train.RecipeError, match="rank_by='-auc' for wide=True, but me"):
        sweep(recipe, space, rare)


def test_a_metric_that_is_not_a_number_ranks_last(rare):
    def odd(outputs, labels, weights):
        return jnp.where(
            jnp.abs(outputs).max() > 20, jnp.nan, train.auc(outputs, labels)
        )

    recipe = ranked("-odd", {"odd": odd})
    result = sweep(
        recipe, {"rate": np.array([0.1, 500.0, 0.2, 900.0])}, rare, members=4
    )
    assert np.isnan(result.final()["dev_odd"][[1, 3]]).all()
    assert set(result.ranking()[:2]) == {0, 2} and result.has_best()
    lost = sweep(recipe, {"rate": np.array([900.0, 500.0])}, rare, members=2)
    assert np.isfinite(lost.final()["dev_loss"]).any() and not lost.has_best()
    found = summarize(lost, rare)
    assert found.best is None
    assert contents.outcome(found, True).endswith("has a finite dev odd.")


def test_the_summary_says_what_ranks(kept, rare):
    result, _ = kept
    found, best = summarize(result, rare), result.best()
    auc, f1 = by_scikit_learn(best, rare.dev)
    assert found.metric == "dev_auc" and found.value == pytest.approx(auc, abs=1e-6)
    on_test = by_scikit_learn(best, rare.test)
    for name, place in (("auc", 0), ("f1", 1)):
        _, dev, test = found.errors.metrics[name]
        assert dev == pytest.approx((auc, f1)[place], abs=1e-6)
        assert test == pytest.approx(on_test[place], abs=1e-6)
    outcome = contents.outcome(found, result.has_rates())
    assert outcome.endswith(f"member {found.best}, has {found.value:.4g} dev auc.")
    json.dumps(dl.plain.to_json(found), allow_nan=False)


def test_the_importance_is_of_the_score(rare):
    result = sweep(by_auc, SPACE, rare, members=32, epochs=1)
    expected = importance(result.hparams, -result.metrics["dev_auc"][:, 0])
    assert summarize(result, None).importance.shares == expected.shares


def test_figures_and_the_page_show_what_ranks(kept, rare, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    assert matplotlib is not None
    result, _ = kept
    drawn = report.learning_curves(result)
    (best,) = drawn.axes[0].lines
    curve = result.best().metrics["dev_auc"]
    assert best.get_label() == "best on dev auc"
    top = result.metrics["dev_auc"].max()
    np.testing.assert_allclose(best.get_ydata()[-1], curve[-1], atol=1e-6)
    assert drawn.axes[0].get_ylabel() == "dev auc"
    low, high = drawn.axes[0].get_ylim()
    assert low < curve[-1] <= top < high
    for figure in (report.hyperparameters(result), report.parallel_coordinates(result)):
        words = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
        assert any(word.startswith("dev auc") for word in words)
        assert not any("dev error" in word for word in words)
    report.report(result, tmp_path / "page.html", data=rare)
    page = (tmp_path / "page.html").read_text()
    assert 'alt="dev auc of all members by epoch"' in page and "{ranked}" not in page
    for name in ("error", "loss", "auc", "f1"):
        assert f'{{"name":"{name}","curves":' in page


def test_optuna_maximizes_it(kept, tmp_path):
    optuna = pytest.importorskip("optuna")
    result, _ = kept
    path = f"sqlite:///{tmp_path / 'study.db'}"
    interop.log(result, interop.optuna_study(path, "ranked", SPACE), interop.every)
    study = optuna.load_study(study_name="ranked", storage=path)
    assert study.direction.name == "MAXIMIZE"
    assert study.best_value == result.final()["dev_auc"].max()
    assert study.best_trial.user_attrs["run"] == f"member {result.ranking()[0]}"
    curve = result.best().metrics["dev_auc"]
    assert [*study.best_trial.intermediate_values.values()] == pytest.approx(curve)


def test_optunas_samplers_receive_the_score(rare, tmp_path):
    optuna = pytest.importorskip("optuna")
    path = f"sqlite:///{tmp_path / 'study.db'}"
    search = interop.optuna_search(batch=3, storage=path, study_name="search")
    result = sweep(by_auc, SPACE, rare, members=6, epochs=1, search=search)
    study = optuna.load_study(study_name="search", storage=path)
    values = [trial.value for trial in study.get_trials()]
    np.testing.assert_array_equal(values, result.scores())
