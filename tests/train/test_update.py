"""Own steps and own parameters of an evaluation, by hand and through a run."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.state import init
from tests.sweeps import kept

KEY = jax.random.key(0)
X, Y = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0], [2.0, 1.0]]), np.arange(4.0)
BATCH = Dataset(jnp.asarray(X), jnp.asarray(Y))


def linear(optimizer, **settings):
    """Returns the recipe of a linear regression without bias."""
    model = nn.dense(1, use_bias=False)
    return dl.Recipe(model, optimizer, nn.squared_error, batch_size=2, **settings)


def stepped(recipe, hp):
    """Returns the kernel before and after one step, and its metrics."""
    start = init(recipe, hp, KEY, (2,))
    new, metrics = jax.jit(lambda: train.make_step(recipe)(hp, start, BATCH))()
    return *(np.asarray(s.params["kernel"], float) for s in (start, new)), metrics


def gradient(w):
    """Returns the gradient of the mean squared error, `2 X' (X w - y) / m`."""
    return 2 * X.T @ (X @ w - Y[:, None]) / len(X)


def sharp(hp):
    """A recipe that descends the gradient of the worst place nearby: SAM."""
    optimizer = optim.gradient_descent(hp["rate"])

    def step(cost, train_state, batch):
        descend = jax.grad(cost, has_aux=True)
        grads, (metrics, state) = descend(train_state.params, train_state, batch)
        far = hp["radius"] / optax.tree.norm(grads)
        worst = jax.tree.map(lambda w, g: w + far * g, train_state.params, grads)
        grads, _ = descend(worst, train_state, batch)
        updates, opt_state = optimizer.update(grads, train_state.opt_state)
        params = optax.apply_updates(train_state.params, updates)
        new = train_state._replace(params=params, state=state, opt_state=opt_state)
        return new, metrics

    return linear(optimizer, step=step)


def averaged(hp):
    """A recipe that evaluates an average of its parameters."""
    inner = optim.gradient_descent(hp["rate"])

    def update(grads, opt_state, params=None):
        updates, state = inner.update(grads, opt_state["inner"])
        mean = optim.ewma(opt_state["mean"], optax.apply_updates(params, updates), 0.5)
        return updates, {"inner": state, "mean": mean}

    optimizer = optax.GradientTransformation(
        lambda params: {"inner": inner.init(params), "mean": params}, update
    )
    return linear(optimizer, eval_params=lambda opt_state, params: opt_state["mean"])


@pytest.fixture(scope="module")
def lines():
    """40 examples of a line, with noise."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 2))
    labels = inputs @ [1.0, -2.0] + 0.1 * rng.normal(size=40)
    return dl.data.split(dl.data.from_arrays(inputs, labels, classes=()), key=KEY)


def test_sharpness_aware_minimization_by_hand():
    hp = {"rate": 0.1, "radius": 0.05}
    before, after, metrics = stepped(sharp, hp)
    g = gradient(before)
    worst = before + 0.05 * g / np.linalg.norm(g)
    np.testing.assert_allclose(after, before - 0.1 * gradient(worst), rtol=1e-5)
    loss = np.mean((X @ before - Y[:, None]) ** 2)
    np.testing.assert_allclose([metrics["loss"], metrics["error"]], loss, rtol=1e-6)


def test_gradients_of_parts_of_a_batch_add_up_to_a_step_of_the_whole():
    def recipe(hp):
        optimizer = optim.gradient_descent(hp)

        def step(cost, train_state, batch):
            def part(grads, rows):
                own, (metrics, _) = jax.grad(cost, has_aux=True)(
                    train_state.params, train_state, batch[rows]
                )
                return jax.tree.map(jnp.add, grads, own), metrics

            parts = jnp.arange(4).reshape(2, 2)
            zeros = jax.tree.map(jnp.zeros_like, train_state.params)
            grads, metrics = jax.lax.scan(part, zeros, parts)
            grads = jax.tree.map(lambda g: g / len(parts), grads)
            updates, opt_state = optimizer.update(grads, train_state.opt_state)
            params = optax.apply_updates(train_state.params, updates)
            new = train_state._replace(params=params, opt_state=opt_state)
            return new, jax.tree.map(jnp.mean, metrics)

        return linear(optimizer, step=step)

    before, after, _ = stepped(recipe, 0.1)
    np.testing.assert_allclose(after, before - 0.1 * gradient(before), rtol=1e-5)


