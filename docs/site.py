"""Adds to the site what is made of other files: its first page and the reference.

`mkdocs build` calls these functions and makes the site from `mkdocs.yml`.
"""

import importlib
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
COURSE = ROOT / "experiments" / "course"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the README, the claims of the course, and a page for each room."""
    readme = (ROOT / "README.md").read_text().replace("](docs/", "](")
    readme = readme.replace("](experiments/course/README.md", "](course/index.md")
    readme = readme.replace("](experiments/course/", "](course/")
    files.append(File.generated(config, "index.md", content=readme))
    for path in sorted(COURSE.rglob("*.*")):
        place = path.relative_to(COURSE).as_posix().replace("README.md", "index.md")
        if path.is_file() and "__pycache__" not in place and ".ipynb_" not in place:
            source = {"abs_src_path": str(path)}
            files.append(File.generated(config, f"course/{place}", **source))
    shown = set[str]()
    for name in ROOMS:
        page = _reference(importlib.import_module(name), shown)
        files.append(File.generated(config, f"reference/{name}.md", content=page))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Points links of the guide to the course at its page of the site."""
    markdown = markdown.replace(
        "](../experiments/course/README.md", "](course/index.md"
    )
    return markdown.replace("](../experiments/course/", "](course/")


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
