"""One model: hyperparameters, the step against NumPy, the epoch, fit, and refusals."""

import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import DataError, Dataset
from jaxdl.train import Status
from jaxdl.train.state import epoch_order, init, member_key
from jaxdl.train.step import map_batches
from jaxdl.train.structure import canonical, combine, partition


class Nested(NamedTuple):
    rate: float
    name: str
    inner: dict


# hyperparameters


def test_floats_and_arrays_are_traced_and_plain_values_are_not():
    hp = Nested(
        0.1, "adam", {"units": 64, "bias": True, "none": None, "n": np.int32(3)}
    )
    traced, structure = partition(hp)
    assert sorted(traced) == ["inner.n", "rate"]
    assert traced["rate"].dtype == jnp.float32
    assert traced["inner.n"].dtype == jnp.int32
    back = combine(traced, structure)
    assert back.name == "adam"
    assert back.inner["units"] == 64 and type(back.inner["units"]) is int
    assert back.inner["bias"] is True and back.inner["none"] is None
    assert float(back.rate) == np.float32(0.1)


def test_structures_are_equal_when_the_static_values_are():
    a, b, c = (partition({"rate": r, "n": n})[1]
               for r, n in ((0.1, 1), (0.2, 1), (0.1, 2)))  # fmt: skip
    assert a == b and hash(a) == hash(b)
    assert a != c


def test_equal_values_of_different_types_are_different_programs():
    structures = {partition({"n": n})[1] for n in (1, True)}
    assert len(structures) == 2


def test_names_that_collide_are_refused():
    with pytest.raises(train.RecipeError, match="names that differ"):
        partition({"a.b": 0.1, "a": {"b": 0.2}})


def test_a_hyperparameter_that_is_a_function_is_refused():
    with pytest.raises(train.RecipeError, match="activation=.*choose by name"):
        partition({"activation": nn.relu})


# the order of the data


@pytest.mark.parametrize(
    ("m", "batch_size"), [(10, 4), (12, 4), (5, 5), (7, 1), (9, 8)]
)
def test_an_epoch_has_every_example_and_completes_the_last_batch(m, batch_size):
    order = np.asarray(epoch_order(jax.random.key(0), 3, m, batch_size))
    assert order.shape == (-(-m // batch_size), batch_size)
    np.testing.assert_array_equal(np.sort(order.ravel()[:m]), np.arange(m))
    rest = order.size - m
    np.testing.assert_array_equal(order.ravel()[m:], order.ravel()[:rest])


def test_every_epoch_and_every_key_has_its_own_order():
    orders = [
        np.asarray(epoch_order(jax.random.key(s), e, 100, 100)).tobytes()
        for s, e in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(orders)) == 3


# the step


def tiny():
    """Two classes, two features, linear softmax regression with L2."""
    batch = Dataset(
        jnp.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]]), jnp.array([0, 1, 1])
    )

    def recipe(hp):
        return dl.Recipe(
            nn.dense(2, init=nn.normal(0.5)),
            optim.gradient_descent(hp["rate"]),
            nn.softmax_cross_entropy,
            nn.l2(hp["l2"]),
            batch_size=3,
        )

    return recipe, {"rate": 0.5, "l2": 0.3}, batch


def test_one_step_against_numpy():
    recipe, hp, batch = tiny()
    with jax.enable_x64(True):
        batch = jax.tree.map(canonical, batch)
        state = init(recipe, hp, jax.random.key(0), (2,))
        new, metrics = train.make_step(recipe)(hp, state, batch)
        w, x, y = np.asarray(state.params["kernel"]), np.asarray(batch[0]), batch[1]
        z = x @ w
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        dz = (p - np.eye(2)[np.asarray(y)]) / 3
        expected = w - 0.5 * (x.T @ dz + 0.3 / 3 * w)
        np.testing.assert_allclose(new.params["kernel"], expected, rtol=1e-12)
        np.testing.assert_allclose(new.params["bias"], -0.5 * dz.sum(0), rtol=1e-12)
        loss = -np.log(p[np.arange(3), np.asarray(y)]).mean()
        np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-12)
        error = np.mean(z.argmax(1) != np.asarray(y))
        np.testing.assert_allclose(metrics["error"], error, rtol=1e-12)
    assert new.step == 1


