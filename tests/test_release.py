"""Version, changelog, citation, extras and actions of a release agree."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Extras without a job of their own: of other devices, and of whoever works on jaxdl.
OTHER = {"cuda12", "cuda13", "tpu", "bench", "test", "docs", "dev"}
TOGETHER = {"aot-tpu", "aot-cuda"}  # in the job of the targets


def test_the_citation_has_the_version_and_the_license():
    citation = (ROOT / "CITATION.cff").read_text()
    for name in ("version", "license"):
        assert f"\n{name}: {PROJECT['project'][name]}\n" in citation


def test_the_changelog_has_one_part_for_what_is_not_released():
    parts = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert parts.count("Unreleased") == 1 and parts[0] == "Unreleased"
    kinds = re.findall(r"^### (\w+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert {*kinds} <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_each_extra_is_tested_alone():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    listed = re.search(r"\n        extra:\n((?:          - .+\n)+)", workflow)
    assert listed is not None
    entries = re.findall(r"- ([\w,]+)", listed[1])
    extras = {extra for entry in entries for extra in entry.split(",")}
    every = PROJECT["project"]["optional-dependencies"].keys()
    assert extras == every - OTHER - TOGETHER
    assert f"'.[{','.join(sorted(TOGETHER, reverse=True))}]'" in workflow


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_one_commit(workflow):
    actions = re.findall(r"uses: (.+)", workflow.read_text())
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action), action


def test_what_is_tested_is_in_the_sdist():
    """The tests of an unpacked sdist read these files."""
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"jaxdl", "tests", "docs", "experiments", ".github"} <= {*included}
    assert all((ROOT / path).exists() for path in included)
