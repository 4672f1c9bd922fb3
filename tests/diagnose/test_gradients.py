"""The gradient check: right gradients, and errors planted in each kind of layer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.diagnose import check_gradients


@jax.custom_jvp
def planted(x, size):
    """The identity, whose derivative is 1 + size."""
    return x


@planted.defjvp
def _(primals, tangents):
    return primals[0], tangents[0] * (1 + primals[1])


MODELS = {  # name: (model, shape of an example)
    "dense": (
        lambda: nn.serial(
            nn.dense(6, use_bias=False), nn.batch_norm(), nn.tanh, nn.dropout(0.8),
            nn.dense(3),
        ), (5,),
    ),
    "convolutional": (
        lambda: nn.serial(
            nn.random_rotation(20.0), nn.conv2d(3), nn.max_pool(), nn.batch_norm(),
            nn.residual(nn.conv2d(3, use_bias=False), nn.relu), nn.mean_pool(),
            nn.flatten, nn.repeat(nn.dense(4), 2), nn.dense(3),
        ), (8, 9, 2),
    ),
}  # fmt: skip


def network(errors, name="dense"):
    """Returns a loss with wrong gradients in some leaves, and its parameters.

    It is jitted, which compiles less than its operations one by one.

    Args:
        errors: the relative error of the gradient, by the leaf's path.
        name: the model.
    """
    make, in_shape = MODELS[name]
    model = make()
    x = jax.random.normal(jax.random.key(1), (8, *in_shape))
    labels = jnp.arange(8) % 3
    params, state = jax.jit(lambda key: model.init(key, in_shape)[:2])(
        jax.random.key(0)
    )

    def loss(params):
        def plant(path, w):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            return planted(w, errors[name]) if name in errors else w

        params = jax.tree.map_with_path(plant, params)
        key = jax.random.key(2)
        outputs, _ = model.apply(params, state, x, key=key, train=True)
        losses = nn.softmax_cross_entropy(outputs, labels)
        return jnp.mean(losses) + nn.l2(0.1)(params, 8)

    return jax.jit(loss), params


@functools.cache
def check_of_right_gradients(name):
    return check_gradients(*network({}, name))


LEAVES = {
    "dense": [
        "0.kernel", "1.gamma", "1.beta", "4.kernel", "4.bias",
    ],
    "convolutional": [
        "1.kernel", "1.bias", "3.gamma", "3.beta", "4.0.kernel", "7.0.kernel",
        "7.0.bias", "7.1.kernel", "7.1.bias", "8.kernel", "8.bias",
    ],
}  # fmt: skip
WITHOUT_GRADIENT = ("convolutional", "1.bias")  # before a pool and a batch norm
HEAVY = pytest.param("convolutional", marks=pytest.mark.heavy)


@pytest.mark.parametrize("name", ["dense", HEAVY])
def test_a_right_gradient_is_called_correct(name):
    assert jnp.result_type(float) == jnp.float32
    check = check_of_right_gradients(name)
    assert check.verdict == "correct" and check.score < 1e-7
    assert list(check.per_leaf) == sorted(LEAVES[name], key=list(check.per_leaf).index)
    assert jnp.result_type(float) == jnp.float32


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("dense", 0),
        *(
            pytest.param(*case, marks=pytest.mark.heavy)
            for case in (("dense", 1), ("convolutional", 0), ("convolutional", 1))
        ),
    ],
)
def test_planted_errors_are_found_each_in_its_leaf(name, first):
    """Every second leaf has an error of its own size; the others have none."""
    leaves = [leaf for leaf in LEAVES[name] if (name, leaf) != WITHOUT_GRADIENT]
    errors = {leaf: 0.1 * (i + 1) for i, leaf in enumerate(leaves[first::2])}
    check = check_gradients(*network(errors, name))
    assert check.verdict == "wrong"
    for leaf in leaves:
        size = errors.get(leaf, 0)
        assert check.per_leaf[leaf] == pytest.approx(
            size / (2 + size), rel=1e-3, abs=1e-6
        )


WITHOUT_PARAMETERS = {
    "dropout": nn.dropout(0.7), "relu": nn.relu, "residual": nn.residual(nn.tanh),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "relu",
        *(pytest.param(n, marks=pytest.mark.heavy) for n in ("dropout", "residual")),
    ],
)
def test_an_error_in_a_layer_without_parameters_shows_in_the_leaves_before_it(name):
    def wrong(x):
        return planted(x, 0.1)

    model = nn.serial(nn.dense(6), wrong, WITHOUT_PARAMETERS[name], nn.dense(3))
    x = jax.random.normal(jax.random.key(1), (8, 5))
    params, state, _ = model.init(jax.random.key(0), (5,))

    @jax.jit
    def loss(params):
        outputs, _ = model.apply(params, state, x, key=jax.random.key(2), train=True)
        return jnp.mean(nn.squared_error(outputs, jnp.ones((8, 3))))

    check = check_gradients(loss, params)
    assert check.verdict == "wrong"
    for leaf, score in check.per_leaf.items():
        assert score == pytest.approx(0.1 / 2.1 if leaf[0] == "0" else 0, abs=1e-6)


def test_a_bias_before_a_batch_norm_has_the_score_nan():
    model = nn.serial(nn.dense(2), nn.batch_norm())
    params, state, _ = model.init(jax.random.key(0), (3,))
    x = np.random.default_rng(0).normal(size=(6, 3))

    @jax.jit
    def loss(params):
        return jnp.sum(model.apply(params, state, x, train=True)[0] ** 3)

    check = check_gradients(loss, params)
    assert np.isnan(check.per_leaf["0.bias"]) and check.verdict == "correct"


def test_rounding_of_a_large_loss_does_not_count_as_an_error():
    target = jnp.array([1e5, 2e5, 3e5], jnp.float32)
    check = check_gradients(lambda p: jnp.mean((p - target) ** 2), jnp.zeros(3))
    assert check.verdict == "correct"
    wrong = check_gradients(
        lambda p: jnp.mean((planted(p, 0.1) - target) ** 2), jnp.zeros(3)
    )
    assert wrong.verdict == "wrong"


def test_a_wrong_leaf_among_larger_ones_is_wrong():
    def loss(p):
        return 1e6 * jnp.sum(p["large"] ** 2) + jnp.sum(planted(p["small"], 2.0) ** 2)

    check = check_gradients(loss, {"large": 1e-3 * jnp.ones(4), "small": jnp.ones(2)})
    assert check.per_leaf["small"] == pytest.approx(0.5, rel=1e-3)
    assert check.verdict == "wrong"


def test_the_verdict_is_to_look_again_if_rounding_hides_everything():
    check = check_gradients(lambda p: 1e12 + jnp.sum(planted(p, 2.0)), jnp.ones(2))
    assert np.isnan(check.score) and check.verdict == "look again"


@pytest.mark.parametrize(
    "bad", [{"eps": 0.0}, {"eps": -1.0}, {"per_leaf": 0}, {"per_leaf": True}]
)
def test_invalid_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="expected eps above 0 and at least 1"):
        check_gradients(lambda w: w**2, jnp.asarray(1.0), **bad)


def test_no_parameters_and_other_types_are_refused():
    with pytest.raises(ValueError, match="got no parameters"):
        check_gradients(lambda p: jnp.asarray(1.0), ())
    with pytest.raises(ValueError, match="type float64.*leave out casts"):
        check_gradients(lambda w: (w**2).astype(jnp.float32), jnp.asarray(1.0))


def test_a_part_of_the_coordinates_is_drawn_from_each_leaf():
    def loss(params):
        wrong = planted(params["large"], 0.1)
        return jnp.sum(wrong**2) + jnp.sum(params["small"] ** 3)

    params = {"large": np.arange(1.0, 9), "small": np.arange(1.0, 4)}
    check = check_gradients(loss, params, per_leaf=np.int64(5))
    assert check.per_leaf["large"] == pytest.approx(0.1 / 2.1, rel=1e-3)
    assert check.per_leaf["small"] == check_gradients(loss, params).per_leaf["small"]
    assert check.per_leaf["small"] < 1e-6


@pytest.mark.heavy
def test_a_small_error_deserves_another_look():
    assert check_gradients(*network({"4.kernel": 5e-5})).verdict == "look again"


def test_live_dropout_is_refused():
    keys = iter(jax.random.split(jax.random.key(0), 10))
    layer = nn.dropout(0.5)

    def loss(w):
        return jnp.sum(layer.apply((), (), w[None], key=next(keys), train=True)[0])

    with pytest.raises(ValueError, match="switch dropout"):
        check_gradients(loss, jnp.ones(20))


@pytest.mark.parametrize("loss", [lambda w: w, lambda w: jnp.sum(w) / 0])
def test_a_loss_must_be_a_finite_scalar(loss):
    with pytest.raises(ValueError, match="expected one finite number"):
        check_gradients(loss, jnp.ones(3))


def test_a_parameter_without_effect_has_score_zero():
    check = check_gradients(lambda p: p["a"] ** 2, {"a": 3.0, "unused": jnp.ones(3)})
    assert check.per_leaf["unused"] == 0
    assert check.verdict == "correct"


def at_a_kink(activation):
    """Returns the loss of a hidden layer without biases yet, and blank examples."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 5)), rng.normal(size=32)
    x[[3, 7]] = 0
    params = {
        "w": rng.normal(size=(5, 4)), "b": np.zeros(4), "v": rng.normal(size=4)
    }  # fmt: skip

    def loss(params):
        hidden = activation(x @ params["w"] + params["b"][None])
        return jnp.mean((hidden @ params["v"] - y) ** 2)

    return loss, params


def test_a_right_gradient_at_a_kink_is_not_called_wrong():
    """All four biases are at the kink of the blank examples."""
    found = check_gradients(*at_a_kink(nn.relu))
    assert found.verdict == "correct" and found.at_kinks == 4
    assert np.isnan(found.per_leaf["b"]) and found.per_leaf["w"] < 1e-6


def test_a_kink_excuses_no_wrong_gradient():
    found = check_gradients(*at_a_kink(lambda x: planted(nn.relu(x), 0.01)))
    assert found.verdict == "wrong" and found.per_leaf["w"] > 1e-4


def test_a_loss_of_kinks_alone_is_to_be_looked_at():
    found = check_gradients(lambda params: jnp.sum(jnp.abs(params)), np.zeros(3))
    assert found.verdict == "look again" and found.at_kinks == 3


def test_a_strong_curvature_is_no_kink():
    """The slopes of 1e6 x³ + x at 1 differ by 0.6 over the step."""

    def loss(x):
        return jnp.sum(planted(1e6 * x**3 + x, 0.01))

    found = check_gradients(loss, np.ones(2))
    assert found.verdict == "wrong" and found.at_kinks == 0
