"""A traced choice: what it refuses, and that what is not chosen has no influence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.one_of import OneOf, check_options, guarded, select

NAMES = ("relu", "tanh")


@pytest.mark.parametrize("index", [-1, 2, np.int32(2)])
def test_a_plain_index_outside_is_refused(index):
    with pytest.raises(ValueError, match="an int from 0 to 1"):
        OneOf(index, NAMES)


def test_with_a_plain_index_it_is_its_option():
    tanh = OneOf(np.int32(1), NAMES)
    assert type(tanh.index) is int and tanh.option == "tanh" and str(tanh) == "tanh"
    assert tanh == "tanh" and tanh != "relu" and tanh == OneOf(0, ("tanh", "gelu"))
    assert {"tanh": 3}[tanh] == 3
    assert OneOf(0, (True, False)) and not OneOf(1, (True, False))


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x == "relu", lambda x: x in NAMES, lambda x: {"relu": 1}[x], bool,
        str, int, float, lambda x: [1, 2][x], lambda x: x < 1,
    ],
)  # fmt: skip
def test_a_traced_one_is_no_plain_value(use):
    with pytest.raises(TypeError, match=r"nn\.among or optim\.among.*Static"):
        jax.eval_shape(lambda i: use(OneOf(i, NAMES)), 0)


@pytest.mark.parametrize(
    ("which", "options", "error", "message"),
    [
        (OneOf(0, NAMES), {"relu": 1}, ValueError, r"without \['tanh'\]; expected one"),
        ("gelu", {"relu": 1}, ValueError, r"without \['gelu'\]; expected one for each"),
        (OneOf(0, NAMES), [1, 2], TypeError, "expected a dict of at least one by name"),
        (OneOf(0, NAMES), {}, TypeError, "expected a dict of at least one by name"),
        (0.5, {"relu": 1}, TypeError, r"expected the hyperparameter of an Among\("),
        (jnp.asarray(1), {1: 1}, TypeError, r"hyperparameter of an Among\("),
    ],
)
def test_options_that_do_not_suit_a_choice_are_refused(which, options, error, message):
    with pytest.raises(error, match=message):
        check_options("among", which, options)


def test_one_select_takes_the_chosen_and_leaves_nan_behind():
    values = [{"a": jnp.array([1.0, 2.0])}, {"a": jnp.array([jnp.nan, jnp.inf])}]
    found = [select("among", OneOf(jnp.asarray(i), NAMES), values) for i in (0, 1)]
    np.testing.assert_array_equal(found[0]["a"], [1, 2])
    np.testing.assert_array_equal(found[1]["a"], [np.nan, np.inf])


def test_results_of_several_shapes_are_refused():
    with pytest.raises(ValueError, match=r"shapes \{'relu': \(2,\), 'tanh': \(3,\)\}"):
        select("among", OneOf(0, NAMES), [jnp.ones(2), jnp.ones(3)])


def test_only_the_chosen_option_sends_a_gradient_back():
    """Of x and sqrt(x) at 0; the second has an infinite slope there."""

    def result(x, index):
        which = OneOf(index, NAMES)
        seen = [guarded(which, place, x) for place in (0, 1)]
        return select("among", which, [3 * seen[0], jnp.sqrt(seen[1])])

    assert jax.grad(result)(0.0, jnp.asarray(0)) == 3
    assert jax.grad(result)(4.0, jnp.asarray(1)) == 0.25
