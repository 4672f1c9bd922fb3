"""Copies of compiled programs on further devices, where JAX has no cache on disk."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.train import compiled, copies

SHAPE = jax.ShapeDtypeStruct((16, 8), jnp.float32)
COUNT = """
import jax
jax.config.update("jax_num_cpu_devices", 4)
import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine.crew import Threads

def recipe(hp):
    model = nn.serial(nn.dense(8), nn.relu, nn.dropout(0.1), nn.dense(10))
    return dl.Recipe(
        model, optim.adam(hp["rate"]), nn.softmax_cross_entropy, batch_size=256
    )

counts, prepare = [0], Threads.prepare
def counted(crew, blocks, *count):
    before = counts[0]
    words = prepare(crew, blocks, *count)
    print("compiled", counts[0] - before)
    return words

Threads.prepare = counted
def heard(event, seconds, **_):
    counts[0] += event.endswith("backend_compile_duration")
jax.monitoring.register_event_duration_secs_listener(heard)
space, data = {"rate": dl.LogUniform(1e-4, 1e-1)}, dl.data.load("digits")
settings = {"key": 0, "members": 8, "epochs": 2, "plan": dl.Plan(1), "progress": False}
four = dl.sweep(recipe, space, data, **settings)
dl.sweep(recipe, space, data, **settings | {"members": 1})  # finds them
print(four.metrics["dev_loss"].tolist())
"""


def sums(x, numbers):
    """Adds up in an order that the compiler chooses, of which the bits tell."""
    sums = jnp.sum(jnp.tanh(x) * 1e3, axis=0)
    return {"sums": x + sums[None], "number": numbers["one"] + 1}


@pytest.fixture
def no_cache():
    """Takes JAX's cache on disk away, and all programs in memory."""
    folder = jax.config.jax_compilation_cache_dir
    compiled.clear()
    jax.config.update("jax_compilation_cache_dir", None)
    jax.experimental.compilation_cache.compilation_cache.reset_cache()
    yield
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.experimental.compilation_cache.compilation_cache.reset_cache()


def lowered():
    number = jax.ShapeDtypeStruct((), jnp.int32)
    return compiled.lower(sums, SHAPE, {"one": number}, donate=0)


def results(programs):
    x = np.random.default_rng(0).normal(size=SHAPE.shape).astype(np.float32)
    for device, program in programs.items():
        numbers = jax.device_put((jnp.asarray(x), {"one": jnp.int32(2)}), device)
        found = program(*numbers)
        assert found["sums"].devices() == {device} and found["number"] == 3
        yield np.asarray(found["sums"])


def test_a_program_is_compiled_once_for_all_devices(no_cache, monkeypatch):
    one, again = lowered(), lowered()
    monkeypatch.setattr(compiled.Lowered, "elsewhere", None)  # nor can it be
    programs = one.compile_for(jax.devices())
    first, *others = results(programs)
    assert [*programs] == jax.devices() and others
    assert all(np.array_equal(first, other) for other in others)
    assert len([*results(again.compile_for(jax.devices()))]) == len(jax.devices())


def test_what_cannot_be_copied_is_compiled_for_each_device(no_cache, monkeypatch):
    def refuse(*_):
        raise ValueError("Compilation does not support serialization")

    expected = [*results(lowered().compile_for(jax.devices()))]
    compiled.clear()
    monkeypatch.setattr(copies.serialize_executable, "serialize", refuse)
    found = [*results(lowered().compile_for(jax.devices()))]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.heavy
def test_a_sweep_on_four_devices_compiles_its_two_programs_once(tmp_path):
    """In a process of its own, as a user without a cache has it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", COUNT], env=environment, cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    first, second, curves = done.stdout.splitlines()
    assert (first, second) == ("compiled 2", "compiled 0"), done.stdout
    assert "nan" not in curves and not done.stderr
