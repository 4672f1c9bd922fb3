"""Errors of a user's file and of places are a sentence; others keep their traceback."""

from pathlib import Path

import jax
import pytest

from jaxdl.cli import failures
from jaxdl.runs import RunMismatchError
from tests.cli.conftest import LINEAR


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hp["rate"]', 'hp["lr"]', "KeyError: 'lr'"),
        ('hp["rate"]', "hp.lr", "AttributeError: 'dict' object has no attribute 'lr'"),
        ('hp["rate"]', "rate", "NameError: name 'rate' is not defined"),
        ("nn.dense(", "nn.dens(", "AttributeError: module 'jaxdl.nn' has no attribute"),
        ('load("digits")', 'lod("digits")', "has no attribute 'lod'"),
    ],
)
@pytest.mark.parametrize("command", ["sweep", "fit", "check"])
def test_a_slip_in_a_file_is_a_sentence_with_its_line(
    main, write, command, old, new, message
):
    given = {"fit": ("rate=0.1",)}.get(command, ())
    status, _, error = main(command, write(LINEAR.replace(old, new)), *given)
    assert status == 2 and len(error.splitlines()) == 1
    assert "experiment.py, line " in error and message in error


def test_a_setting_in_the_way_is_a_sentence(main, linear):
    jax.config.update("jax_debug_infs", True)
    try:
        status, _, error = main("sweep", linear)
    finally:
        jax.config.update("jax_debug_infs", False)
    assert status == 2 and len(error.splitlines()) == 1
    assert "JAX's setting jax_debug_infs=True" in error


def test_a_failure_of_ours_keeps_its_traceback(main, linear, monkeypatch):
    def fail(*_, **__):
        raise KeyError("lr")

    monkeypatch.setattr("jaxdl.cli.training.sweep", fail)
    with pytest.raises(KeyError):
        main("sweep", linear)


def test_memory_of_a_device_that_is_short_is_a_sentence():
    short = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory.\nmore")
    told = "memory is short: RESOURCE_EXHAUSTED: Out of memory."
    assert failures.sentence(short, None) == told
    assert failures.sentence(jax.errors.JaxRuntimeError("INTERNAL: x"), None) == ""


def test_more_trainings_than_memory_holds_are_refused_at_once(main, linear):
    counts = ("--members", "2", "--repeats", "100000000")
    status, _, error = main("sweep", linear, *counts)
    assert status == 2 and "which are 200,000,000 trainings; expected at most" in error


def test_a_run_of_another_recipe_names_the_file():
    error = RunMismatchError("got another recipe")
    told = failures.sentence(error, Path("two.py"))
    assert told == "two.py: got another recipe"
