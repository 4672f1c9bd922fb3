"""A sweep whose inputs and labels are dicts of arrays."""

from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.experiment import check
from jaxdl.report import report
from jaxdl.sweeps.summary import errors_of
from jaxdl.train.structure import RecipeError

SPACE = {"rate": dl.LogUniform(1e-3, 1e-1)}


@pytest.fixture(scope="module")
def table_and_tokens():
    random = np.random.default_rng(0)
    inputs = {
        "table": random.normal(3, 2, (40, 3)),
        "tokens": random.integers(0, 5, (40, 4)),
    }
    labels = {"kind": inputs["tokens"][:, 0] % 2, "size": inputs["table"][:, 0]}
    whole = dl.data.from_arrays(inputs, labels, ids=["tokens"])
    return dl.data.normalize(dl.data.split(whole, key=jax.random.key(0)))


def both(rows):
    """Returns the layer that embeds the tokens, and puts the table beside them."""
    tokens = nn.serial(nn.embedding(rows, 2), nn.flatten)

    def init(key, in_shape):
        params, state, (width,) = tokens.init(key, in_shape["tokens"])
        return params, state, (width + in_shape["table"].shape[0],)

    def apply(params, state, x, *, key=None, train=False):
        own, state = tokens.apply(params, state, x["tokens"], key=key, train=train)
        return jnp.concatenate([own, x["table"]], axis=1), state

    return nn.Layer(init, apply)


def loss(outputs, labels):
    kind = nn.softmax_cross_entropy(outputs[:, :2], labels["kind"])
    return kind + (outputs[:, 2] - labels["size"]) ** 2


def error(outputs, labels):
    return (outputs[:, :2].argmax(1) != labels["kind"]).astype(float)


def size_error(outputs, labels, weights):
    return jnp.average((outputs[:, 2] - labels["size"]) ** 2, weights=weights)


def recipe(hp, rows=5):
    model, optimizer = nn.serial(both(rows), nn.dense(3)), optim.momentum(hp["rate"])
    return dl.Recipe(
        model, optimizer, loss, error=error, batch_size=8,
        metrics={"size_error": size_error},
    )  # fmt: skip


def sweep(data, **given):
    return dl.sweep(
        recipe, SPACE, data, key=0, members=2, epochs=2, progress=False, **given
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trees") / "run"


@pytest.fixture(scope="module")
def found(table_and_tokens, folder):
    return sweep(table_and_tokens, run_dir=folder)


@pytest.fixture(scope="module")
def member(found):
    return found.best()


def test_dicts_train_evaluate_predict_and_resume(found, table_and_tokens, folder):
    data, ours = table_and_tokens, found.best()
    theirs = sweep(data, run_dir=folder).best()
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
    # by hand, from the table that the normalization made
    outputs = ours.predict(data.test.inputs)
    wrong = outputs[:, :2].argmax(1) != data.test.labels["kind"]
    assert ours.evaluate(data.test)["error"] == pytest.approx(wrong.mean())
    assert errors_of(ours, data).test_examples == 8


@pytest.mark.heavy
def test_dicts_in_folds_train_and_resume(table_and_tokens, tmp_path):
    ours, theirs = (
        sweep(table_and_tokens, run_dir=tmp_path / "run", folds=2).best()
        for _ in range(2)
    )
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)


def test_what_a_model_was_not_trained_on_is_refused(member, table_and_tokens):
    data = table_and_tokens
    table = data.test.inputs["table"]
    with pytest.raises(dl.data.DataError, match=r"got inputs \['table'\]; expected a"):
        member.predict({"table": table})
    with pytest.raises(dl.data.DataError, match="expected as many examples in each"):
        member.predict(data.test.inputs | {"table": table[:2]})


def test_ids_beyond_the_table_are_refused_before_the_training(table_and_tokens):
    def few(hp):
        return recipe(hp, rows=4)

    with pytest.raises(RecipeError, match=r"ids from 0 to 4 in the data.*embedding\(5"):
        dl.fit(few, {"rate": 0.01}, table_and_tokens, key=0, epochs=1, progress=False)


def test_a_check_looks_at_dicts(table_and_tokens):
    found = check(recipe, {"rate": 0.01}, table_and_tokens, key=jax.random.key(0))
    assert "{'table': [3], 'tokens': [4]}" in next(found).text
    assert any("dicts of arrays are not compared" in one.text for one in found)


@pytest.mark.heavy
def test_a_whole_check_takes_dicts(table_and_tokens):
    found = [*check(recipe, {"rate": 0.01}, table_and_tokens, key=jax.random.key(0))]
    assert len(found) > 5


@pytest.mark.heavy
def test_an_ensemble_a_metric_and_a_report_take_dicts(
    found, table_and_tokens, tmp_path
):
    data = table_and_tokens
    best, together = found.best(), found.ensemble(size=3)
    wrong = (best.predict(data.dev.inputs)[:, 2] - data.dev.labels["size"]) ** 2
    expected = pytest.approx(wrong.mean(), rel=1e-4)
    assert best.evaluate(data.dev)["size_error"] == expected
    outputs = together.predict(data.dev.inputs)
    each = jax.jit(loss)(outputs, data.dev.labels)
    by_hand = pytest.approx(float(each.mean()), rel=1e-4)
    assert together.evaluate(data.dev)["loss"] == by_hand
    report(found, tmp_path / "page.html", data=data)
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_dicts_of_any_class_and_order_are_taken(member, table_and_tokens):
    data = table_and_tokens
    turned = OrderedDict(reversed(data.dev.inputs.items()))
    np.testing.assert_array_equal(
        member.predict(turned), member.predict(data.dev.inputs)
    )


def test_ids_behind_a_function_are_checked(table_and_tokens):
    def behind(hp):
        tokens = nn.serial(lambda x: x["tokens"], nn.embedding(3, 4), nn.flatten)
        return recipe(hp)._replace(model=nn.serial(tokens, nn.dense(3)))

    with pytest.raises(RecipeError, match="embedding got ids from 0 to 4 in the data"):
        dl.fit(behind, {"rate": 0.1}, table_and_tokens, key=0, epochs=1, progress=False)
