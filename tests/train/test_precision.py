"""The precision of matrix products: a recipe's own, in training and ever after."""

import chex
import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import RecipeError, facts_of
from jaxdl.train.outline import outline
from jaxdl.train.structure import partition

KEY = jax.random.key(0)


def recipe(hp):
    return dl.Recipe(
        nn.serial(nn.dense(10)),
        optim.gradient_descent(hp["learning_rate"]),
        nn.softmax_cross_entropy,
        precision=hp["precision"],
    )


def fit(digits, precision):
    hp = {"learning_rate": 0.1, "precision": precision}
    return dl.fit(recipe, hp, digits, key=KEY, epochs=2, progress=False)


@pytest.fixture(scope="module")
def members(digits):
    return {p: fit(digits, p) for p in ("bfloat16", "float32")}


def rounded(x):
    """Returns x with the 8 significant bits of bfloat16, by the bits of float32."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).view(np.float32)


def test_a_model_predicts_in_the_precision_it_was_trained_in(members, digits):
    member, x = members["bfloat16"], digits.test.inputs
    kernel, bias = member.params[0]["kernel"], member.params[0]["bias"]
    expected = np.float64(rounded(x)) @ rounded(kernel) + bias
    np.testing.assert_allclose(member.predict(x), expected, atol=1e-5)
    assert np.abs(member.predict(x) - (x @ kernel + bias)).max() > 1e-3


def test_training_in_bfloat16_is_another_training_and_nearly_as_good(members):
    coarse, fine = members["bfloat16"], members["float32"]
    assert not np.array_equal(coarse.params[0]["kernel"], fine.params[0]["kernel"])
    for name, curve in fine.metrics.items():
        np.testing.assert_allclose(coarse.metrics[name], curve, atol=0.02)


def test_loss_error_and_optimizer_see_the_recipes_precision(digits):
    seen = set()

    def look(*_):
        seen.add(jax.config.jax_default_matmul_precision)

    def recipe(hp):
        def loss(outputs, labels):
            look()
            return nn.softmax_cross_entropy(outputs, labels)

        def error(outputs, labels):
            look()
            return nn.zero_one_error(outputs, labels)

        inner = optim.gradient_descent(hp["learning_rate"])
        optimizer = inner._replace(update=lambda *a: (look(), inner.update(*a))[1])
        return dl.Recipe(
            nn.serial(nn.dense(10)),
            optimizer,
            loss,
            error=error,
            precision="tensorfloat32",
        )

    outline(recipe, *partition({"learning_rate": 0.1}), digits, facts_of(digits, 1))
    assert seen == {"tensorfloat32"}


def test_the_callers_setting_does_not_reach_a_recipe(members, digits):
    with jax.default_matmul_precision("bfloat16"):
        within = fit(digits, "float32")
    chex.assert_trees_all_equal(within.params, members["float32"].params)


@pytest.mark.parametrize(
    "precisions",
    [
        ("bfloat16",),
        pytest.param(("bfloat16", "float32"), marks=pytest.mark.heavy),
    ],
)
def test_a_sweep_trains_in_each_precision_as_a_single_run(precisions, members, digits):
    space = {"learning_rate": 0.1, "precision": dl.Static([*precisions])}
    result = dl.sweep(
        recipe, space, digits, key=KEY, members=6, epochs=2, progress=False
    )
    assert result.precisions == precisions
    kernels = {p: member.params[0]["kernel"] for p, member in members.items()}
    gap = np.abs(kernels["bfloat16"] - kernels["float32"]).max()
    assert gap > 1e-4
    of_member_0 = kernels[result.hparams["precision"][0]]
    np.testing.assert_allclose(
        result.member(0).params[0]["kernel"], of_member_0, atol=gap / 10
    )


def test_an_unknown_precision_is_refused(digits):
    with pytest.raises(RecipeError, match="precision='fp8'; expected one of float32"):
        fit(digits, "fp8")