def test_steps_are_one_trace_under_jit_and_vmap(recipe, hp, digits):
    step, traces = train.make_step(recipe), []
    batch = jax.tree.map(lambda x: jnp.asarray(x[:64]), digits.train)

    def counted(hp, key):
        traces.append(1)
        state = init(recipe, hp, key, (64,))
        return step(hp, state, batch)[1]["loss"]

    many = jax.jit(jax.vmap(counted))
    for seed in (0, 1):
        hps = jax.tree.map(lambda x: jnp.full(4, x), hp)
        assert many(hps, jax.random.split(jax.random.key(seed), 4)).shape == (4,)
    assert len(traces) == 1


def test_every_step_draws_its_own_mask(make_recipe, hp, digits):
    """At rate 0 the parameters stay, so only the mask makes one step's loss another."""
    recipe = make_recipe(64, optim.gradient_descent)
    batch = jax.tree.map(lambda x: jnp.asarray(x[:64]), digits.train)
    still = hp._replace(learning_rate=0.0)
    start = init(recipe, still, jax.random.key(0), (64,))
    step = jax.jit(lambda state: train.make_step(recipe)(still, state, batch))
    second, first_metrics = step(start)
    jax.tree.map(np.testing.assert_array_equal, second.params, start.params)
    assert step(second)[1]["loss"] != first_metrics["loss"]
    assert step(start)[1]["loss"] == first_metrics["loss"]


def test_every_optax_alias_built_in_the_recipe_takes_a_traced_rate(digits):
    batch = jax.tree.map(lambda x: jnp.asarray(x[:32]), digits.train)
    for alias in (optax.adamw, optax.sgd, optax.lion, optax.rmsprop, optax.nadam):

        def recipe(hp, alias=alias):
            return dl.Recipe(nn.dense(10), alias(hp), nn.softmax_cross_entropy)

        def one(hp, recipe=recipe):
            state = init(recipe, hp, jax.random.key(0), (64,))
            return train.make_step(recipe)(hp, state, batch)[0].params["kernel"]

        rates = jnp.array([0.01, 0.1])
        together = jax.jit(jax.vmap(one))(rates)
        np.testing.assert_allclose(together[1], one(rates[1]), rtol=1e-4, atol=1e-6)
        assert np.abs(together[0] - together[1]).max() > 1e-3


@pytest.mark.parametrize("m", [1, 255, 256, 257, 700])
def test_batches_of_an_evaluation_add_up(m):
    inputs = np.random.default_rng(0).normal(size=(m, 3)).astype(np.float32)
    dataset = Dataset(jnp.asarray(inputs), jnp.arange(m))
    doubled = map_batches(lambda batch: 2 * batch.inputs, dataset)
    np.testing.assert_array_equal(doubled, 2 * inputs)


# the default error


@pytest.mark.parametrize(
    ("loss", "error"),
    [
        (nn.softmax_cross_entropy, nn.zero_one_error),
        (nn.sigmoid_cross_entropy, nn.sigmoid_error),
        (nn.squared_error, nn.squared_error),
    ],
)
def test_models_are_ranked_by_the_losss_own_error(loss, error):
    from jaxdl.train.recipe import error_of

    assert error_of(dl.Recipe(nn.relu, optim.adam(0.1), loss)) is error
    own = dl.Recipe(nn.relu, optim.adam(0.1), loss, error=nn.squared_error)
    assert error_of(own) is nn.squared_error


# fit


def fit(recipe, hp, data, **changes):
    arguments = {"key": jax.random.key(0), "epochs": 3, "progress": False} | changes
    return dl.fit(recipe, hp, data, **arguments)


def test_fit_learns_digits(recipe, hp, digits):
    member = fit(recipe, hp, digits, epochs=10)
    assert member.status == Status.FINISHED and member.stopped_at is None
    assert member.metrics["dev_error"].shape == (10,)
    assert member.metrics["dev_error"][-1] < 0.06
    assert member.metrics["train_loss"][-1] < member.metrics["train_loss"][0]
    on_dev = member.evaluate(digits.dev)
    np.testing.assert_allclose(on_dev["error"], member.metrics["dev_error"][-1])
    np.testing.assert_allclose(
        on_dev["loss"], member.metrics["dev_loss"][-1], rtol=1e-5
    )
    guesses = member.predict(digits.dev.inputs).argmax(1)
    assert np.mean(guesses != digits.dev.labels) == pytest.approx(on_dev["error"])


