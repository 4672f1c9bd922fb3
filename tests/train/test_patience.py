"""Early stopping, against the rule applied by hand to the curves of a full training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.train import Status, epoch_state

KEY = jax.random.key(0)
EPOCHS = 16


def rule(errors, losses, patience):
    """Returns the best epoch, the epochs run and the fate, from full curves."""
    best = 0
    for epoch in range(len(errors)):
        if (errors[epoch], losses[epoch]) < (errors[best], losses[best]):
            best = epoch
        if epoch - best >= patience:
            return best, epoch + 1, Status.STOPPED
    return best, len(errors), Status.FINISHED


def fit(recipe, hp, data, **changes):
    arguments = {"key": KEY, "epochs": EPOCHS, "progress": False} | changes
    return dl.fit(recipe, hp, data, **arguments)


@pytest.fixture(scope="module")
def full(recipe, hp, digits):
    return fit(recipe, hp, digits)


@pytest.mark.parametrize("patience", [1, 3, EPOCHS])
def test_a_training_stops_by_the_rule_and_keeps_its_best_epoch(
    patience, full, recipe, hp, digits
):
    member = fit(recipe, hp, digits, patience=patience)
    best, run, fate = rule(
        full.metrics["dev_error"], full.metrics["dev_loss"], patience
    )
    assert (member.kept_epoch, member.status) == (best, fate)
    steps = digits.steps_per_epoch(64)
    assert member.stopped_at == (run * steps if fate == Status.STOPPED else None)
    for name, curve in member.metrics.items():
        np.testing.assert_allclose(curve[:run], full.metrics[name][:run], rtol=1e-5)
        assert np.isnan(curve[run:]).all()
    until_best = fit(recipe, hp, digits, epochs=best + 1)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        (member.params, member.state),
        (until_best.params, until_best.state),
    )
    assert member.evaluate(digits.dev)["error"] == pytest.approx(
        member.metrics["dev_error"][best]
    )


@pytest.fixture(scope="module")
def sweeps(recipe, space, digits):
    return {
        patience: dl.sweep(
            recipe, space, digits, key=KEY, members=16, epochs=EPOCHS,
            patience=patience, progress=False,
        )
        for patience in (None, 2)
    }  # fmt: skip


def test_each_member_of_a_sweep_stops_on_its_own(sweeps):
    curves, result = sweeps[None].metrics, sweeps[2]
    expected = [
        rule(errors, losses, 2)
        for errors, losses in zip(curves["dev_error"], curves["dev_loss"], strict=True)
    ]
    assert result.kept_epoch.tolist() == [best for best, _, _ in expected]
    ran = np.isfinite(result.metrics["dev_loss"]).sum(1)
    assert ran.tolist() == [run for _, run, _ in expected]
    assert len(set(ran)) > 3
    assert result.status.tolist() == [fate for _, _, fate in expected]


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


def test_without_patience_the_last_epoch_is_kept(sweeps):
    result = sweeps[None]
    assert result.kept_epoch.tolist() == [EPOCHS - 1] * 16
    np.testing.assert_array_equal(
        result.final()["dev_error"], result.metrics["dev_error"][:, -1]
    )


def test_a_member_that_diverges_keeps_its_best_epoch(make_recipe, hp, digits):
    inner, steps = make_recipe(), digits.steps_per_epoch(64)

    def recipe(hp):
        built = inner(hp)
        blow_up = dl.optim.piecewise([0.01, np.inf], [3 * steps])
        return built._replace(optimizer=dl.optim.adam(blow_up))

    member = fit(recipe, hp, digits, epochs=6, patience=5)
    assert member.status == Status.DIVERGED
    assert 3 * steps <= member.stopped_at <= 3 * steps + 1
    assert member.kept_epoch in (0, 1, 2)
    assert member.evaluate(digits.dev)["error"] == pytest.approx(
        np.nanmin(member.metrics["dev_error"])
    )


def test_a_first_epoch_that_is_not_a_number_does_not_stay_the_best(hp, digits):
    def recipe(hp):
        def error(outputs, labels):
            wrong = nn.zero_one_error(outputs, labels)
            return jnp.where(wrong.mean() > 0.2, jnp.nan, wrong)

        model = nn.serial(nn.dense(32), nn.relu, nn.dense(10))
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, dl.optim.adam(0.002), loss, error=error)

    member = fit(recipe, hp, digits, epochs=6, patience=6)
    errors = member.metrics["dev_error"]
    assert np.isnan(errors[0]) and member.kept_epoch == np.nanargmin(errors)


def test_bits_with_patience_know_no_neighbours(recipe, space, digits):
    several, few = (
        dl.sweep(recipe, space, digits, key=KEY, members=members, epochs=6, patience=1,
                 plan=dl.Plan(4), progress=False)
        for members in (9, 3)
    )  # fmt: skip
    for i in range(3):
        pair = (several.member(i), few.member(i))
        jax.tree.map(
            np.testing.assert_array_equal,
            *((m.params, m.state, m.metrics, m.kept_epoch) for m in pair),
        )


def test_ties_of_the_error_are_broken_by_the_loss():
    def best(error, loss, epoch=3):
        return epoch_state.Best(
            np.int32(epoch), np.float32(error), np.float32(loss), (), ()
        )

    better = epoch_state._better
    assert better(best(0.1, 9.0), best(0.2, 1.0))
    assert better(best(0.2, 0.9), best(0.2, 1.0))
    assert not better(best(0.2, 1.0), best(0.2, 1.0))
    assert not better(best(np.nan, 0.1), best(0.2, 1.0))
    assert better(best(np.inf, np.inf, epoch=0), best(np.inf, np.inf, epoch=-1))


@pytest.mark.parametrize("patience", [0, -1, 1.5, True])
def test_patience_is_at_least_one_epoch(patience, recipe, hp, digits, space):
    with pytest.raises(ValueError, match=f"got patience={patience}"):
        fit(recipe, hp, digits, patience=patience)
    with pytest.raises(ValueError, match=f"got patience={patience}"):
        dl.sweep(recipe, space, digits, key=KEY, members=2, epochs=1, patience=patience)