def test_polyaks_step_size_by_hand():
    """The rate is `J / ||g||^2`, if that is below the largest, source: Polyak 1987."""

    def recipe(hp):
        return linear(optax.polyak_sgd(max_learning_rate=hp))

    before, after, metrics = stepped(recipe, 10.0)
    g = gradient(before)
    rate = metrics["loss"] / np.sum(g**2)
    np.testing.assert_allclose(after, before - rate * g, rtol=1e-5)


@pytest.mark.heavy
def test_a_line_search_calls_the_cost_of_the_batch():
    """Along the gradient of a quadratic cost the exact step is `g'g / g'Hg`."""

    def recipe(hp):
        search = optax.scale_by_zoom_linesearch(30, curv_rtol=0.0, tol=1e-4)
        return linear(optax.chain(optax.sgd(hp), search))

    before, after, _ = stepped(recipe, 1.0)
    g = gradient(before)
    exact = np.sum(g * g) / np.sum(g * (2 * X.T @ X / len(X)) @ g)
    np.testing.assert_allclose(after, before - exact * g, rtol=2e-2)


def test_a_step_changes_neither_its_count_nor_its_key():
    def recipe(hp):
        def step(cost, train_state, batch):
            _, (metrics, _) = cost(train_state.params, train_state, batch)
            return train_state._replace(step=7, key=jax.random.key(9)), metrics

        return linear(optim.adam(hp), step=step)

    start = init(recipe, 0.1, KEY, (2,))
    new, _ = train.make_step(recipe)(0.1, start, BATCH)
    assert new.step == 1
    assert (jax.random.key_data(new.key) == jax.random.key_data(start.key)).all()


def test_a_step_leaves_options_that_are_not_chosen(lines):
    def recipe(hp):
        def step(cost, train_state, batch):
            _, (metrics, _) = cost(train_state.params, train_state, batch)
            params = jax.tree.map(lambda w: w + 1, train_state.params)
            return train_state._replace(params=params), metrics

        options = {"one": nn.dense(1), "two": nn.dense(1)}
        model = nn.among(hp["which"], options)
        return linear(optim.adam(0.1), step=step)._replace(model=model)

    hp = {"which": nn.OneOf(1, ("one", "two"))}
    start = init(recipe, hp, KEY, (2,))
    new, _ = train.make_step(recipe)(hp, start, BATCH)
    chex.assert_trees_all_equal(new.params["one"], start.params["one"])
    one_more = jax.tree.map(lambda w: w + 1, start.params["two"])
    chex.assert_trees_all_equal(new.params["two"], one_more)