def test_fit_is_reproducible_and_its_key_matters(recipe, hp, digits):
    a, b, c = (fit(recipe, hp, digits, key=jax.random.key(s)) for s in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, a.params, b.params)
    assert a.metrics["dev_loss"][-1] != c.metrics["dev_loss"][-1]


def test_a_second_fit_with_other_numbers_traces_nothing(make_recipe, hp, digits):
    inner, calls = make_recipe(), []

    def recipe(hp):
        if isinstance(hp.learning_rate, jax.core.Tracer):
            calls.append(1)
        return inner(hp)

    fit(recipe, hp, digits)
    first = len(calls)
    fit(recipe, hp._replace(learning_rate=0.02), digits)
    assert len(calls) == first > 0


def test_train_metrics_are_means_over_the_steps(digits):
    """At rate 0 the model stays, so the epoch's mean is over its completed batches."""

    def recipe(hp):
        return dl.Recipe(
            nn.dense(10), optim.gradient_descent(hp), nn.softmax_cross_entropy,
            batch_size=100,
        )  # fmt: skip

    key = jax.random.key(0)
    member = fit(recipe, 0.0, digits, epochs=1)
    order = np.asarray(epoch_order(key, 0, 1078, 100)).ravel()
    again = Dataset(digits.train.inputs[order], digits.train.labels[order])
    expected = member.evaluate(again)
    np.testing.assert_allclose(member.metrics["train_loss"][0], expected["loss"], 1e-5)
    np.testing.assert_allclose(
        member.metrics["train_error"][0], expected["error"], 1e-5
    )


@pytest.mark.parametrize("rate", [np.inf, np.nan, 1e30])
def test_a_training_that_diverges_is_put_back_and_labelled(rate, digits):
    def recipe(hp):
        return dl.Recipe(
            nn.serial(nn.dense(8), nn.relu, nn.dense(10)),
            optim.gradient_descent(hp),
            nn.softmax_cross_entropy,
        )

    member = fit(recipe, float(rate), digits, epochs=3)
    key = member_key(jax.random.key(0), 0)
    start = jax.jit(init, static_argnums=(0, 3))(recipe, rate, key, (64,))
    assert member.status == Status.DIVERGED
    # Step 0 sees the initial weights; its update makes the loss of step 1 non-finite,
    # or that of step 2 where the first products still fit into a float.
    assert member.stopped_at in ((1,) if not rate < np.inf else (1, 2))
    jax.tree.map(np.testing.assert_array_equal, member.params, start.params)
    assert all(np.isnan(curve).all() for curve in member.metrics.values())


def test_a_later_divergence_keeps_the_epochs_before_it(digits):
    """The rate is finite for the first epoch of 17 steps, then infinite."""

    def recipe(hp):
        def rate(step):
            return jnp.where(step < 20, hp, jnp.inf)

        return dl.Recipe(
            nn.dense(10), optim.gradient_descent(rate), nn.softmax_cross_entropy
        )

    member = fit(recipe, 0.1, digits, epochs=4)
    one_epoch = fit(recipe, 0.1, digits, epochs=1)
    assert (member.status, member.stopped_at) == (Status.DIVERGED, 21)
    jax.tree.map(np.testing.assert_array_equal, member.params, one_epoch.params)
    finite = np.isfinite(member.metrics["dev_loss"])
    np.testing.assert_array_equal(finite, [True, False, False, False])


def test_a_state_that_turns_infinite_while_the_loss_is_fine_is_found(digits):
    """Squared gradients of 1e38 overflow Adam's average, and its updates become 0."""

    def recipe(hp):
        return dl.Recipe(
            nn.dense(10), optim.adam(0.0),
            lambda z, y: hp * nn.softmax_cross_entropy(z, y),
        )  # fmt: skip

    member = fit(recipe, 1e25, digits, epochs=2)
    assert (member.status, member.stopped_at) == (Status.DIVERGED, 17)


def test_regression_and_a_model_without_parameters(digits):
    targets = digits.train.inputs[:, 20:21] * 2
    data = dl.data.Splits(*[Dataset(digits.train.inputs, targets)] * 3)

    def linear(hp):
        return dl.Recipe(nn.dense(1), optim.adam(hp), nn.squared_error)

    assert fit(linear, 0.01, data, epochs=40).metrics["dev_error"][-1] < 0.01

    def nothing(hp):
        return dl.Recipe(lambda x: x[:, 20:21], optim.adam(hp), nn.squared_error)

    member = fit(nothing, 0.1, data)
    np.testing.assert_allclose(
        member.metrics["dev_loss"], np.mean(data.dev.inputs[:, 20] ** 2), rtol=1e-5
    )


