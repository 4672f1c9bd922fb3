"""A digest of a recipe's program tells it from every other one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import io_callback

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import facts_of
from jaxdl.train.identity import program_digest
from jaxdl.train.outline import trace_recipe
from jaxdl.train.part import on_device_shapes
from jaxdl.train.structure import RecipeError, partition


def at_once(numbers):
    return lambda x: jnp.sum(x * numbers)


def in_a_compiled_function(numbers):
    return jax.jit(at_once(numbers))


def twice_within(numbers):
    return jax.checkpoint(lambda x: jax.jit(jax.jit(at_once(numbers)))(x))


def with_a_key(numbers):
    key = jax.random.key(int(numbers[3]))
    return jax.jit(lambda x: jnp.sum(x * jax.random.normal(key, (5,))))


def program(function, data):
    def recipe(hp):
        return dl.Recipe(
            model=nn.dense(10),
            optimizer=optim.gradient_descent(hp["rate"]),
            loss=nn.softmax_cross_entropy,
            penalty=lambda params, _: function(params["bias"][:5]),
        )

    return trace_recipe(
        recipe,
        *partition({"rate": 0.1}),
        on_device_shapes(data.train),
        facts_of(data, 1),
    ).program


@pytest.fixture
def places_of_constants(request):
    """Has JAX put the arrays of a trace beside it, or in the place of arguments."""
    jax.config.update("jax_use_simplified_jaxpr_constants", request.param)
    jax.clear_caches()  # of functions that were traced before
    yield
    jax.config.update("jax_use_simplified_jaxpr_constants", False)
    jax.clear_caches()


MAKES = [in_a_compiled_function, at_once, twice_within, with_a_key]


@pytest.mark.parametrize(
    ("places_of_constants", "make"),
    [
        *((False, make) for make in MAKES),
        (True, in_a_compiled_function),
        *(pytest.param(True, make, marks=pytest.mark.heavy) for make in MAKES[1:]),
    ],
    indirect=["places_of_constants"],
)
@pytest.mark.usefixtures("places_of_constants")
def test_numbers_that_a_recipe_closes_over_are_of_its_program(make, digits):
    one, other = np.ones(5, np.float32), np.array([1, 1, 1, 2, 1], np.float32)
    found = program(make(one), digits)
    assert found == program(make(one.copy()), digits)
    assert found != program(make(other), digits)


def everything(numbers):
    """Calls within calls, a loop, a branch, a custom derivative and a checkpoint."""

    @jax.custom_jvp
    def own(x):
        return jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, x)

    own.defjvp(lambda x, t: (own(*x), own(*x) * t[0]))

    def penalty(x):
        x, _ = jax.lax.scan(lambda c, n: (jax.jit(own)(c) * n, None), x, numbers)
        return jax.checkpoint(at_once(numbers))(x)

    return penalty


def test_a_program_is_the_same_in_a_terminal_with_colors(digits, monkeypatch):
    numbers = np.ones(5, np.float32)
    plain = program(everything(numbers), digits)
    monkeypatch.setattr("jax._src.pretty_printer.CAN_USE_COLOR", True)
    trace = jax.make_jaxpr(everything(numbers))(numbers)
    assert "\x1b[" in str(trace)  # else the test shows nothing
    assert program(everything(numbers), digits) == plain
    assert program_digest([trace]) != program_digest([jax.make_jaxpr(jnp.sin)(1.0)])


def multiplied(call):
    """Returns a function that multiplies by what a call gives."""
    one = jax.ShapeDtypeStruct((), np.float32)
    return lambda x: jnp.sum(x) * call(lambda: np.float32(2), one)


@pytest.mark.parametrize("call", [jax.pure_callback, io_callback])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.checkpoint])
def test_a_recipe_that_calls_python_is_refused(call, wrap, digits):
    """Another function of Python would train otherwise, and have the same program."""
    penalty = multiplied(call) if call is io_callback else wrap(multiplied(call))
    with pytest.raises(RecipeError, match=f"has a {call.__name__}; expected a comp"):
        program(penalty, digits)


def test_a_recipe_may_print(few, capsys):
    """What it prints is no part of what it computes."""

    def recipe(hp):
        jax.debug.print("rate {rate}", rate=hp["rate"])
        optimizer, loss = optim.gradient_descent(hp["rate"]), nn.softmax_cross_entropy
        return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=8)

    dl.fit(recipe, {"rate": 0.5}, few, key=0, epochs=1, progress=False)
    assert "rate 0.5" in capsys.readouterr().out
