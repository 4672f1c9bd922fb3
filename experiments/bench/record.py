"""On what and of what a comparison was measured; nothing that names the machine."""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
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


def repeated(
    what: str,
    measure: Callable[[int], dict[str, Any]],
    markdown: Callable[[dict[str, Any]], str],
) -> None:
    """Measures from the command line; keeps the record and prints it.

    Args:
        what: the name of the module, and of the record.
        measure: gets how many repeats are asked for, returns parts of the record.
        markdown: gets the record, returns its text.
    """
    parser = argparse.ArgumentParser(f"python -m experiments.bench.{what}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    record = {
        "name": f"{time.strftime('%Y-%m-%d-%H%M%S')}-{what}",
        "surroundings": surroundings(),
        "settings": {"repeats": options.repeats},
        **measure(options.repeats),
    }
    text = markdown(record)
    keep(record, text, options.out)
    print(text)


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
