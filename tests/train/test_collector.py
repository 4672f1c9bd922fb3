"""Python's collector of cycles while JAX traces."""

import gc

import pytest

import jaxdl as dl
from jaxdl.train.collector import collector_paused


def test_it_is_paused_and_goes_on_also_after_an_error():
    assert gc.isenabled()
    with pytest.raises(KeyError), collector_paused():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_one_that_was_off_stays_off():
    gc.disable()
    try:
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_recipes_are_traced_without_it(few, linear, fit):
    found = []

    def recipe(hp):
        found.append(gc.isenabled())
        return linear(hp)

    dl.sweep(recipe, {"rate": 0.1, "smoothing": 0.0}, few, members=1, epochs=1, key=0)
    assert False in found and gc.isenabled()
