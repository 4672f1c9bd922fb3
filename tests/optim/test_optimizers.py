"""Every optimizer against every contract, NumPy in float64, optax and PyTorch."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim
from jaxdl.one_of import OneOf


def numpy_gradient_descent(w, g, t, s, *, rate):
    return w - rate * g


def numpy_momentum(w, g, t, s, *, rate, beta):
    s["v"] = beta * s.get("v", 0) + (1 - beta) * g
    return w - rate * s["v"]


def numpy_rmsprop(w, g, t, s, *, rate, beta2, eps):
    s["s"] = beta2 * s.get("s", 0) + (1 - beta2) * g * g
    return w - rate * g / (np.sqrt(s["s"]) + eps)


def numpy_adam(w, g, t, s, *, rate, beta1, beta2, eps, eps_root):
    s["v"] = beta1 * s.get("v", 0) + (1 - beta1) * g
    s["s"] = beta2 * s.get("s", 0) + (1 - beta2) * g * g
    v_hat, s_hat = s["v"] / (1 - beta1**t), s["s"] / (1 - beta2**t)
    return w - rate * v_hat / (np.sqrt(s_hat + eps_root) + eps)


def numpy_adamw(w, g, t, s, *, rate, weight_decay, **adam):
    decay = rate * weight_decay * w
    return numpy_adam(w, g, t, s, rate=rate, eps_root=0.0, **adam) - decay


def numpy_clip_by_norm(w, g, t, s, *, rate, max_norm):
    norm = np.sqrt(np.sum(g**2))
    g = g if max_norm == 0 or norm <= max_norm else g / norm * max_norm
    return numpy_momentum(w, g, t, s, rate=rate, beta=0.9)


def numpy_clip_by_value(w, g, t, s, *, rate, max_value):
    bounded = [x if max_value == 0 else max(-max_value, min(max_value, x)) for x in g]
    return numpy_momentum(w, np.array(bounded), t, s, rate=rate, beta=0.9)


def numpy_accumulate(w, g, t, s, *, rate, every):
    waiting = s.setdefault("waiting", [])
    waiting.append(g)
    if len(waiting) < every:
        return w
    g = np.mean(waiting, axis=0)
    waiting.clear()
    return numpy_momentum(w, g, t, s, rate=rate, beta=0.9)


def numpy_among(w, g, t, s, *, rate, which):
    if which == 0:
        return numpy_momentum(w, g, t, s, rate=rate, beta=0.9)
    own = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0}
    return numpy_adam(w, g, t, s, rate=rate, **own)


def among(rate, which):
    choice = OneOf(jnp.asarray(which, jnp.int32), ("momentum", "adam"))
    options = {"momentum": optim.momentum(rate), "adam": optim.adam(rate)}
    return optim.among(choice, options)


# name: (ours, the equation in NumPy, two sets of hyperparameters)
OPTIMIZERS = {
    "gradient_descent": (
        optim.gradient_descent, numpy_gradient_descent, ({"rate": 0.1}, {"rate": 0.01})
    ),
    "momentum": (
        optim.momentum, numpy_momentum,
        ({"rate": 0.1, "beta": 0.9}, {"rate": 0.05, "beta": 0.0}),
    ),
    "rmsprop": (
        optim.rmsprop, numpy_rmsprop,
        ({"rate": 0.1, "beta2": 0.9, "eps": 1e-8},
         {"rate": 0.01, "beta2": 0.99, "eps": 0.1}),
    ),
    "adam": (
        optim.adam, numpy_adam,
        ({"rate": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0},
         {"rate": 0.01, "beta1": 0.0, "beta2": 0.9, "eps": 0.1, "eps_root": 0.01}),
    ),
    "adamw": (
        optim.adamw, numpy_adamw,
        ({"rate": 0.1, "weight_decay": 0.5, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8},
         {"rate": 0.01, "weight_decay": 0.0, "beta1": 0.5, "beta2": 0.9, "eps": 0.1}),
    ),
    "clip_by_norm": (
        lambda rate, max_norm: optim.clip_by_norm(optim.momentum(rate), max_norm),
        numpy_clip_by_norm,
        ({"rate": 0.1, "max_norm": 2.0}, {"rate": 0.1, "max_norm": 0.0}),
    ),
    "clip_by_value": (
        lambda rate, max_value: optim.clip_by_value(optim.momentum(rate), max_value),
        numpy_clip_by_value,
        ({"rate": 0.1, "max_value": 0.5}, {"rate": 0.1, "max_value": 0.0}),
    ),
    "accumulate": (
        lambda rate, every: optim.accumulate(optim.momentum(rate), every),
        numpy_accumulate, ({"rate": 0.1, "every": 3}, {"rate": 0.1, "every": 0}),
    ),
    "among": (
        among, numpy_among, ({"rate": 0.1, "which": 0}, {"rate": 0.1, "which": 1})
    ),
}  # fmt: skip
optimizers = pytest.mark.parametrize("name", OPTIMIZERS)
# Those that differ most in what they keep; NumPy's equation is for all of them.
unlike_optimizers = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=()
            if name in ("adam", "clip_by_norm", "accumulate", "among")
            else pytest.mark.heavy,
        )
        for name in OPTIMIZERS
    ],
)
START = np.array([1.5, -2.0, 0.3, 4.0])


def gradient(w):
    """Of a bent ravine: every coordinate has its own curvature, and they interact."""
    return np.array([1.0, 10.0, 0.1, 3.0]) * w + 0.3 * np.sin(w[::-1])


def make(name, hp):
    rest = {key: value for key, value in hp.items() if key != "rate"}
    return OPTIMIZERS[name][0](hp["rate"], **rest)


def run(optimizer, steps, dtype=float):
    params = {"kernel": jnp.asarray(START, dtype)}
    scale = jnp.array([1.0, 10.0, 0.1, 3.0], dtype)

    def step(carry, _):
        params, opt_state = carry
        w = params["kernel"]
        grads = {"kernel": scale * w + 0.3 * jnp.sin(w[::-1])}
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), params["kernel"]

    (params, _), path = jax.lax.scan(
        step, (params, optimizer.init(params)), length=steps
    )
    return jnp.concatenate([path[1:], params["kernel"][None]])


@optimizers
@pytest.mark.parametrize("which", [0, 1])
def test_fifty_steps_against_numpy_in_float64(name, which):
    _, equation, settings = OPTIMIZERS[name]
    w, state, expected = START, {}, []
    for t in range(1, 51):
        w = equation(w, gradient(w), t, state, **settings[which])
        expected.append(w)
    with jax.enable_x64(True):
        ours = run(make(name, settings[which]), 50)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optim.gradient_descent(0.01), optax.sgd(0.01)),
        (optim.adam(0.1), optax.adam(0.1)),
        (optim.adamw(0.1, weight_decay=0.3), optax.adamw(0.1, weight_decay=0.3)),
        (
            optim.clip_by_norm(optim.adam(0.1), 0.5),
            optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1)),
        ),
        (
            optim.clip_by_value(optim.gradient_descent(0.1), 0.5),
            optax.chain(optax.clip(0.5), optax.sgd(0.1)),
        ),
        (
            optim.accumulate(optim.gradient_descent(0.01), 4),
            optax.MultiSteps(optax.sgd(0.01), 4),
        ),
        (
            optim.adam(0.1, beta1=0.5, eps_root=1e-3),
            optax.adam(0.1, 0.5, eps_root=1e-3),
        ),
        (
            optim.rmsprop(0.01, beta2=0.8),
            optax.rmsprop(0.01, 0.8, eps=1e-8, eps_in_sqrt=False),
        ),
        (optim.rmsprop(0.01), optax.rmsprop(0.01, eps=1e-8, eps_in_sqrt=False)),
        # optax leaves the factor 1 - beta out of momentum.
        (optim.momentum(0.1), optax.sgd(0.01, momentum=0.9)),
        (
            optim.adam(optim.exponential_decay(0.1, 10, 0.5)),
            optax.adam(optax.exponential_decay(0.1, 10, 0.5)),
        ),
    ],
)
def test_fifty_steps_against_optax(ours, theirs):
    with jax.enable_x64(True):
        # optax counts accumulated batches in float32 whatever the type.
        np.testing.assert_allclose(run(ours, 50), run(theirs, 50), rtol=1e-7)


def test_adam_and_rmsprop_against_pytorch():
    torch = pytest.importorskip("torch")
    pairs = (
        (optim.adam(0.1), lambda w: torch.optim.Adam(w, lr=0.1)),
        (
            optim.rmsprop(0.01, beta2=0.9),
            lambda w: torch.optim.RMSprop(w, lr=0.01, alpha=0.9),
        ),
    )
    for ours, make_theirs in pairs:
        w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
        theirs, path = make_theirs([w]), []
        for _ in range(50):
            w.grad = torch.from_numpy(gradient(w.detach().numpy()))
            theirs.step()
            path.append(w.detach().numpy().copy())
        with jax.enable_x64(True):
            np.testing.assert_allclose(run(ours, 50), path, rtol=1e-9)


@optimizers
def test_state_and_updates_keep_tree_shapes_and_types(name):
    params = {"kernel": jnp.ones((2, 3)), "b": (jnp.ones(4), jnp.ones(()))}
    optimizer = make(name, OPTIMIZERS[name][2][0])
    before = optimizer.init(params)
    updates, after = jax.eval_shape(optimizer.update, params, before, params)
    chex.assert_trees_all_equal_shapes_and_dtypes(updates, params)
    chex.assert_trees_all_equal_shapes_and_dtypes(after, before)


@unlike_optimizers
def test_two_calls_are_one_trace_and_jit_equals_eager(name):
    @chex.assert_max_traces(n=1)
    def fifty(hp):
        return run(make(name, hp), 50, jnp.float32)

    compiled = jax.jit(fifty)
    for hp in OPTIMIZERS[name][2]:
        chex.assert_trees_all_close(compiled(hp), fifty(hp), rtol=1e-3, atol=1e-5)


@unlike_optimizers
def test_vmap_over_every_hyperparameter_is_a_loop(name):
    settings = OPTIMIZERS[name][2]
    stacked = {k: jnp.array([hp[k] for hp in settings]) for k in settings[0]}
    with jax.enable_x64(True):
        stacked = jax.tree.map(lambda x: jnp.asarray(x, float), stacked)
        together = jax.jit(jax.vmap(lambda hp: run(make(name, hp), 50)))(stacked)
        for i in range(len(settings)):
            alone = run(make(name, {k: v[i] for k, v in stacked.items()}), 50)
            chex.assert_trees_all_close(together[i], alone, rtol=1e-9)


@optimizers
def test_a_rate_of_zero_moves_nothing(name):
    optimizer = make(name, OPTIMIZERS[name][2][0] | {"rate": jnp.zeros(())})
    np.testing.assert_array_equal(
        run(optimizer, 3, jnp.float32), np.float32([START] * 3)
    )


@optimizers
def test_a_schedule_gets_the_moves_from_zero(name):
    hp = OPTIMIZERS[name][2][0]
    params = {"kernel": jnp.asarray(START)}

    def only_at_step_two(step):
        return jnp.where(step == 2, 1.0, 0.0)

    optimizer = make(name, hp | {"rate": only_at_step_two})
    opt_state, moved = optimizer.init(params), []
    update = jax.jit(optimizer.update)
    for _ in range(10):
        updates, opt_state = update(params, opt_state, params)
        moved.append(bool(jnp.any(updates["kernel"] != 0)))
    # Accumulating three batches, the third move comes with the ninth.
    assert np.flatnonzero(moved).tolist() == [8 if name == "accumulate" else 2]


def test_decoupled_decay_acts_on_kernels_only_and_is_not_an_l2_penalty():
    params = {"kernel": jnp.asarray(START), "bias": jnp.ones(2)}
    grads = jax.tree.map(jnp.zeros_like, params)
    optimizer = optim.adamw(0.1, weight_decay=0.5)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    np.testing.assert_allclose(updates["kernel"], -0.1 * 0.5 * START, rtol=1e-6)
    np.testing.assert_array_equal(updates["bias"], np.zeros(2))
    # As a penalty the same decay is divided by its own size: every weight moves by α.
    adam = optim.adam(0.1)
    penalty = {"kernel": 0.5 * params["kernel"]}
    updates, _ = adam.update(penalty, adam.init(penalty))
    np.testing.assert_allclose(updates["kernel"], -0.1 * np.sign(START), rtol=1e-5)
    with pytest.raises(ValueError, match="adamw got no parameters"):
        optimizer.update(grads, optimizer.init(params))
