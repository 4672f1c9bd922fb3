"""Compiled programs: shared by those of the same text, and by no others."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.train import compiled

PAIR = (np.float32(2), np.float32(3))


def run(function, *arguments, **settings):
    return compiled.lower(function, *arguments, **settings).compile()(*arguments)


def test_a_program_takes_and_returns_trees():
    found = run(
        lambda a, b: {"sum": a["x"] + b, "both": (a["x"], b)},
        {"x": PAIR[0]},
        3.0 * PAIR[1],
    )
    assert found == {"sum": 11, "both": (2, 9)}


def test_functions_of_one_text_share_a_program(compiles):
    assert run(lambda a, b: a * b, *PAIR) == run(lambda x, y: x * y, *PAIR) == 6
    assert len(compiles) == 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (lambda a, b: a + 1, lambda a, b: b + 1, (3, 4)),  # each drops an argument
        (lambda a, b: a + 1, lambda a, b: a + 2, (3, 4)),
        (lambda a, b: a + jnp.arange(4.0).sum(), lambda a, b: a + 1.0, (8, 3)),
    ],
)
def test_functions_that_differ_share_none(one, other, expected):
    assert (run(one, *PAIR), run(other, *PAIR)) == expected


def test_arrays_that_functions_close_over_are_told_apart():
    def adding(array):
        return run(lambda x: x + jnp.asarray(array), np.zeros(4000, np.float32))

    assert adding(np.arange(4000.0))[-1] == 3999
    assert adding(np.arange(4000.0) + 1)[-1] == 4000


def test_options_and_devices_make_other_programs(compiles):
    run(lambda x: x + 5, PAIR[0])
    run(lambda x: x + 5, PAIR[0], options={"xla_cpu_multi_thread_eigen": False})
    lowered = compiled.lower(lambda x: x + 5, PAIR[0], device=jax.devices()[1])
    assert lowered.compile()(PAIR[0]).devices() == {jax.devices()[1]}
    assert len(compiles) == 3


def test_a_function_is_freed_with_its_last_reference():
    def function(x):
        return x * 7

    alive = weakref.ref(function)
    assert run(function, PAIR[0]) == 14
    del function
    gc.collect()
    assert alive() is None


def test_a_program_that_fails_to_compile_may_be_tried_again(monkeypatch):
    lowered = compiled.lower(lambda x: x * 11, PAIR[0])
    with monkeypatch.context() as patch:
        patch.setattr(compiled.Lowered, "_compile", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lowered.compile()
    assert lowered.compile()(PAIR[0]) == 22


def test_the_programs_used_last_are_remembered(monkeypatch, compiles):
    monkeypatch.setattr(compiled, "MOST", 2)
    for number in (1, 2, 1, 3, 1):  # 2 is forgotten for 3
        run(lambda x, n=number: x + 100 * n, PAIR[0])
    assert len(compiles) == 3
    run(lambda x: x + 200, PAIR[0])
    assert len(compiles) == 4


def test_a_program_that_calls_python_is_shared_with_none():
    """Which function it calls is not in its text."""

    def calling(factor):
        def call(x):
            return jax.pure_callback(lambda x: np.float32(factor * x), x, x)

        return lambda x: call(x)

    assert [float(run(calling(f), PAIR[0])) for f in (1, 10)] == [2, 20]
