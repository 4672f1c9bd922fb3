"""Linen and NNX models as layers, against Flax itself."""

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxdl as dl
from experiments.bench.foreign_models import Linen, Nnx
from jaxdl import interop, nn, optim

X = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
KEY = jax.random.key(3)


def test_linen_computes_what_flax_computes():
    module = Linen(0.5)
    layer = interop.linen(module)
    params, state, out_shape = layer.init(KEY, (5,))
    variables = module.init(KEY, X, train=False)
    jax.tree.map(np.testing.assert_array_equal, params, variables["params"])
    assert out_shape == (10,) and set(state) == {"batch_stats"}
    y, same = layer.apply(params, state, X)
    np.testing.assert_array_equal(y, module.apply(variables, X, train=False))
    assert same is state
    y, new = layer.apply(params, state, X, key=KEY, train=True)
    expected, updated = module.apply(
        variables, X, train=True, rngs={"dropout": KEY}, mutable=["batch_stats"]
    )
    np.testing.assert_array_equal(y, expected)
    jax.tree.map(np.testing.assert_array_equal, new, dict(updated))


def test_nnx_computes_what_flax_computes():
    layer = interop.nnx(lambda shape, rngs: Nnx(shape, 1.0, rngs))
    params, state, out_shape = layer.init(KEY, (5,))
    model = Nnx((5,), 1.0, nnx.Rngs(KEY))
    assert out_shape == (10,)
    for train in (True, False):
        model.train() if train else model.eval()
        y, state = layer.apply(params, state, X, key=KEY, train=train)
        np.testing.assert_allclose(y, model(X), rtol=1e-6)
    mean = state["variables"]["norm"]["mean"]
    np.testing.assert_allclose(mean, model.norm.mean[...], rtol=1e-6)


class Projected(nnx.Module):
    """Random features, which do not train, and a note of them."""

    def __init__(self, rngs):
        self.features = jax.random.normal(rngs.params(), (5, 8))
        self.last = nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, x):
        self.sow(nnx.Intermediate, "seen", x)
        return self.last(jnp.tanh(x @ self.features))


@pytest.mark.filterwarnings("ignore:Using 'Module.sow:DeprecationWarning")
def test_an_array_that_is_no_variable_stays_as_it_was_drawn():
    layer = interop.nnx(lambda shape, rngs: Projected(rngs))
    params, state, _ = layer.init(KEY, (5,))
    expected = Projected(nnx.Rngs(KEY))(X)
    for key, train in ((jax.random.key(8), True), (jax.random.key(9), True), (None, 0)):
        y, state = layer.apply(params, state, X, key=key, train=bool(train))
        np.testing.assert_allclose(y, expected, rtol=1e-6)


def test_a_training_is_that_of_flax_and_optax_by_hand(digits):
    """Two epochs of full batches, so that the order does not count."""
    module, m = flax.linen.Dense(10), len(digits.train)

    def recipe(hp):
        model = interop.linen(module, train=None)
        tx = optim.gradient_descent(hp["rate"])
        return dl.Recipe(model, tx, nn.softmax_cross_entropy, batch_size=m)

    member = dl.fit(recipe, {"rate": 0.3}, digits, key=0, epochs=2, progress=False)
    first = dl.fit(recipe, {"rate": 1e-30}, digits, key=0, epochs=1, progress=False)
    params, inputs = first.params, digits.train.inputs

    def cost(params):
        logits = module.apply({"params": params}, inputs)
        loss = optax.softmax_cross_entropy_with_integer_labels
        return loss(logits, digits.train.labels).mean()

    gradient = jax.jit(jax.grad(cost))
    for _ in range(2):
        grads = gradient(params)
        params = jax.tree.map(lambda w, g: w - 0.3 * g, params, grads)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6),
        member.params,
        params,
    )


def test_linen_takes_tokens():
    layer = interop.linen(flax.linen.Embed(7, 3), train=None)
    params, state, out_shape = layer.init(KEY, nn.Spec((4,), jnp.int32))
    y, _ = layer.apply(params, state, jnp.array([[1, 2, 3, 4]]))
    assert out_shape == (4, 3) and y.shape == (1, 4, 3)


class Sized(nnx.Module):
    def __init__(self, units, rngs):
        self.layer = nnx.Linear(5, units, rngs=rngs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: interop.linen(flax.linen.Dense(nn.Size(2, 4)), train=None),
        lambda: interop.nnx(lambda shape, rngs: Sized(nn.Size(2, 4), rngs)),
    ],
)
def test_a_size_is_refused(make):
    with pytest.raises(TypeError, match=r"a model with a Size; .* Static\(\[...\]\)"):
        make().init(KEY, (5,))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: interop.linen(Linen), "expected a flax.linen.Module, made"),
        (lambda: interop.linen(flax.linen.Dense(3)), "no 'train'; expected the argu"),
        (lambda: interop.nnx(Nnx((5,), 0.5, nnx.Rngs(0))), "function that makes the"),
        (lambda: interop.nnx(lambda *_: 3).init(KEY, (5,)), "expected an nnx.Module"),
    ],
)
def test_what_is_no_model_is_refused(make, expected):
    with pytest.raises(TypeError, match=expected):
        make()


def test_both_take_a_dict_of_arrays():
    x = {"table": jnp.array(X), "tokens": jnp.arange(6).reshape(6, 1) % 4}
    in_shape = {"table": nn.Spec((5,), jnp.float32), "tokens": nn.Spec((1,), jnp.int32)}

    class Both(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, x):
            tokens = flax.linen.Embed(4, 2)(x["tokens"])[:, 0]
            return flax.linen.Dense(3)(jnp.concatenate([x["table"], tokens], 1))

    class NnxBoth(nnx.Module):
        def __init__(self, shape, rngs):
            self.embed = nnx.Embed(4, 2, rngs=rngs)
            self.dense = nnx.Linear(shape["table"].shape[0] + 2, 3, rngs=rngs)

        def __call__(self, x):
            tokens = self.embed(x["tokens"])[:, 0]
            return self.dense(jnp.concatenate([x["table"], tokens], 1))

    by_linen = Both().apply(Both().init(KEY, x), x)
    by_nnx = NnxBoth(in_shape, nnx.Rngs(KEY))(x)
    for layer, expected in (
        (interop.linen(Both(), train=None), by_linen),
        (interop.nnx(NnxBoth), by_nnx),
    ):
        params, state, out_shape = layer.init(KEY, in_shape)
        y, _ = layer.apply(params, state, x, key=KEY, train=True)
        assert out_shape == (3,)
        np.testing.assert_array_equal(y, expected)


def test_what_a_module_sows_is_no_state(digits):
    class Sows(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, x):
            y = flax.linen.Dense(10)(x)
            self.sow("losses", "l2", jnp.mean(y**2))
            return y

    layer = interop.linen(Sows(), train=None)
    params, state, _ = layer.init(KEY, (5,))
    assert state == {}
    np.testing.assert_allclose(
        layer.apply(params, state, X, key=KEY, train=True)[0],
        X @ params["Dense_0"]["kernel"],
        rtol=1e-5,
    )