RETURNS = {
    "nothing": (lambda state, metrics: None, "returned NoneType"),
    "a train state alone": (lambda state, metrics: state, "returned"),
    "other parameters": (
        lambda state, metrics: (state._replace(params=()), metrics), "of the shapes"
    ),
    "another type": (
        lambda state, metrics: (
            state._replace(params=jax.tree.map(jnp.int32, state.params)), metrics
        ), "int32",
    ),
    "no metrics": (lambda state, metrics: (state, {}), "the metrics {}"),
    "a loss of each example": (
        lambda state, metrics: (state, metrics | {"loss": jnp.ones(2)}), "one number"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RETURNS)
def test_what_a_step_must_return(case, fit, lines, nothing_compiles):
    returned, message = RETURNS[case]

    def recipe(hp):
        def step(cost, train_state, batch):
            _, (metrics, _) = cost(train_state.params, train_state, batch)
            return returned(train_state, metrics)

        return linear(optim.adam(hp), step=step)

    with pytest.raises(dl.train.RecipeError, match=message):
        fit(recipe, 0.1, lines)


def test_step_and_eval_params_are_functions(fit, lines, nothing_compiles):
    for wrong in ({"step": 3}, {"eval_params": "ema"}):
        with pytest.raises(dl.train.RecipeError, match=f"{[*wrong][0]}="):
            fit(lambda hp, w=wrong: linear(optim.adam(hp), **w), 0.1, lines)

    def recipe(hp):
        return linear(optim.adam(hp), eval_params=lambda opt_state, params: opt_state)

    with pytest.raises(dl.train.RecipeError, match="eval_params returned"):
        fit(recipe, 0.1, lines)


@pytest.mark.parametrize("patience", [1, pytest.param(None, marks=pytest.mark.heavy)])
def test_what_is_evaluated_is_what_a_member_has(patience, fit, lines):
    member = fit(averaged, {"rate": 0.05}, lines, epochs=2, patience=patience)
    plain = fit(
        lambda hp: averaged(hp)._replace(eval_params=None), {"rate": 0.05}, lines,
        epochs=2,
    )  # fmt: skip
    found = member.evaluate(lines.dev)["loss"]
    shown = member.metrics["dev_loss"][member.kept_epoch]
    np.testing.assert_allclose(found, shown, rtol=1e-5)
    w = np.asarray(member.params["kernel"])[:, 0]
    predicted = member.predict(lines.test.inputs)[:, 0]
    np.testing.assert_allclose(predicted, lines.test.inputs @ w, rtol=1e-5)
    assert np.abs(w - np.asarray(plain.params["kernel"])[:, 0]).max() > 1e-4
    np.testing.assert_array_equal(
        member.metrics["train_loss"], plain.metrics["train_loss"]
    )


def test_the_average_is_that_of_the_steps():
    start = init(averaged, {"rate": 0.1}, KEY, (2,))
    state, mean = start, np.asarray(start.params["kernel"], float)
    for _ in range(3):
        state, _ = train.make_step(averaged)({"rate": 0.1}, state, BATCH)
        mean = 0.5 * mean + 0.5 * np.asarray(state.params["kernel"])
    evaluate = train.make_eval(averaged)({"rate": 0.1}, state, BATCH)
    loss = np.mean((X @ mean - Y[:, None]) ** 2)
    np.testing.assert_allclose(evaluate["loss"], loss, rtol=1e-5)


def test_schedule_free_is_evaluated_at_the_average_of_its_way():
    """At x, where the gradient is that at y = (1 - b) z + b x: Defazio et al. 2024."""

    def recipe(hp):
        optimizer = optax.contrib.schedule_free_sgd(hp, b1=0.9)
        evaluated = optax.contrib.schedule_free_eval_params
        return linear(optimizer, eval_params=evaluated)

    state = init(recipe, 0.1, KEY, (2,))
    z = y = mean = np.asarray(state.params["kernel"], float)
    for t in range(3):
        state, _ = train.make_step(recipe)(0.1, state, BATCH)
        z = z - 0.1 * gradient(y)
        mean = mean + (z - mean) / (t + 1)  # of equal weights
        y = 0.1 * z + 0.9 * mean
    evaluate = train.make_eval(recipe)(0.1, state, BATCH)
    loss = np.mean((X @ mean - Y[:, None]) ** 2)
    np.testing.assert_allclose(evaluate["loss"], loss, rtol=1e-4)


@pytest.mark.parametrize("patience", [None, pytest.param(3, marks=pytest.mark.heavy)])
def test_a_run_resumes_from_the_parameters_that_train(patience, lines, tmp_path):
    space = {"rate": dl.LogUniform(1e-2, 1e-1)}
    own = {"patience": patience, "members": 3, "epochs": 4}
    whole = kept.sweep(averaged, space, lines, **own)
    folder = {"run_dir": tmp_path, "search": kept.in_rungs}
    with kept.cut_after(3):
        kept.sweep(averaged, space, lines, **own, **folder)
    resumed = kept.sweep(averaged, space, lines, **own, **folder)
    kept.assert_same_result(resumed, whole)
    read = dl.sweeps.read_result(tmp_path, averaged)
    kept.assert_same_member(read.member(1), whole.member(1))
