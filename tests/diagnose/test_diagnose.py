"""Diagnosis: the course's four cases, and gradients with planted errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.diagnose import bias_variance, check_gradients

CASES = {  # train error, dev error: high bias, high variance, with human error 0
    (0.01, 0.11): (False, True),
    (0.15, 0.16): (True, False),
    (0.15, 0.30): (True, True),
    (0.005, 0.01): (False, False),
}


@pytest.mark.parametrize(("errors", "verdict"), CASES.items())
def test_the_courses_four_cases(errors, verdict):
    diagnosis = bias_variance(*errors)
    assert (diagnosis.high_bias, diagnosis.high_variance) == verdict
    assert diagnosis.bias == pytest.approx(errors[0])
    assert diagnosis.variance == pytest.approx(errors[1] - errors[0])
    assert bool(diagnosis.advice) == any(verdict)


def test_a_population_is_diagnosed_at_once():
    train, dev = np.array(list(CASES)).T
    diagnosis = bias_variance(train, dev)
    verdicts = list(zip(diagnosis.high_bias, diagnosis.high_variance, strict=True))
    assert verdicts == list(CASES.values())
    assert diagnosis.advice[3] == ()
    assert "more data" in diagnosis.advice[0][0]
    # Bias comes first: its advice leads where both are high.
    assert "bigger network" in diagnosis.advice[2][0]
    assert diagnosis.advice[2] == diagnosis.advice[1] + diagnosis.advice[0]


def test_bias_is_what_people_could_avoid():
    diagnosis = bias_variance(0.15, 0.16, human_error=0.14)
    assert diagnosis.bias == pytest.approx(0.01)
    assert not diagnosis.high_bias and not diagnosis.high_variance


@pytest.mark.parametrize("errors", [(15, 16), (-0.1, 0.2), (0.1, np.nan)])
def test_rates_are_between_zero_and_one(errors):
    with pytest.raises(ValueError, match="expected rates between 0 and 1"):
        bias_variance(*errors)


# gradients


def test_the_courses_two_sided_difference():
    """f(θ) = θ³ at 1 with ε = 0.01: 3.0001, against the exact 3."""
    check = check_gradients(lambda w: w**3, jnp.asarray(1.0), eps=0.01)
    assert check.score == pytest.approx(0.0001 / 6.0001, rel=1e-6)
    assert check.verdict == "look again"


@jax.custom_jvp
def planted(x, size):
    """The identity, whose derivative is 1 + size."""
    return x


@planted.defjvp
def _(primals, tangents):
    return primals[0], tangents[0] * (1 + primals[1])


def network(leaf, size):
    """Returns a loss with a wrong gradient in one leaf, and its parameters."""
    model = nn.serial(
        nn.dense(6, use_bias=False), nn.batch_norm(), nn.tanh, nn.dense(4), nn.dense(3)
    )
    x = jax.random.normal(jax.random.key(1), (8, 5))
    labels = jnp.arange(8) % 3
    params, state, _ = model.init(jax.random.key(0), (5,))

    def loss(params):
        def plant(path, w):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            return planted(w, size) if name == leaf else w

        params = jax.tree.map_with_path(plant, params)
        outputs, _ = model.apply(params, state, x, train=True)
        losses = nn.softmax_cross_entropy(outputs, labels)
        return jnp.mean(losses) + nn.l2(0.1)(params, 8)

    return loss, params


def test_a_right_gradient_is_called_correct():
    assert jnp.result_type(float) == jnp.float32
    check = check_gradients(*network("none", 0.0))
    assert check.verdict == "correct" and check.score < 1e-7
    assert set(check.per_leaf) == {
        "0.kernel", "1.gamma", "1.beta", "3.kernel", "3.bias", "4.kernel", "4.bias",
    }  # fmt: skip
    assert jnp.result_type(float) == jnp.float32


@pytest.mark.parametrize(
    "leaf",
    ["0.kernel", "1.gamma", "1.beta", "3.kernel", "3.bias", "4.kernel", "4.bias"],
)
def test_a_planted_error_is_found_and_its_leaf_is_named(leaf):
    check = check_gradients(*network(leaf, 0.1))
    assert check.verdict == "wrong"
    assert max(check.per_leaf, key=check.per_leaf.get) == leaf
    assert check.per_leaf[leaf] == pytest.approx(0.1 / 2.1, rel=1e-3)
    others = [score for name, score in check.per_leaf.items() if name != leaf]
    assert max(others) < 1e-6


def test_a_small_error_deserves_another_look():
    assert check_gradients(*network("3.kernel", 5e-5)).verdict == "look again"


def test_live_dropout_is_refused():
    keys = iter(jax.random.split(jax.random.key(0), 10))
    layer = nn.dropout(0.5)

    def loss(w):
        return jnp.sum(layer.apply((), (), w[None], key=next(keys), train=True)[0])

    with pytest.raises(ValueError, match="switch dropout"):
        check_gradients(loss, jnp.ones(20))


@pytest.mark.parametrize("loss", [lambda w: w, lambda w: jnp.sum(w) / 0])
def test_a_loss_that_is_no_finite_scalar_is_refused(loss):
    with pytest.raises(ValueError, match="expected one finite number"):
        check_gradients(loss, jnp.ones(3))


def test_a_parameter_without_effect_has_score_zero():
    check = check_gradients(lambda p: p["a"] ** 2, {"a": 3.0, "unused": jnp.ones(3)})
    assert check.per_leaf["unused"] == 0
    assert check.verdict == "correct"
