"""Layers one by one, against hand calculation, NumPy in float64 and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.nn.initializers import normal_per_unit


def init(layer, in_shape, seed=0):
    return layer.init(jax.random.key(seed), in_shape)


# dense


def test_dense_is_x_times_w_plus_b():
    params = {
        "kernel": jnp.array([[1.0, 2.0], [3.0, 4.0]]),
        "bias": jnp.array([10, 20]),
    }
    z, _ = nn.dense(2).apply(params, (), jnp.array([[1.0, 1.0], [0.0, 2.0]]))
    np.testing.assert_array_equal(z, [[14, 26], [16, 28]])


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [(nn.he, 2 / 400), (nn.xavier, 1 / 400), (nn.glorot, 2 / 500), (nn.normal(3.0), 9)],
)
def test_initial_weights_have_the_variance_of_their_initializer(initializer, variance):
    kernel = init(nn.dense(100, init=initializer), (400,))[0]["kernel"]
    # 40,000 draws: the sample variance has a relative standard error of 0.7 %.
    assert np.var(kernel) == pytest.approx(variance, rel=0.03)
    assert np.mean(kernel) == pytest.approx(0, abs=4 * np.sqrt(variance / 40_000))


def test_zeros_are_zero():
    assert not np.any(init(nn.dense(3, init=nn.zeros), (4,))[0]["kernel"])


def test_a_units_weights_do_not_depend_on_how_many_units_or_inputs_there_are():
    small, large = (
        init(nn.dense(units, init=nn.normal(1.0)), (fan_in,))[0]["kernel"]
        for units, fan_in in ((3, 5), (30, 50))
    )
    np.testing.assert_array_equal(small, large[:5, :3])


def test_a_units_weights_are_jaxs_normal_draws_from_its_own_key():
    key = jax.random.key(2)
    draws = [jax.random.normal(jax.random.fold_in(key, j), (50,)) for j in range(7)]
    drawn = normal_per_unit(key, 50, 7)
    np.testing.assert_allclose(drawn, np.stack(draws, axis=1), rtol=1e-6)


@pytest.mark.parametrize("units", [0, -1])
def test_dense_refuses_fewer_than_one_unit(units):
    with pytest.raises(ValueError, match="expected at least 1"):
        nn.dense(units)


def test_dense_refuses_traced_units_and_names_the_way_out():
    with pytest.raises(TypeError, match="Static"):
        jax.jit(lambda units: init(nn.dense(units), (3,))[0])(3)


def test_dense_refuses_images_and_names_flatten():
    with pytest.raises(ValueError, match=r"shape \(8, 8, 1\).*nn.flatten"):
        init(nn.dense(3), (8, 8, 1))


def test_flatten_puts_channels_first():
    x = jnp.arange(2 * 2 * 3 * 4).reshape(2, 2, 3, 4)
    expected = np.asarray(x).transpose(0, 3, 1, 2).reshape(2, 24)
    np.testing.assert_array_equal(nn.flatten(x), expected)


def test_residual_adds_its_input_and_refuses_another_shape():
    x = jnp.array([[1.0, -2.0]])
    y, _ = nn.residual(nn.relu, lambda x: 3 * x).apply(((), ()), ((), ()), x)
    np.testing.assert_array_equal(y, [[4.0, -2.0]])
    with pytest.raises(ValueError, match=r"from shape \(2,\) to \(3,\)"):
        init(nn.residual(nn.dense(3)), (2,))


def test_repeated_layers_have_parameters_of_their_own():
    layer = nn.repeat(nn.dense(4, use_bias=False), 3)
    params, state, _ = init(layer, (4,))
    a, b, c = (np.asarray(p["kernel"], np.float64) for p in params)
    assert (a != b).any() and (b != c).any()
    x = np.ones((2, 4))
    y, _ = layer.apply(params, state, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, x @ a @ b @ c, rtol=1e-5)
    with pytest.raises(ValueError, match="times=-1"):
        nn.repeat(nn.relu, -1)
    with pytest.raises(TypeError, match="Static"):
        jax.jit(lambda n: init(nn.repeat(nn.relu, n), (4,))[0])(3)


# batch norm


def batches(steps, shape, seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (steps, *shape))


def numpy_batch_norm(z, gamma, beta, eps):
    axes = tuple(range(z.ndim - 1))
    mean, variance = z.mean(axes), z.var(axes)
    return gamma * (z - mean) / np.sqrt(variance + eps) + beta, mean, variance


@pytest.mark.parametrize("shape", [(16, 5), (4, 3, 3, 5)])
def test_batch_norm_in_training_and_evaluation_against_numpy(shape):
    decay, eps, steps = 0.8, 1e-3, 7
    with jax.enable_x64(True):
        layer = nn.batch_norm(decay, eps)
        _, state, _ = init(layer, shape[1:])
        params = {"gamma": jnp.linspace(0.5, 2, 5), "beta": jnp.linspace(-1, 1, 5)}
        gamma, beta = np.asarray(params["gamma"]), np.asarray(params["beta"])
        means, variances = [], []
        for z in batches(steps, shape):
            y, state = layer.apply(params, state, jnp.asarray(z), train=True)
            expected, mean, variance = numpy_batch_norm(z, gamma, beta, eps)
            np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
            means.append(mean)
            variances.append(variance)
        # A bias-corrected average is a weighted mean with these weights.
        weights = decay ** np.arange(steps - 1, -1, -1.0)
        mean, variance = (
            np.average(moments, axis=0, weights=weights)
            for moments in (means, variances)
        )
        z = batches(1, shape, seed=1)[0]
        y, kept = layer.apply(params, state, jnp.asarray(z))
        expected = gamma * (z - mean) / np.sqrt(variance + eps) + beta
        np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
        jax.tree.map(np.testing.assert_array_equal, kept, state)


@pytest.mark.parametrize("shape", [(16, 5), (4, 3, 3, 5)])
def test_batch_norm_against_pytorch_over_20_steps(shape):
    torch = pytest.importorskip("torch")
    decay, eps, m = 0.9, 1e-5, np.prod(shape[:-1])
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(
        5, eps=eps, momentum=1 - decay, dtype=torch.float64
    )

    def channels_first(x):
        return torch.from_numpy(np.moveaxis(x, -1, 1).copy())

    with jax.enable_x64(True):
        ours = nn.batch_norm(decay, eps)
        params, state, _ = init(ours, shape[1:])
        for z in batches(20, shape):
            y, state = ours.apply(params, state, jnp.asarray(z), train=True)
            expected = theirs(channels_first(z)).detach().numpy()
            np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, atol=1e-10)
        # PyTorch starts from mean 0 and variance 1, averages the unbiased variance and
        # does not correct. What is left of its start is taken out of its own averages.
        started = decay**20
        with torch.no_grad():
            theirs.running_mean /= 1 - started
            theirs.running_var -= started
            theirs.running_var *= (m - 1) / m / (1 - started)
        z = batches(1, shape, seed=1)[0]
        y, _ = ours.apply(params, state, jnp.asarray(z))
        expected = theirs.eval()(channels_first(z)).detach().numpy()
        np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, atol=1e-10)


def test_batch_norm_before_any_step_is_the_identity():
    layer = nn.batch_norm(0.9, 1e-12)
    params, state, _ = init(layer, (3,))
    x = jnp.array([[1.0, -2.0, 300.0]])
    np.testing.assert_allclose(layer.apply(params, state, x)[0], x, rtol=1e-6)


def test_batch_norm_with_gamma_sigma_and_beta_mu_is_the_identity():
    z = jnp.asarray(batches(1, (16, 5))[0], jnp.float32)
    params = {"gamma": jnp.sqrt(z.var(0) + 1e-5), "beta": z.mean(0)}
    layer = nn.batch_norm()
    y, state = layer.apply(params, init(layer, (5,))[1], z, train=True)
    np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)
    # By default a step weighs a tenth.
    np.testing.assert_allclose(state["weight"], 0.1, rtol=1e-6)


@pytest.mark.parametrize("batch", [jnp.full((8, 3), 7.0), jnp.ones((1, 3))])
def test_batch_norm_of_a_batch_without_variance_is_finite(batch):
    layer = nn.batch_norm()
    params, state, _ = init(layer, (3,))
    y, state = layer.apply(params, state, batch, train=True)
    np.testing.assert_array_equal(y, np.zeros_like(batch))
    assert np.isfinite(layer.apply(params, state, batch)[0]).all()


def test_batch_norm_is_exact_where_the_one_pass_variance_is_not():
    z = jnp.float32(1e4) + jnp.array([[0.0], [1.0], [2.0], [3.0]])
    layer = nn.batch_norm(0.0)
    params, state, _ = init(layer, (1,))
    _, state = layer.apply(params, state, z, train=True)
    np.testing.assert_allclose(state["variance"], [1.25], rtol=1e-6)


# dropout


def mask(seed, shape, keep_prob):
    x = jnp.ones(shape)
    layer = nn.dropout(keep_prob)
    return (
        np.asarray(layer.apply((), (), x, key=jax.random.key(seed), train=True)[0]) > 0
    )


def test_dropout_scales_what_it_keeps_and_is_the_identity_in_evaluation():
    x = jnp.arange(1.0, 101).reshape(10, 10)
    layer = nn.dropout(0.5)
    y, _ = layer.apply((), (), x, key=jax.random.key(0), train=True)
    kept = np.asarray(y) != 0
    np.testing.assert_array_equal(np.asarray(y)[kept], 2 * np.asarray(x)[kept])
    np.testing.assert_array_equal(layer.apply((), (), x)[0], x)


def test_dropout_with_keep_prob_one_keeps_all():
    assert mask(0, (1000, 1000), 1.0).all()


@pytest.mark.parametrize("keep_prob", [0.01, 0.1, 0.5, 0.8, 0.999])
def test_every_position_is_kept_with_its_probability(keep_prob):
    draws, rows, units = 4000, 8, 16
    keys = jax.random.split(jax.random.key(5), draws)
    masks = jax.vmap(lambda k: nn.keep_mask(k, (rows, units), keep_prob))(keys)
    error = np.sqrt(keep_prob * (1 - keep_prob) / draws)
    z = (np.mean(masks, axis=0) - keep_prob) / error
    assert np.abs(z).max() < 5  # 128 positions: beyond 5 with probability 1e-4
    total = (np.mean(masks) - keep_prob) / (error / np.sqrt(rows * units))
    assert abs(total) < 4


def correlation(a, b, keep_prob):
    """Returns the correlation of two masks in standard errors."""
    a, b = (np.ravel(m) - keep_prob for m in (a, b))
    return np.sum(a * b) / (keep_prob * (1 - keep_prob)) / np.sqrt(a.size)


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.9])
def test_masks_of_neighbouring_rows_units_steps_and_layers_are_independent(keep_prob):
    key = jax.random.key(6)
    n = 512
    here = np.asarray(nn.keep_mask(key, (n, n), keep_prob))
    others = [
        np.asarray(nn.keep_mask(jax.random.fold_in(key, i), (n, n), keep_prob))
        for i in range(4)
    ]
    pairs = [(here, other) for other in others] + [(others[0], others[1])]
    pairs += [(here[shift:], here[:-shift]) for shift in (1, 2, 16, 255)]
    pairs += [(here[:, shift:], here[:, :-shift]) for shift in (1, 2, 16, 255)]
    pairs += [(here[1:, 1:], here[:-1, :-1]), (here, here.T.copy())]
    for a, b in pairs[:-1]:
        assert abs(correlation(a, b, keep_prob)) < 4.5
    # The transposed mask shares its diagonal with the mask itself.
    off = ~np.eye(n, dtype=bool)
    a, b = pairs[-1]
    assert abs(correlation(a[off], b[off], keep_prob)) < 4.5 * np.sqrt(2)


def published_hash(x):
    """The scrambling as Wellons lists it, [16 21f0aaad 15 d35a2d97 15], in integers."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0xD35A2D97)):
        x = (x ^ x >> shift) * factor % 2**32
    return x ^ x >> 15


