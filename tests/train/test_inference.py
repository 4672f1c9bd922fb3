"""Inference: one program for any number of examples, and the function that trained."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.train import RecipeError
from jaxdl.train.step import EVAL_BATCH


def test_an_example_alone_has_the_outputs_it_has_among_others(member, digits):
    inputs = digits.dev.inputs
    whole = member.predict(inputs)
    assert len(inputs) > EVAL_BATCH
    for m in (1, 2, 20, EVAL_BATCH, EVAL_BATCH + 1):
        np.testing.assert_array_equal(member.predict(inputs[-m:]), whole[-m:])


@pytest.mark.heavy
def test_any_number_of_examples_takes_one_program(linear, few, fit, compiles):
    member = fit(linear, {"rate": 0.1, "smoothing": 0.0}, few)
    trained = len(compiles)
    for m in (1, 3, 24):
        member.predict(few.dev.inputs[:m])
        member.evaluate(few.dev[:m])
    assert len(compiles) == trained + 1


@pytest.mark.parametrize("kind", [list, np.float64, np.float16, jnp.asarray])
def test_inputs_are_any_array_like(kind, member, digits):
    inputs = digits.dev.inputs[:3].astype(np.float16)
    given = inputs.tolist() if kind is list else kind(inputs)
    expected = member.predict(inputs.astype(np.float32))
    np.testing.assert_array_equal(member.predict(given), expected)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((0, 64)), r"got inputs \[0, 64\]; expected \[m, 64\] with m of at l"),
        (np.zeros((2, 63)), r"got inputs \[2, 63\]; expected \[m, 64\]"),
        (np.zeros(64), r"a single example; expected \[m, ...\]: .* inputs\[None\]"),
        ([[1.0] * 64, [2.0]], "inputs of type list that are no array"),
        (np.array([["a"] * 64]), "got inputs of type <U1; expected real numbers"),
    ],
)
def test_inputs_that_are_no_examples_are_refused(inputs, message, member):
    with pytest.raises(DataError, match=message):
        member.predict(inputs)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, np.float32), r"got labels float32\[3\]; expected int32\[m\]"),
        (np.zeros((3, 10), np.float32), r"\[3, 10\]; expected int32\[m\]"),
    ],
)
def test_labels_of_another_kind_are_refused(labels, message, member, digits):
    with pytest.raises(DataError, match=message):
        member.evaluate(dl.data.Dataset(digits.dev.inputs[:3], labels))


@pytest.mark.heavy
def test_outputs_may_be_a_tree(few, fit):
    def two_heads(hp):
        def init(key, in_shape):
            return {"kernel": jnp.eye(4, 3)}, (), (3,)

        def apply(params, state, x, *, key=None, train=False):
            return {"logits": x @ params["kernel"], "length": jnp.sum(x, 1)}, state

        def on_logits(function):
            return lambda outputs, labels: function(outputs["logits"], labels)

        return dl.Recipe(
            nn.Layer(init, apply),
            optim.gradient_descent(1e-9),
            on_logits(nn.softmax_cross_entropy),
            error=on_logits(nn.zero_one_error),
            batch_size=5,
        )

    member = fit(two_heads, {}, few)
    found = member.predict(few.dev.inputs)
    inputs = np.asarray(few.dev.inputs)
    np.testing.assert_allclose(found["logits"], inputs[:, :3], rtol=1e-5)
    np.testing.assert_allclose(found["length"], inputs.sum(1), rtol=1e-5)
    wrong = inputs[:, :3].argmax(1) != few.dev.labels
    assert member.evaluate(few.dev)["error"] == pytest.approx(wrong.mean())


def test_a_member_is_used_as_it_was_trained(few, fit):
    """Whatever its recipe would read by now."""
    factor = 1.0

    def recipe(hp):
        scaled = lambda x: factor * x  # noqa: E731
        optimizer, loss = optim.gradient_descent(0.1), nn.softmax_cross_entropy
        return dl.Recipe(nn.serial(nn.dense(3), scaled), optimizer, loss, batch_size=5)

    member = fit(recipe, {}, few)
    inputs, params = few.dev.inputs, member.params[0]
    expected = inputs @ params["kernel"] + params["bias"]
    factor = 100.0
    np.testing.assert_allclose(member.predict(inputs), expected, rtol=1e-5)


@pytest.mark.heavy
def test_metrics_that_have_changed_since_the_training_are_refused(few, fit):
    limit = 0.5

    def over(outputs, labels, weights):
        return jnp.mean(jnp.max(outputs, axis=1) > limit)

    def recipe(hp):
        optimizer, loss = optim.gradient_descent(0.1), nn.softmax_cross_entropy
        return dl.Recipe(
            nn.dense(3), optimizer, loss, batch_size=5, metrics={"over": over}
        )

    member = fit(recipe, {}, few)
    found = member.evaluate(few.dev)["over"]
    assert found == pytest.approx(member.metrics["dev_over"][-1])
    limit = 100.0
    with pytest.raises(RecipeError, match="over compute something else than when"):
        member.evaluate(few.dev)


# arrays that are stored raw


def raw(rng, m=40):
    """Bytes of 3 features, and the class of the largest."""
    inputs = rng.integers(0, 256, (m, 3)).astype(np.uint8)
    return dl.data.from_arrays(inputs, inputs.argmax(1))


@pytest.fixture(scope="module")
def bytes_and_floats():
    """Normalized splits of the same numbers, as bytes and as floats."""
    rng = np.random.default_rng(0)
    sets = [raw(rng) for _ in range(3)]
    floats = [
        dl.data.from_arrays(np.asarray(s.inputs, np.float32), s.labels) for s in sets
    ]
    return tuple(dl.data.normalize(dl.data.Splits(*x)) for x in (sets, floats))


def classifier(hp):
    optimizer, loss = optim.adam(hp["rate"]), nn.softmax_cross_entropy
    return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=8)


def test_bytes_train_as_their_normalized_floats(bytes_and_floats, fit):
    ours, theirs = (fit(classifier, {"rate": 0.1}, s) for s in bytes_and_floats)
    whole, floats = bytes_and_floats
    assert whole.train.inputs.dtype == np.uint8
    for name, curve in ours.metrics.items():
        np.testing.assert_allclose(curve, theirs.metrics[name], rtol=1e-4)
    predicted = ours.predict(whole.test.inputs)
    np.testing.assert_allclose(predicted, theirs.predict(floats.test.inputs), atol=1e-4)
    assert ours.evaluate(whole.test) == pytest.approx(
        theirs.evaluate(floats.test), rel=1e-4
    )


@pytest.mark.parametrize(
    "inputs",
    [np.full((2, 3), 256), pytest.param(np.zeros((2, 3)), marks=pytest.mark.heavy)],
)
def test_raw_integers_are_asked_for_again(inputs, bytes_and_floats, fit):
    member = fit(classifier, {"rate": 0.1}, bytes_and_floats[0], epochs=1)
    with pytest.raises(DataError, match="trained on raw uint8; expected such integers"):
        member.predict(inputs)


def test_targets_are_scaled_for_the_loss_alone(fit):
    """The exact solution is the line, so that the error is one of rounding."""
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    y = (200_000 + 80_000 * x[:, 0]).astype(np.float32)
    one = dl.data.from_arrays(x, y)
    data = dl.data.normalize(dl.data.Splits(one, one, one), targets=True)

    def line(hp):
        optimizer, loss = optim.gradient_descent(hp["rate"]), nn.squared_error
        return dl.Recipe(nn.dense(1), optimizer, loss, batch_size=40)

    member = fit(line, {"rate": 0.25}, data, epochs=30)
    np.testing.assert_array_equal(data.dev.labels, y)  # in the user's units
    np.testing.assert_allclose(member.predict(data.dev.inputs)[:, 0], y, rtol=1e-5)
    mse = np.mean((member.predict(data.dev.inputs)[:, 0] - y) ** 2)
    assert member.evaluate(data.dev)["error"] == pytest.approx(mse, rel=1e-3)
    first = member.metrics["dev_loss"][0]  # in units of the targets' variance
    assert first < 10
    assert member.metrics["dev_error"][0] == pytest.approx(first * y.var(), rel=1e-3)
