"""The instruction set of this machine's processor, in names of our own.

XLA compiles for what the processor has, so the order in which a program adds up, and
whether it rounds between a product and a sum, depend on it. The processor itself is
asked: libraries rename what they find from version to version.
"""

import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")  # Linux only

# Our name of each extension that computes with numbers, and its other names on Linux
# (arch/x86/include/asm/cpufeatures.h, arch/arm64/kernel/cpuinfo.c) and on macOS
# (`sysctl hw.optional`).
EXTENSIONS = (
    "sse4_2", "avx avx1_0", "avx2 avx2_0", "fma", "fma4", "f16c", "avx512f", "avx512cd",
    "avx512dq", "avx512bw", "avx512vl", "avx512_vnni avx512vnni",
    "avx512_bf16 avx512bf16", "avx512_fp16 avx512fp16", "avx_vnni", "amx_tile",
    "amx_int8", "amx_bf16", "amx_fp16",
    "neon asimd advsimd", "fp16 asimdhp feat_fp16", "dotprod asimddp feat_dotprod",
    "bf16 feat_bf16", "i8mm feat_i8mm", "sve", "sve2", "sme feat_sme",
)  # fmt: skip


def instruction_set() -> list[str]:
    """Returns the extensions of the processor that change what is computed.

    Where the system does not list them, it is the system's name of the processor.
    """
    if CPUINFO.exists():
        return named(from_cpuinfo(CPUINFO.read_text()))
    if platform.system() == "Darwin":
        asked = ["/usr/sbin/sysctl", "hw.optional"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=True)
        return named(from_sysctl(answer.stdout))
    return [platform.processor()]


def named(found: Iterable[str]) -> list[str]:
    """Returns those of our extensions that are found, in a fixed order.

    Args:
        found: all that a processor has, in a system's names.
    """
    has = {name.lower() for name in found}
    rows = (row.split() for row in EXTENSIONS)
    return [own for own, *others in rows if not has.isdisjoint({own, *others})]


def from_cpuinfo(text: str) -> list[str]:
    """Returns what the first processor has, from Linux's list of processors."""
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return line[1].split() if line else []


def from_sysctl(text: str) -> list[str]:
    """Returns what the processor has, from lines such as `hw.optional.avx2_0: 1`."""
    return re.findall(r"^hw\.optional\.(?:\w+\.)*(\w+): 1$", text, re.MULTILINE)
