"""Early stopping, against the rule applied by hand to the curves of a full training."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import Status

KEY = jax.random.key(0)
EPOCHS = 16
NEVER = EPOCHS - 1  # a patience that ends no training before its last epoch


def rule(errors, losses, patience):
    """Returns the best epoch, the epochs run and the status, from full curves."""
    best = 0
    for epoch in range(len(errors)):
        if (errors[epoch], losses[epoch]) < (errors[best], losses[best]):
            best = epoch
        if epoch - best >= patience:
            return best, epoch + 1, Status.STOPPED
    return best, len(errors), Status.FINISHED


@pytest.fixture(scope="module")
def full(recipe, hp, digits, fit):
    return fit(recipe, hp, digits, epochs=EPOCHS)


@pytest.mark.parametrize(
    "patience", [1, NEVER, pytest.param(3, marks=pytest.mark.heavy)]
)
def test_a_training_stops_by_the_rule_and_keeps_its_best_epoch(
    patience, full, recipe, hp, digits, fit
):
    member = fit(recipe, hp, digits, epochs=EPOCHS, patience=patience)
    best, run, status = rule(
        full.metrics["dev_error"], full.metrics["dev_loss"], patience
    )
    assert (member.kept_epoch, member.status) == (best, status)
    steps = digits.steps_per_epoch(64)
    assert member.stopped_at == (run * steps if status == Status.STOPPED else None)
    for name, curve in member.metrics.items():
        np.testing.assert_allclose(curve[:run], full.metrics[name][:run], rtol=1e-5)
        assert np.isnan(curve[run:]).all()
    until_best = fit(recipe, hp, digits, epochs=best + 1)
    chex.assert_trees_all_close(
        (member.params, member.state),
        (until_best.params, until_best.state),
        rtol=1e-4,
        atol=1e-5,
    )
    assert member.evaluate(digits.dev)["error"] == pytest.approx(
        member.metrics["dev_error"][best]
    )


@pytest.fixture(scope="module")
def sweeps(recipe, space, digits):
    """The same sweep, whose members never stop and do after two epochs: one program."""
    return {
        patience: dl.sweep(
            recipe, space, digits, key=KEY, members=16, epochs=EPOCHS,
            patience=patience, plan=dl.Plan(8), progress=False,
        )
        for patience in (NEVER, 2)
    }  # fmt: skip


def test_each_member_of_a_sweep_stops_on_its_own(sweeps):
    curves, result = sweeps[NEVER].metrics, sweeps[2]
    expected = [
        rule(errors, losses, 2)
        for errors, losses in zip(curves["dev_error"], curves["dev_loss"], strict=True)
    ]
    assert result.kept_epoch.tolist() == [best for best, _, _ in expected]
    ran = np.isfinite(result.metrics["dev_loss"]).sum(1)
    assert ran.tolist() == [run for _, run, _ in expected]
    assert len(set(ran)) > 3
    assert result.status.tolist() == [status for _, _, status in expected]


def test_what_is_kept_is_what_had_the_dev_error_it_is_ranked_by(sweeps, digits):
    result = sweeps[2]
    final = result.final()["dev_error"]
    np.testing.assert_allclose(final, np.nanmin(result.metrics["dev_error"], axis=1))
    assert result.ranking()[0] == np.lexsort((result.final()["dev_loss"], final))[0]
    for i in range(0, 16, 5):
        member = result.member(i)
        assert member.kept_epoch == result.kept_epoch[i]
        measured = member.evaluate(digits.dev)["error"]
        assert measured == pytest.approx(final[i], abs=1e-6)
    assert "stopped at step" in result.table(16)


@pytest.mark.heavy
def test_a_member_keeps_its_best_epoch_whatever_became_of_the_others(few, fit):
    """The error of the first epoch is not a number, and the fourth epoch diverges."""
    steps = few.steps_per_epoch(8)

    def recipe(hp):
        def error(outputs, labels):
            wrong = nn.zero_one_error(outputs, labels)
            return jnp.where(wrong.mean() > hp["most"], jnp.nan, wrong)

        model = nn.serial(nn.dense(8), nn.relu, nn.dense(3))
        optimizer = optim.adam(optim.piecewise([0.01, np.inf], [3 * steps]))
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, batch_size=8, error=error)

    plain = fit(recipe, {"most": 1.0}, few, epochs=6, patience=5)
    first, *later = plain.metrics["dev_error"][:3]
    assert min(later) < first  # else the test shows nothing
    between = float(first + min(later)) / 2
    member = fit(recipe, {"most": between}, few, epochs=6, patience=5)
    errors = member.metrics["dev_error"]
    for trained in (plain, member):
        assert trained.status == Status.DIVERGED
        assert 3 * steps <= trained.stopped_at <= 3 * steps + 1
    assert np.isnan(errors[0]) and member.kept_epoch == np.nanargmin(errors) > 0
    assert member.evaluate(few.dev)["error"] == pytest.approx(np.nanmin(errors))


def test_bits_with_patience_know_no_neighbours(sweeps, recipe, space, digits):
    few = dl.sweep(
        recipe, space, digits, key=KEY, members=3, epochs=EPOCHS, patience=2,
        plan=dl.Plan(8), progress=False,
    )  # fmt: skip
    for i in range(3):
        pair = (sweeps[2].member(i), few.member(i))
        chex.assert_trees_all_equal(
            *((m.params, m.state, m.metrics, m.kept_epoch) for m in pair)
        )


def test_a_patience_as_long_as_the_training_is_warned_of(few):
    """Before the recipe is called."""

    class Stop(Exception):
        pass

    def recipe(hp):
        raise Stop

    with pytest.warns(UserWarning, match="patience=3 and epochs=3: no training can"):
        with pytest.raises(Stop):
            dl.fit(recipe, 0.1, few, key=0, epochs=3, patience=3)
    with pytest.warns(UserWarning, match="patience=5 and epochs=2: no training can"):
        with pytest.raises(Stop):
            dl.sweep(
                recipe, dl.Uniform(0, 1), few, key=0, members=2, epochs=2,
                patience=np.int64(5),
            )  # fmt: skip
