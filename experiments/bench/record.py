"""On what and of what a comparison was measured; nothing that names the machine."""

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from experiments.bench.race import cores, machine_memory

PACKAGES = (
    "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "optax", "numpy",
    "torch", "scikit-learn", "flax", "turbanet",
)  # fmt: skip


def surroundings() -> dict[str, Any]:
    """Returns the processor, the memory, the versions and the code's commit.

    Of XLA's flags it has the names alone, since values may be paths.
    """
    changes = git("status", "--porcelain")
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_bytes": machine_memory(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": git("rev-parse", "HEAD"),
        "changed": None if changes is None else bool(changes),
        "flags": [f.split("=")[0] for f in os.environ.get("XLA_FLAGS", "").split()],
    }


def keep(record: dict[str, Any], text: str, folder: Path) -> None:
    """Writes a record as JSON and as text to files of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = json.dumps(record, indent=1, allow_nan=False)
    (folder / f"{record['name']}.json").write_text(numbers)
    (folder / f"{record['name']}.md").write_text(text)


def processor() -> str:
    """Returns the processor's name for itself."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Returns the installed version, None for none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def git(*arguments: str) -> str | None:
    """Returns what git says of this code, None where it does not know."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
