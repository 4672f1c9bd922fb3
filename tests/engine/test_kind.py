"""The kind of a machine: what bits depend on, whatever libraries call it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdl.engine import kind
from jaxdl.engine.kind import SETTINGS, kind_here


def test_a_cpu_is_named_by_its_own_instruction_set(monkeypatch):
    """NumPy renames extensions from version to version."""
    before = kind_here()
    renamed = {"SIMD Extensions": {"found": ["X86_V5"]}}
    monkeypatch.setattr(np, "show_config", lambda mode: renamed)
    assert kind_here() == before
    monkeypatch.setattr(kind, "instruction_set", lambda: ["avx2", "fma"])
    assert kind_here().device == f"cpu {platform.machine()} avx2 fma"


@pytest.mark.parametrize(
    ("name", "value", "recorded"),
    [
        ("jax_disable_most_optimizations", True, True),  # changes the last bits
        ("jax_optimization_level", "O0", "O0"),
        ("jax_exec_time_optimization_effort", 0.5, 0.5),
        ("jax_default_matmul_precision", "bfloat16", "bfloat16"),
    ],
)
def test_settings_that_compile_otherwise_are_of_the_kind(name, value, recorded):
    if name not in jax.config.values:
        pytest.skip(f"jax {jax.__version__} has no setting {name}")
    before = jax.config.values[name]
    jax.config.update(name, value)
    try:
        assert kind_here().flags[name] == recorded
    finally:
        jax.config.update(name, before)
    assert kind_here().flags == {"jax_threefry_partitionable": True, "XLA_FLAGS": []}


def test_settings_are_those_of_jax():
    for name, default in SETTINGS.items():
        assert jax.config.values.get(name, default) == default


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("", []),
        (" --xla_b=2\n--xla_a=1 ", ["--xla_a=1", "--xla_b=2"]),
        ("--xla_a=1 --xla_a=2", ["--xla_a=2"]),  # the last counts
        ("--xla_force_host_platform_device_count=2", []),
    ],
)
@pytest.mark.parametrize("in_a_file", [False, True])
def test_flags_of_xla_are_recorded_by_what_they_are(
    text, recorded, in_a_file, monkeypatch, tmp_path
):
    if in_a_file:
        file = tmp_path / "flags"
        file.write_text(text)
        text = str(file)
    monkeypatch.setenv("XLA_FLAGS", text)
    assert kind_here().flags["XLA_FLAGS"] == recorded


THREAD_NAMES = """
import os, jax
from jaxdl.engine.kind import kind_here
threads = kind_here().threads
tasks = "/proc/self/task"
names = [open(f"{tasks}/{one}/comm").read() for one in os.listdir(tasks)]
print(threads, sum(name == "tf_XLAEigen\\n" for name in names))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux alone")
@pytest.mark.parametrize(
    "given",
    [{"PJRT_NPROC": "5"}, pytest.param({"NPROC": "3"}, marks=pytest.mark.heavy)],
)
def test_threads_are_those_that_xla_has(given):
    own = {k: v for k, v in os.environ.items() if k not in ("PJRT_NPROC", "NPROC")}
    command = [sys.executable, "-c", THREAD_NAMES]
    out = subprocess.run(command, env=own | given, check=True, capture_output=True)
    assert out.stdout.split() == [next(iter(given.values())).encode()] * 2


def test_threads_are_counted_as_they_run(monkeypatch):
    """A variable that is set too late changes nothing."""
    before = kind_here().threads
    monkeypatch.setenv("PJRT_NPROC", str(before + 5))
    assert kind_here().threads == before or not kind.TASKS.is_dir()


def test_without_names_of_threads_each_device_has_one(monkeypatch, tmp_path):
    monkeypatch.setattr(kind, "TASKS", tmp_path)
    monkeypatch.setenv("PJRT_NPROC", "1")
    assert kind.threads() == max(1, jax.local_device_count("cpu"))
    monkeypatch.delenv("PJRT_NPROC")
    monkeypatch.delenv("NPROC", raising=False)
    assert kind.threads() == max(kind.cores(), jax.local_device_count("cpu"))


@pytest.mark.parametrize("name", ["LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE"])
def test_variables_of_other_compilers_are_recorded(name, monkeypatch):
    monkeypatch.setenv(name, "0")
    assert kind_here().flags[name] == "0"
