"""The result: members, rankings, tables and the noise, by hand and of real sweeps."""

import jax
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.engine.task import Task
from jaxdl.searches import Rung
from jaxdl.sweeps.result import SweepResult
from jaxdl.train import Status
from jaxdl.train.structure import partition
from tests.sweeps.kept import SPACE, assert_same_member, small, sweep

ERRORS = [[0.5, 0.6, 0.7], [0.1, 0.2, 0.3], [0.2, 0.1, 0.36], [0.13, 0.23, 0.33]]


def made(errors, status=Status.FINISHED, folds=None):
    """Returns a result with one epoch and these dev errors, `[configurations, V]`."""
    errors = np.array(errors, np.float32)
    count, v = errors.shape
    flat = errors.ravel()[:, None]
    return SweepResult(
        task=Task(None, {"rate": 0.0}, None, jax.random.key(0), members=count, epochs=1,
                  repeats=v // (folds or 1), folds=folds),
        hparams={"rate": np.repeat(np.arange(count), v)},
        metrics={"dev_loss": flat, "dev_error": flat},
        status=np.full(flat.size, status, np.int32),
        stopped_at=np.full(flat.size, -1),
        kept_epoch=np.zeros(flat.size, int),
        precisions=(), rungs=(), blocks=(),
        places=np.zeros((flat.size, 2), int),
        specification=None,
    )  # fmt: skip


# members


def test_the_result_has_the_shape_of_the_space(result):
    assert result.hparams["rate"].shape == (6,)
    member = result.member(np.int64(5))
    assert member.hparams["rate"] == result.hparams["rate"][5]
    assert member.hparams["rate"].dtype == np.float32
    assert member.metrics["train_loss"].shape == (4,)
    assert result.num_variants == 1 and result.trained().all() and result.has_best()
    for wrong in (6, -1):
        with pytest.raises(IndexError, match=rf"got member {wrong}; expected 0\.\.5"):
            result.member(wrong)


def test_members_evaluate_as_the_sweep_did(result, digits):
    best = result.best()
    on_dev = best.evaluate(digits.dev)
    assert on_dev["error"] == pytest.approx(best.metrics["dev_error"][-1], abs=1e-6)
    assert on_dev["loss"] == pytest.approx(best.metrics["dev_loss"][-1], rel=1e-4)
    outputs = best.predict(digits.dev.inputs)
    assert outputs.shape == (360, 10)
    error = np.mean(outputs.argmax(1) != digits.dev.labels)
    assert error == pytest.approx(on_dev["error"], abs=1e-6)


def test_a_member_with_a_size_predicts_and_evaluates(with_sizes, digits):
    best = with_sizes.best()
    errors = best.evaluate(digits.dev)
    assert errors["error"] == pytest.approx(best.metrics["dev_error"][-1], abs=1e-6)
    assert best.confusion_matrix(digits.dev).sum() == len(digits.dev.inputs)
    assert isinstance(best.hparams["units"], nn.Size)
    assert best.hparams["units"].bound == 6
    assert "units" in with_sizes.table(3)


def test_members_of_a_sweep_share_the_programs_that_evaluate_them(result, digits):
    compiled = []

    def listen(name, *_, **__):
        if name == "/jax/core/compile/backend_compile_duration":
            compiled.append(name)

    def look(i):
        result.member(i).evaluate(digits.test)
        result.member(i).predict(digits.test.inputs)

    look(0)
    jax.monitoring.register_event_duration_secs_listener(listen)
    look(1)
    look(2)
    sweep(small, result.hparams, digits, epochs=1)
    assert compiled == []


# rankings


def test_the_ranking_is_by_dev_error_then_loss(result):
    last = [
        (result.metrics["dev_error"][i, -1], result.metrics["dev_loss"][i, -1])
        for i in result.ranking()
    ]
    assert last == sorted(last)
    lines = result.table(4).splitlines()
    assert "dev_error" in lines[0] and "rate" in lines[0]
    assert lines[2].split()[0] == str(result.ranking()[0])
    assert len(lines) == 6


def test_a_tie_of_errors_is_broken_by_the_loss():
    result = made([[0.2], [0.2], [0.1]])
    result.metrics["dev_loss"] = np.array([[0.5], [0.4], [0.9]])
    assert result.ranking().tolist() == [2, 1, 0]


def test_configurations_are_ranked_by_means_and_the_noise_is_shown():
    result = made(ERRORS)
    assert result.ranking().tolist() == [1, 2, 3, 0]
    np.testing.assert_allclose(result.mean()["dev_error"], [0.6, 0.2, 0.22, 0.23])
    # s = 0.1, and for 0.2, 0.1, 0.36: sqrt((0.02² + 0.12² + 0.14²) / 2)
    expected = np.array([0.1, 0.1, np.sqrt(0.0344 / 2), 0.1]) / np.sqrt(3)
    np.testing.assert_allclose(
        result.standard_error()["dev_error"], expected, rtol=1e-6
    )
    # behind the best by 0.1, -0.1, 0.06 (0.02 ± 0.06) and by 0.03 each time (± 0)
    assert result.not_worse().tolist() == [1, 2]
    header, table = result.rows(2)
    assert header[:4] == ["configuration", "dev_loss", "dev_error", "standard_error"]
    assert table[0][0] == 1 and table[0][2:5] == [
        pytest.approx(0.2), pytest.approx(0.1 / 3**0.5), "finished"
    ]  # fmt: skip
    header, table = result.member_rows()
    assert header[:4] == ["member", "configuration", "repeat", "fold"]
    assert [row[:4] for row in table[:3]] == [[3, 1, 0, 0], [4, 1, 1, 0], [5, 1, 2, 0]]
    folded = made(np.reshape(ERRORS, (2, 6)), folds=3)
    assert [row[:4] for row in folded.member_rows()[1]][4] == [10, 1, 1, 1]
    assert folded.members_of(1).tolist() == [6, 7, 8, 9, 10, 11]


def test_one_model_a_configuration_says_nothing_about_the_noise(result):
    assert np.isnan(result.standard_error()["dev_error"]).all()
    assert "standard_error" not in result.table()
    with pytest.raises(ValueError, match="shows no noise.*repeats=3"):
        result.not_worse()


def test_a_configuration_with_a_member_that_diverged_comes_last():
    result = made([[0.1, 0.1], [0.5, 0.6], [0.2, 0.2]])
    result.status[1] = Status.DIVERGED
    assert result.ranking().tolist() == [2, 1, 0]
    assert result.diverged().tolist() == [True, False, False]
    assert result.not_worse().tolist() == [2]
    assert "1 diverged, 1 finished" in result.table()
    with pytest.raises(ValueError, match="all 1 configurations diverged"):
        made([[0.1, 0.2]], Status.DIVERGED).best()


def test_a_member_whose_dev_loss_is_not_finite_comes_last():
    result = made([[0.1], [0.3], [0.2]])
    for loss in (np.inf, np.nan):
        result.metrics["dev_loss"][0, -1] = loss
        assert result.ranking().tolist() == [2, 1, 0]


def test_the_best_is_the_first_member_of_the_best_configuration(digits):
    result = sweep(small, SPACE, digits, repeats=2, folds=2, epochs=1)
    errors = result.final()["dev_error"].reshape(6, 4).mean(axis=1)
    winner = int(result.ranking()[0])
    assert errors[winner] == errors.min()
    assert_same_member(result.best(), result.member(4 * winner))


# how members end


def test_a_member_that_diverges_goes_back_to_its_last_finite_state(digits):
    def still(hp):
        return small(hp)._replace(optimizer=optax.set_to_zero())

    bad = {"rate": np.array([0.01, np.inf])}
    result = sweep(small, bad, digits, members=2)
    assert result.status.tolist() == [Status.FINISHED, Status.DIVERGED]
    assert result.stopped_at.tolist() == [-1, 1]
    # The last finite state is the initial one, which no update keeps as well.
    at_rest = sweep(still, SPACE, digits, members=2, epochs=1).member(1)
    lost = result.member(1)
    jax.tree.map(np.testing.assert_array_equal, lost.params, at_rest.params)
    assert lost.kept_epoch == -1 and lost.stopped_at == 1
    assert all(np.isnan(curve).all() for curve in lost.metrics.values())
    assert result.ranking().tolist() == [0, 1]
    assert "diverged at step 1" in result.table()


def test_when_all_members_diverge_there_is_no_best(digits):
    result = sweep(small, {"rate": np.inf}, digits, members=3)
    assert result.status.tolist() == [Status.DIVERGED] * 3
    assert not result.has_best()
    with pytest.raises(ValueError, match="all 3 members diverged"):
        result.best()


def test_members_that_a_search_drops_are_cut_short(digits):
    result = sweep(small, SPACE, digits, members=8, search=dl.halving(2))
    epochs = np.isfinite(result.metrics["dev_loss"]).sum(axis=1)
    cut = result.status == Status.CUT_SHORT
    assert sorted(epochs.tolist()) == [1] * 4 + [2] * 2 + [4] * 2
    np.testing.assert_array_equal(cut, epochs < 4)
    assert (result.status[~cut] == Status.FINISHED).all()
    steps = digits.steps_per_epoch(small({"rate": 0.1}).batch_size)
    np.testing.assert_array_equal(result.stopped_at[cut], steps * epochs[cut])
    np.testing.assert_array_equal(result.kept_epoch, epochs - 1)
    first = int(np.flatnonzero(cut)[0])
    assert result.member(first).status is Status.CUT_SHORT
    assert f"cut short at step {result.stopped_at[first]}" in result.table()


def test_a_member_that_a_search_leaves_out_never_trained(digits):
    def lazy(key, space, members, epochs):
        yield Rung(np.arange(2), dl.sample(key, space, 2), np.full(2, epochs))

    result = sweep(small, SPACE, digits, members=3, epochs=1, search=lazy)
    finished = Status.FINISHED
    assert result.status.tolist() == [finished, finished, Status.CUT_SHORT]
    assert result.trained().tolist() == [True, True, False]
    assert int(result.ranking()[-1]) == 2
    with pytest.raises(ValueError, match="member 2 never trained"):
        result.member(2)


# what it says about itself


def test_errors_of_classes_are_rates_and_others_are_not(result):
    assert result.has_rates()
    large = {name: 3 * curve for name, curve in result.metrics.items()}
    result_of_targets = type(result)(**vars(result) | {"metrics": large})
    assert not result_of_targets.has_rates()


def test_the_first_data_are_those_of_the_first_variant(result, digits):
    assert result.first_data(digits) is digits
    folded = made([[0.1, 0.2]], folds=2)  # the data know their classes
    expected, *_ = dl.sweeps.variant(digits, jax.random.key(0), folds=2)
    np.testing.assert_array_equal(
        folded.first_data(digits).train.inputs, expected.train.inputs
    )


def test_hyperparameters_keep_their_kind_where_an_option_was_not_chosen(digits):
    inner = {"n": dl.IntUniform(1, 5), "m": dl.Choice([1, 2, 4]), "x": dl.Uniform(0, 1)}
    space = SPACE | {"either": dl.Either({"some": inner, "none": {}})}
    seen = sweep(small, space, digits, members=8, epochs=1)
    chosen = np.flatnonzero(seen.hparams["either"].name == "some")
    assert 0 < len(chosen) < 8
    member = seen.member(chosen[0])
    values = member.hparams["either"].values
    assert [type(values[name]) for name in "nmx"] == [np.int32, np.int32, np.float32]
    assert partition(member.hparams)[1] == member.structure


def test_a_member_that_no_rung_has_had_has_no_hyperparameters(digits):
    def few(key, space, members, epochs):
        drawn = dl.sample(key, space, members)
        first = jax.tree.map(lambda column: column[:2], drawn)
        yield Rung(np.arange(2), first, np.full(2, epochs))

    space = SPACE | {"n": dl.IntUniform(1, 3)}
    result = sweep(small, space, digits, members=3, epochs=1, search=few)
    assert np.isnan(result.hparams["rate"][2]) and np.isnan(result.hparams["n"][2])
    assert result.status[2] == Status.CUT_SHORT and result.stopped_at[2] == -1
    assert result.trained().tolist() == [True, True, False]
