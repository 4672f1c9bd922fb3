"""Every check value and correction of the course, in its order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import diagnose, nn, optim

# 1. Setting up


@pytest.mark.parametrize(
    ("train_error", "dev_error", "high_bias", "high_variance"),
    [
        (0.01, 0.11, False, True),
        (0.15, 0.16, True, False),
        (0.15, 0.30, True, True),
        (0.005, 0.01, False, False),
    ],
)
def test_bias_and_variance(train_error, dev_error, high_bias, high_variance):
    verdict = diagnose.bias_variance(train_error, dev_error)
    assert (verdict.high_bias, verdict.high_variance) == (high_bias, high_variance)
    assert (verdict.bias, verdict.variance) == (train_error, dev_error - train_error)


def test_inputs_are_divided_by_sigma_and_not_by_the_variance():
    inputs = np.array([[1.0], [3.0], [5.0]])  # mean 3, variance 8/3
    one = dl.data.Dataset(inputs, np.array([0, 1, 0]))
    normalized = dl.data.normalize(dl.data.Splits(one, one, one))
    expected = (inputs - 3) / np.sqrt(8 / 3)
    np.testing.assert_allclose(normalized.train.inputs, expected, rtol=1e-6)


# 2. Regularizing


def test_l2_is_lambda_over_two_m_and_under_gradient_descent_weight_decay():
    strength, m, rate = 0.7, 10, 0.1
    params = {"kernel": jnp.array([[1.0, -2.0], [3.0, 0.5]]), "bias": jnp.array([9.0])}
    penalty = nn.l2(strength)
    assert float(penalty(params, m)) == pytest.approx(0.7 / 20 * 14.25)
    slope = jax.grad(penalty)(params, m)
    optimizer = optim.gradient_descent(rate)
    updates, _ = optimizer.update(slope, optimizer.init(params), params)
    decayed = (1 - rate * strength / m) * params["kernel"]
    np.testing.assert_allclose(params["kernel"] + updates["kernel"], decayed, rtol=1e-6)
    assert float(updates["bias"][0]) == 0


def test_l1_is_lambda_over_m():
    params = {"kernel": jnp.array([1.0, -2.0, 3.0])}
    assert float(nn.l1(0.7)(params, 10)) == pytest.approx(0.7 / 10 * 6)


def test_dropout_keeps_the_expectation():
    x = jnp.full((1000, 1000), 3.0)
    y, _ = nn.dropout(0.8).apply((), (), x, key=jax.random.key(0), train=True)
    assert set(np.unique(y)) == {0.0, np.float32(3 / np.float32(0.8))}
    # Without the division the mean would be 0.8 of it; the error of the mean is 0.0015.
    assert float(y.mean()) == pytest.approx(3, abs=0.006)


# 3. Setting up the optimization


@pytest.mark.parametrize("scale", [1.5, 0.5])
def test_a_deep_linear_chain_grows_or_shrinks_as_the_power_of_its_depth(scale):
    depth = 30
    chain = nn.repeat(nn.dense(4, use_bias=False), depth)
    y, _ = chain.apply(
        ({"kernel": scale * jnp.eye(4)},) * depth, ((),) * depth, jnp.ones((1, 4))
    )
    np.testing.assert_allclose(y, np.full((1, 4), scale**depth), rtol=1e-5)


def test_initial_variances():
    assert nn.he(50, 30) ** 2 == pytest.approx(2 / 50)
    assert nn.xavier(50, 30) ** 2 == pytest.approx(1 / 50)
    assert nn.glorot(50, 30) ** 2 == pytest.approx(2 / (50 + 30))  # not 2 / (50 * 30)


def test_zeros_never_break_symmetry():
    model = nn.serial(nn.dense(5, init=nn.zeros), nn.tanh, nn.dense(2, init=nn.zeros))
    params, state, _ = model.init(jax.random.key(0), (3,))
    x = jax.random.normal(jax.random.key(1), (8, 3))

    def cost(params):
        outputs, _ = model.apply(params, state, x)
        return jnp.mean(nn.softmax_cross_entropy(outputs, jnp.arange(8) % 2))

    slope = jax.jit(jax.grad(cost))
    for _ in range(10):
        params = jax.tree.map(lambda w, g: w - g, params, slope(params))
    kernel = np.asarray(params[0]["kernel"])
    np.testing.assert_array_equal(kernel, np.broadcast_to(kernel[:, :1], (3, 5)))


def test_the_two_sided_difference_of_a_cube():
    # (1.01³ - 0.99³) / 0.02 = 3.0001, where one-sided (1.01³ - 1) / 0.01 = 3.0301
    check = diagnose.check_gradients(lambda w: w**3, jnp.asarray(1.0), eps=0.01)
    assert check.score == pytest.approx((3.0001 - 3) / (3.0001 + 3), rel=1e-6)


@pytest.mark.parametrize(
    ("error", "verdict"), [(0, "correct"), (2e-5, "look again"), (2e-3, "wrong")]
)
def test_the_bands_of_the_gradient_check(error, verdict):
    @jax.custom_jvp
    def square(x):
        return x**2

    square.defjvps(lambda t, y, x: (1 + error) * 2 * x * t)
    check = diagnose.check_gradients(lambda w: square(w).sum(), jnp.ones(5))
    assert check.score == pytest.approx(error / 2, rel=0.01, abs=1e-7)
    assert check.verdict == verdict


# 4. Optimizing


def test_mini_batches_of_five_million_examples():
    many = dl.data.Dataset(np.zeros((5_000_000, 1), np.float32), None)
    splits = dl.data.Splits(many, many, many)
    assert splits.steps_per_epoch(1_000) == 5_000
    assert splits.steps_per_epoch(5_000_000) == 1  # batch gradient descent
    assert splits.steps_per_epoch(1) == 5_000_000  # stochastic


def test_an_average_is_corrected_on_reading_and_stored_uncorrected():
    beta, temperatures = 0.98, [40.0, 49.0, 45.0]
    v = jnp.zeros(())
    for temperature in temperatures:
        v = optim.ewma(v, temperature, beta)
    stored = 0.02 * 45 + 0.98 * (0.02 * 49 + 0.98 * 0.02 * 40)
    assert float(v) == pytest.approx(stored)
    corrected = float(optim.bias_corrected(v, beta, 3))
    assert corrected == pytest.approx(stored / (1 - 0.98**3))
    assert 40 < corrected < 49
    # About the last 1 / (1 - β) = 50 values: what is older weighs about 1/e.
    old = jnp.ones(())
    for _ in range(50):
        old = optim.ewma(old, 0.0, beta)
    assert float(old) == pytest.approx(np.exp(-1), rel=0.02)


def steps(optimizer, gradients):
    """Returns a parameter that starts at 0 after each gradient."""
    w, history = jnp.zeros(()), []
    state = optimizer.init(w)
    for gradient in gradients:
        update, state = optimizer.update(jnp.asarray(gradient), state, w)
        w = w + update
        history.append(float(w))
    return history


def test_momentum_has_the_factor_of_an_average():
    # v = 0.1 * 2 = 0.2, then 0.9 * 0.2 + 0.1 * 4 = 0.58
    expected = [-0.5 * 0.2, -0.5 * (0.2 + 0.58)]
    assert steps(optim.momentum(0.5, beta=0.9), [2.0, 4.0]) == pytest.approx(expected)


def test_rmsprop_divides_by_the_root():
    # s = 0.1 * 4 = 0.4, then 0.9 * 0.4 + 0.1 * 16 = 1.96
    first = 0.5 * 2 / (np.sqrt(0.4) + 1e-8)
    expected = [-first, -first - 0.5 * 4 / (np.sqrt(1.96) + 1e-8)]
    optimizer = optim.rmsprop(0.5, beta2=0.9)
    assert steps(optimizer, [2.0, 4.0]) == pytest.approx(expected)


def test_adam_corrects_both_averages_and_adds_epsilon_to_the_root():
    eps = 0.1
    v, s = 0.1 * 2, 0.001 * 4
    first = 0.5 * (v / 0.1) / (np.sqrt(s / 0.001) + eps)
    v, s = 0.9 * v + 0.1 * 4, 0.999 * s + 0.001 * 16
    second = 0.5 * (v / (1 - 0.9**2)) / (np.sqrt(s / (1 - 0.999**2)) + eps)
    optimizer = optim.adam(0.5, eps=eps)
    # 1 - 0.999² has four digits in float32.
    expected = pytest.approx([-first, -first - second], rel=1e-4)
    assert steps(optimizer, [2.0, 4.0]) == expected


EPOCH = 7  # steps


def rates(schedule, epochs):
    """Returns the rates at the start of epochs counted from 0."""
    return [float(schedule(jnp.asarray(EPOCH * epoch))) for epoch in epochs]


def test_the_decay_table():
    schedule = optim.inverse_time_decay(0.2, EPOCH, 1.0)
    table = [0.1, 0.0667, 0.05, 0.04]  # not 0.67 at epoch 2
    assert rates(schedule, range(1, 5)) == pytest.approx(table, abs=5e-5)
    within = [float(schedule(step)) for step in range(EPOCH, 2 * EPOCH)]
    assert within == pytest.approx([0.1] * EPOCH)


def test_the_other_decays():
    exponential = optim.exponential_decay(0.2, EPOCH, 0.95)
    assert rates(exponential, [3]) == pytest.approx([0.2 * 0.95**3])
    root_of_epoch = optim.inverse_sqrt_decay(0.2, EPOCH)  # the first epoch is number 1
    assert rates(root_of_epoch, [0, 3]) == pytest.approx([0.2, 0.2 / np.sqrt(4)])
    root_of_step = optim.inverse_sqrt_decay(0.2, 1)
    assert rates(root_of_step, [1]) == pytest.approx([0.2 / np.sqrt(8)])
    halved = optim.staircase(optim.exponential_decay(0.2, 2 * EPOCH, 0.5), 2 * EPOCH)
    assert rates(halved, range(5)) == pytest.approx([0.2, 0.2, 0.1, 0.1, 0.05])
    manual = optim.piecewise([0.2, 0.03], [2 * EPOCH])
    assert rates(manual, range(4)) == pytest.approx([0.2, 0.2, 0.03, 0.03])


# 5. Tuning hyperparameters


def test_scales_of_the_search():
    draws = dl.sample(
        jax.random.key(0),
        {
            "rate": dl.LogUniform(1e-4, 1.0),
            "beta": dl.OneMinusLogUniform(0.9, 0.999),
            "layers": dl.IntUniform(2, 4),
        },
        20_000,
    )
    error = 3 * 0.5 / np.sqrt(20_000)
    # r = log10 of the rate is uniform on [-4, 0], so each decade has a quarter.
    decades = np.histogram(np.log10(draws["rate"]), [-4, -3, -2, -1, 0])[0] / 20_000
    np.testing.assert_allclose(decades, 0.25, atol=error)
    assert np.mean(draws["beta"] > 0.99) == pytest.approx(0.5, abs=error)
    counts = np.bincount(draws["layers"])[2:] / 20_000
    np.testing.assert_allclose(counts, 1 / 3, atol=error)


# 6. Batch normalization


def test_batch_norm_divides_by_the_root_of_variance_plus_epsilon():
    z = jnp.array([[1.0], [3.0]])  # mean 2, variance 1
    layer = nn.batch_norm(eps=0.21)
    params, state, _ = layer.init(jax.random.key(0), (1,))
    y, _ = layer.apply(params, state, z, train=True)
    np.testing.assert_allclose(y, np.array([[-1], [1]]) / 1.1, rtol=1e-6)


def test_gamma_sigma_and_beta_mu_are_the_identity():
    z = jax.random.normal(jax.random.key(0), (50, 4)) * 3 + 7
    layer = nn.batch_norm()
    _, state, _ = layer.init(jax.random.key(0), (4,))
    params = {"gamma": jnp.sqrt(z.var(0) + 1e-5), "beta": z.mean(0)}
    y, _ = layer.apply(params, state, z, train=True)
    np.testing.assert_allclose(y, z, rtol=1e-4)


# 7. Softmax classification

LOGITS = jnp.array([[5.0, 2.0, -1.0, 3.0]])


def test_softmax_and_hardmax():
    expected = [[0.842, 0.042, 0.002, 0.114]]
    np.testing.assert_allclose(nn.softmax(LOGITS), expected, atol=5e-4)
    np.testing.assert_array_equal(nn.hardmax(LOGITS), [[1, 0, 0, 0]])


def test_the_loss_of_softmax_and_its_gradient():
    label = jnp.array([1])
    loss, slope = jax.value_and_grad(
        lambda z: nn.softmax_cross_entropy(z, label).sum()
    )(LOGITS)
    assert float(loss) == pytest.approx(-np.log(0.0420), abs=2e-3)
    np.testing.assert_allclose(slope, [[0.842, 0.042 - 1, 0.002, 0.114]], atol=5e-4)


def test_two_classes_are_logistic_regression():
    z = jnp.linspace(-4, 4, 9)[:, None]
    labels = jnp.arange(9) % 2
    two = jnp.concatenate([jnp.zeros_like(z), z], axis=1)
    np.testing.assert_allclose(
        nn.softmax_cross_entropy(two, labels),
        nn.sigmoid_cross_entropy(z, labels),
        rtol=1e-5,
    )


def test_a_one_hot_loss_depends_on_the_true_classs_probability_alone():
    first, second = (
        nn.softmax_cross_entropy(jnp.log(jnp.array([p])), jnp.array([0]))
        for p in ([0.1, 0.5, 0.1, 0.1, 0.2], [0.1, 0.6, 0.1, 0.1, 0.1])
    )
    assert float(first[0]) == pytest.approx(float(second[0]), rel=1e-6)
    assert float(first[0]) == pytest.approx(-np.log(0.1), rel=1e-6)
