"""Adds to the site what is made of other files: its first page and the reference.

`mkdocs build` calls these functions and makes the site from `mkdocs.yml`.
"""

import importlib
import re
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ROOMS = (
    "jaxdl", "jaxdl.nn", "jaxdl.optim", "jaxdl.data", "jaxdl.spaces", "jaxdl.searches",
    "jaxdl.train", "jaxdl.sweeps", "jaxdl.runs", "jaxdl.diagnose", "jaxdl.report",
    "jaxdl.experiment", "jaxdl.interop",
)  # fmt: skip
IN_DOCS = re.compile(r"\]\(docs/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the README, with links within the site, and a page for each room."""
    readme = IN_DOCS.sub("](", (ROOT / "README.md").read_text())
    files.append(File.generated(config, "index.md", content=readme))
    shown = set[str]()
    for name in ROOMS:
        page = _reference(importlib.import_module(name), shown)
        files.append(File.generated(config, f"reference/{name}.md", content=page))
    return files


def _reference(room: ModuleType, shown: set[str]) -> str:
    """Returns a page of a room's functions and classes; `shown` are on earlier ones."""
    public = [getattr(room, name) for name in room.__all__]
    parts = [f"# {room.__name__}", room.__doc__ or ""]
    for one in public:
        if not (isfunction(one) or isclass(one)):
            continue
        path = f"{one.__module__}.{one.__qualname__}"
        if path.startswith("jaxdl.") and path not in shown:
            shown.add(path)
            parts.append(f"::: {path}")
    return "\n\n".join(parts) + "\n"