# refusals, all before anything is compiled


@pytest.fixture
def nothing_compiles(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled before the error")

    monkeypatch.setattr(sys.modules["jaxdl.train.fit"], "_programs", refuse)


def replaced(data, name, **changes):
    return data._replace(**{name: data.sets[name]._replace(**changes)})


@pytest.mark.usefixtures("nothing_compiles")
def test_bad_data_is_refused_before_compilation(recipe, hp, digits):
    bad = np.array(digits.dev.inputs)
    bad[7, 3] = np.nan
    with pytest.raises(DataError, match=r"dev set, row 7, column \[3\]"):
        fit(recipe, hp, replaced(digits, "dev", inputs=bad))
    labels = np.array(digits.train.labels)
    labels[11] = 10
    with pytest.raises(DataError, match=r"label 10 in row 11 of the train.*0\.\.9"):
        fit(recipe, hp, replaced(digits, "train", labels=labels))
    with pytest.raises(DataError, match="no examples in the dev set"):
        fit(recipe, hp, digits._replace(dev=jax.tree.map(lambda x: x[:0], digits.dev)))
    with pytest.raises(DataError, match="1078 inputs and 1000 labels in the train"):
        fit(recipe, hp, replaced(digits, "train", labels=digits.train.labels[:1000]))


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": lambda z, y: jnp.mean(z)}, r"shape \[\] for 64 examples"),
        ({"error": lambda z, y: z}, r"shape \[64, 10\] for 64 examples"),
        (
            {"loss": lambda z, y: nn.softmax_cross_entropy(z, y * 0.5)},
            "got labels float",
        ),
        ({"loss": nn.squared_error}, "expected one target per output"),
        ({"optimizer": 0.1}, "optimizer=0.1; expected an optax"),
        ({"model": lambda x: x[:, 0]}, r"got outputs \[64\]; expected a row"),
        ({"model": nn.serial(nn.dense(10), lambda x: x @ x)}, "test_train.py, line"),
    ],
)
def test_what_fails_in_a_step_is_refused_before_compilation(
    change, message, recipe, hp, digits
):
    with pytest.raises(train.RecipeError, match=message):
        fit(lambda hp: recipe(hp)._replace(**change), hp, digits)


@pytest.mark.usefixtures("nothing_compiles")
def test_a_recipe_is_a_function(hp, digits):
    for recipe in ("adam", [], None):
        with pytest.raises(train.RecipeError, match="expected a function"):
            fit(recipe, hp, digits)


@pytest.mark.usefixtures("nothing_compiles")
def test_labels_are_checked_whatever_the_loss_is_called(hp, digits):
    def two(hp):
        loss = nn.softmax_cross_entropy
        return dl.Recipe(nn.dense(2), optim.adam(0.1), lambda z, y: loss(z, y))

    with pytest.raises(DataError, match=r"label \d in row \d+ .*expected 0\.\.1"):
        fit(two, hp, digits)


def test_evaluation_checks_labels_too(recipe, hp, digits):
    member = fit(recipe, hp, digits, epochs=1)
    with pytest.raises(DataError, match=r"label 10 in row 0 of the dataset"):
        member.evaluate(Dataset(digits.test.inputs, digits.test.labels * 0 + 10))


@pytest.mark.usefixtures("nothing_compiles")
def test_binary_labels_are_zero_and_one(digits):
    def recipe(hp):
        return dl.Recipe(nn.dense(1), optim.adam(hp), nn.sigmoid_cross_entropy)

    with pytest.raises(DataError, match=r"expected 0\.\.1"):
        fit(recipe, 0.1, digits)


@pytest.mark.usefixtures("nothing_compiles")
def test_bad_recipes_are_refused_before_compilation(make_recipe, hp, digits):
    with pytest.raises(DataError, match="batch_size=1079 for 1078 training examples"):
        fit(make_recipe(1079), hp, digits)
    for size in (0, -1, 2.5, True):
        with pytest.raises(train.RecipeError, match="expected a plain int"):
            fit(make_recipe(size), hp, digits)
    with pytest.raises(train.RecipeError, match="returned tuple; expected a jaxdl"):
        fit(lambda hp: (1, 2), hp, digits)
    with pytest.raises(train.RecipeError, match=r"batch_size=.*Static"):
        fit(lambda hp: make_recipe()(hp)._replace(batch_size=hp.l2), hp, digits)


