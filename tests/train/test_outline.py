"""What the shapes of a training tell, and what fails before anything is compiled."""

from pathlib import Path

import chex
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import DataError
from jaxdl.train import RecipeError, facts_of
from jaxdl.train.outline import outline
from jaxdl.train.structure import partition

PLAIN = {"rate": 0.1, "smoothing": 0.0}


def test_an_outline_has_the_shapes_of_a_training(linear, few):
    found = outline(linear, *partition(PLAIN), few, facts_of(few, 1))
    assert (found.batch_size, found.steps_per_epoch) == (5, 5)
    assert found.precision == "float32"
    params = found.train_state.params
    chex.assert_shape([params["kernel"], params["bias"]], [(4, 3), (3,)])
    chex.assert_type(list(params.values()), jnp.float32)
    again = outline(linear, *partition(PLAIN | {"rate": 0.2}), few, facts_of(few, 1))
    assert found._replace(inference=None, loss=None) == again._replace(
        inference=None, loss=None
    )


@pytest.mark.parametrize(("batch_size", "copied"), [(5, 256), (300, 300)])
def test_a_member_copies_the_larger_batch_of_training_and_evaluation(
    linear, few, batch_size, copied
):
    def recipe(hp):
        return linear(hp)._replace(batch_size=batch_size)

    many = few._replace(train=few.train[np.arange(300) % len(few.train)])
    found = outline(recipe, *partition(PLAIN), many, facts_of(many, 1))
    assert found.batch_bytes == copied * (4 + 1) * 4  # features and a label, bytes


def test_metrics_of_the_whole_set_keep_the_outputs_on_the_dev_set(linear, few):
    def measured(hp):
        return linear(hp)._replace(metrics={"f1": train.macro_f1}, rank_by="-f1")

    plain, found = (
        outline(r, *partition(PLAIN), few, facts_of(few, 1)) for r in (linear, measured)
    )
    assert (plain.metrics, plain.rank_by, plain.output_bytes) == ((), "error", 0)
    assert (found.metrics, found.rank_by) == (("f1",), "-f1")
    assert found.output_bytes == 24 * 3 * 4  # examples, outputs, bytes
    assert found.program != plain.program


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": lambda z, y: jnp.mean(z)}, r"shape \[\] for 5 examples"),
        ({"metrics": {"own": lambda z, y, w: z[:, 0]}}, r"metric own gave shape \[5\]"),
        ({"error": lambda z, y: z.T}, r"shape \[3, 5\] for 5 examples"),
        (
            {"loss": lambda z, y: y[None] - z[:, :1]},
            r"\[5, 5\] for 5 examples and \[6, 6\]",
        ),
        ({"penalty": nn.l2(0.1, where=lambda n, w: False)}, "found no parameter that"),
        ({"model": nn.as_layer(lambda x: x), "penalty": nn.l1(0.1)}, "l1 got a model"),
        (
            {"loss": lambda z, y: nn.softmax_cross_entropy(z, y * 0.5)},
            "got labels float",
        ),
        ({"loss": nn.squared_error}, "expected one target per output"),
        ({"optimizer": 0.1}, "optimizer=0.1; expected an optax"),
        ({"model": lambda x: x[:, 0]}, r"got outputs \[5\]; expected a row"),
        (
            {"model": nn.serial(nn.dense(3), lambda x: x @ x)},
            f"{Path(__file__).name}, line",
        ),
        ({"batch_size": 2.5}, "batch_size=2.5; expected a plain int"),
    ],
)
def test_what_fails_in_a_step_is_refused_before_compilation(
    change, message, linear, few, fit
):
    with pytest.raises(RecipeError, match=message):
        fit(lambda hp: linear(hp)._replace(**change), PLAIN, few)


@pytest.mark.usefixtures("nothing_compiles")
def test_a_batch_size_that_is_traced_names_static(linear, few, fit):
    with pytest.raises(RecipeError, match=r"batch_size=.*Static"):
        fit(lambda hp: linear(hp)._replace(batch_size=hp["rate"]), PLAIN, few)


@pytest.mark.usefixtures("nothing_compiles")
def test_a_batch_larger_than_the_train_set_is_refused(linear, few, fit):
    with pytest.raises(DataError, match="batch_size=25 for 24 training examples"):
        fit(lambda hp: linear(hp)._replace(batch_size=25), PLAIN, few)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize("recipe", ["adam", [], None])
def test_a_recipe_is_a_function(recipe, few, fit):
    with pytest.raises(RecipeError, match="expected a function"):
        fit(recipe, PLAIN, few)


def test_the_outputs_have_plain_sizes(few):
    def recipe(hp):
        model = nn.dense(hp["units"])
        return dl.Recipe(model, optim.adam(0.1), nn.softmax_cross_entropy, batch_size=8)

    sized = partition({"units": nn.Size(np.int32(3), 4)})
    with pytest.raises(RecipeError, match="expected plain sizes"):
        outline(recipe, *sized, few, facts_of(few, 1))


def drawn_at_the_start(plain):
    def init(key, in_shape):
        params, state, out_shape = plain.model.init(key, in_shape)
        return params | {"bias": np.float32(np.random.normal(size=3))}, state, out_shape

    return plain._replace(model=plain.model._replace(init=init))


def drawn_in_a_step(plain):
    noise = np.float32(np.random.normal(size=(4, 3)))
    return plain._replace(penalty=lambda params, _: jnp.sum(params["kernel"] * noise))


def drawn_in_a_metric(plain):
    chance = float(np.random.random())
    return plain._replace(metrics={"luck": lambda outputs, *_: outputs.mean() + chance})


IMPURE = [drawn_at_the_start, drawn_in_a_step, drawn_in_a_metric]


@pytest.mark.parametrize("change", IMPURE)
@pytest.mark.usefixtures("nothing_compiles")
def test_a_recipe_that_is_not_pure_is_refused_before_it_trains(
    change, linear, few, fit, tmp_path
):
    """Its start, its epochs and its predictions would have other numbers each."""

    def recipe(hp):
        return change(linear(hp))

    with pytest.raises(RecipeError, match="something else each time.*a pure function"):
        fit(recipe, PLAIN, few)
    with pytest.raises(RecipeError, match="something else each time.*a pure function"):
        dl.sweep(recipe, PLAIN, few, key=0, members=2, epochs=1, run_dir=tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("change", [drawn_in_a_step, drawn_in_a_metric])
def test_the_same_numbers_each_time_are_pure(change, linear, few, fit):
    def seeded(hp):
        np.random.seed(0)
        return change(linear(hp))

    assert np.isfinite(fit(seeded, PLAIN, few, epochs=1).metrics["dev_loss"]).all()