def test_a_mask_is_the_published_hash_of_key_row_and_unit():
    high, low = 4_000_000_000, 7
    key = jax.random.wrap_key_data(jnp.array([high, low], jnp.uint32))
    words = np.zeros((6, 10), int)
    for row, unit in np.ndindex(words.shape):
        of_row = published_hash((row * 0x9E3779B9 + published_hash(high)) % 2**32)
        of_unit = (unit * 0x85EBCA6B + published_hash(low)) % 2**32
        words[row, unit] = published_hash(of_row ^ of_unit) >> 8
    # Kept are the words below the threshold: the median is not, until it grows by one.
    median = int(np.sort(words, axis=None)[30])
    for threshold in (median, median + 1):
        ours = nn.keep_mask(key, (6, 2, 5), threshold / 2**24)
        channels_first = np.moveaxis(ours, -1, 1).reshape(6, 10)
        np.testing.assert_array_equal(channels_first, words < threshold)


def test_a_mask_does_not_depend_on_how_many_rows_or_units_there_are():
    np.testing.assert_array_equal(mask(0, (4, 8), 0.5), mask(0, (40, 80), 0.5)[:4, :8])


@pytest.mark.parametrize("keep_prob", [0, -0.1, 1.1])
def test_dropout_refuses_what_is_not_a_probability_to_keep(keep_prob):
    with pytest.raises(ValueError, match="expected a probability to keep"):
        nn.dropout(keep_prob)


def test_dropout_in_training_needs_a_key():
    with pytest.raises(ValueError, match="key=None in training"):
        nn.dropout(0.5).apply((), (), jnp.ones((2, 2)), train=True)