def branch(hp):
    return hp.keep_prob < 1


def loop(hp):
    return range(hp.l2.astype(int))


def convert(hp):
    return np.sqrt(hp.beta1)


def to_int(hp):
    return int(hp.learning_rate)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda hp: 1 if branch(hp) else 2, "keep_prob"),
        (loop, None),
        (convert, "beta1"),
        (to_int, "learning_rate"),
    ],
)
def test_a_traced_number_used_as_a_plain_one_names_static(
    use, name, recipe, hp, digits
):
    def bad(hp):
        use(hp)
        return recipe(hp)

    with pytest.raises(train.RecipeError, match=r"test_train.py, line \d+") as caught:
        fit(bad, hp, digits)
    assert "make it Static([...]) in the space" in str(caught.value)
    assert name is None or f"the hyperparameter {name} " in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [-1, jax.random.PRNGKey(0), jax.random.split(jax.random.key(0)),
     jax.random.key(0, impl="rbg"), jax.random.key(0, impl="unsafe_rbg")],
)  # fmt: skip
def test_only_one_threefry_key_will_do(key, recipe, hp, digits):
    with pytest.raises(TypeError, match="or one threefry"):
        fit(recipe, hp, digits, key=key)


@pytest.mark.parametrize("epochs", [0, -1, 1.5])
def test_epochs_are_at_least_one(epochs, recipe, hp, digits):
    with pytest.raises(ValueError, match="got epochs="):
        fit(recipe, hp, digits, epochs=epochs)


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        (nn.sigmoid_cross_entropy, np.tile([-1.0, 1.0], 20), "-1.0 in row 0"),
        (nn.softmax_cross_entropy, np.full((40, 3), 0.5), "add up to 1"),
        (nn.softmax_cross_entropy, np.tile([1.5, -0.5, 0], (40, 1)), "add up to 1"),
    ],
)  # fmt: skip
def test_targets_that_the_loss_cannot_have_are_refused(loss, labels, message):
    one = dl.data.from_arrays(np.ones((40, 2)), labels)

    def recipe(hp):
        units = 1 if labels.ndim == 1 else 3
        return dl.Recipe(nn.dense(units), optim.adam(0.1), loss, batch_size=8)

    with pytest.raises(DataError, match=message):
        fit(recipe, {}, dl.data.Splits(one, one, one))


def test_train_metrics_are_means_by_weight(digits):
    weights = np.linspace(0, 3, len(digits.train.inputs)).astype(np.float32)
    data = digits._replace(train=digits.train._replace(weights=weights))

    def recipe(hp):
        model = nn.serial(nn.dense(10))
        return dl.Recipe(
            model, optim.gradient_descent(0.0), nn.softmax_cross_entropy,
            batch_size=len(weights),
        )  # fmt: skip

    member = fit(recipe, {}, data, epochs=1)
    outputs = jnp.asarray(member.predict(digits.train.inputs))
    labels = jnp.asarray(digits.train.labels)
    for name, loss in (
        ("loss", nn.softmax_cross_entropy),
        ("error", nn.zero_one_error),
    ):
        expected = np.average(loss(outputs, labels), weights=weights)
        assert member.metrics[f"train_{name}"][0] == pytest.approx(expected, rel=1e-4)
        assert member.evaluate(data.train)[name] == pytest.approx(expected, rel=1e-4)


def test_models_with_other_smoothing_are_compared_by_the_plain_loss(digits):
    def recipe(hp):
        loss = nn.label_smoothing(nn.softmax_cross_entropy, hp["smoothing"])
        return dl.Recipe(nn.dense(10), optim.gradient_descent(0.0), loss)

    plain, smooth = (
        fit(recipe, {"smoothing": s}, digits, epochs=1) for s in (0.0, 0.3)
    )
    np.testing.assert_allclose(
        plain.metrics["dev_loss"], smooth.metrics["dev_loss"], rtol=1e-5
    )
    assert plain.metrics["train_loss"] != pytest.approx(smooth.metrics["train_loss"])
