"""A module of its own, imported beside the first program or not at all."""

import importlib
import sys
import time

import jax
import jax.numpy as jnp
import pytest

from jaxdl.cli import ahead


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Returns the name of a module that nobody has imported."""
    (tmp_path / "nobody_has_it.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield "nobody_has_it"
    sys.modules.pop("nobody_has_it", None)


def compile_one():
    """Compiles a program that no cache has."""
    number = float(time.time_ns() % 1_000_003)
    jax.jit(lambda x: x * number)(jnp.ones(3)).block_until_ready()


def comes(module):
    until = time.monotonic() + 10
    while module not in sys.modules and time.monotonic() < until:
        time.sleep(0.01)
    return module in sys.modules


def test_the_first_program_brings_the_import(module):
    with ahead.imports(module):
        assert module not in sys.modules
        compile_one()
        assert comes(module)


def test_nothing_is_imported_for_programs_of_others(module):
    with ahead.imports(module):
        pass
    compile_one()
    assert module not in sys.modules


def test_a_module_that_is_missing_is_no_error():
    with ahead.imports("nobody_has_that"):
        compile_one()
    assert "nobody_has_that" not in sys.modules
