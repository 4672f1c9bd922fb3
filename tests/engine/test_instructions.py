"""The instruction set: the processor's own, by names that no library changes."""

import platform
import subprocess

import pytest

from jaxdl.engine import instructions
from jaxdl.engine.instructions import instruction_set

# Lines as Linux and macOS print them, shortened.
EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
flags\t\t: fpu sse sse4_2 fma avx f16c avx2 avx512f avx512bw avx512_bf16 amx_fp8

processor\t: 1
flags\t\t: fpu sse sse4_2
"""
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp sve i8mm bf16\n"
INTEL_MAC = """hw.optional.sse4_2: 1
hw.optional.avx1_0: 1
hw.optional.avx2_0: 1
hw.optional.fma: 1
hw.optional.avx512f: 0
"""
APPLE = """hw.optional.arm.FEAT_BF16: 1
hw.optional.arm.FEAT_SME: 0
hw.optional.arm.FEAT_FP16: 1
hw.optional.neon: 1
"""


@pytest.fixture
def linux(monkeypatch, tmp_path):
    """Returns a function after which the processors of Linux are these."""
    monkeypatch.setattr(instructions, "CPUINFO", tmp_path / "cpuinfo")
    return (tmp_path / "cpuinfo").write_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EPYC, "sse4_2 avx avx2 fma f16c avx512f avx512bw avx512_bf16"),
        (GRAVITON, "neon fp16 dotprod bf16 i8mm sve"),
        ("processor\t: 0\n", ""),
    ],
)
def test_linux_lists_its_processor(text, expected, linux):
    linux(text)
    assert instruction_set() == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [(INTEL_MAC, "sse4_2 avx avx2 fma"), (APPLE, "neon fp16 bf16")],
)
@pytest.mark.usefixtures("linux")  # without the file
def test_macos_is_asked(text, expected, monkeypatch):
    done = subprocess.CompletedProcess([], 0, text)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert instruction_set() == expected.split()


@pytest.mark.usefixtures("linux")
def test_elsewhere_it_is_the_name_of_the_processor(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(platform, "processor", lambda: "Intel64 Family 6")
    assert instruction_set() == ["Intel64 Family 6"]
