"""The kind of a machine: what bits depend on, whatever libraries call it."""

import platform

import numpy as np

from jaxdl.engine import kind
from jaxdl.engine.kind import kind_here


def test_a_cpu_is_named_by_its_own_instruction_set(monkeypatch):
    """NumPy renames extensions from version to version."""
    before = kind_here()
    renamed = {"SIMD Extensions": {"found": ["X86_V5"]}}
    monkeypatch.setattr(np, "show_config", lambda mode: renamed)
    assert kind_here() == before
    monkeypatch.setattr(kind, "instruction_set", lambda: ["avx2", "fma"])
    assert kind_here().device == f"cpu {platform.machine()} avx2 fma"
