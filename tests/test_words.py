"""One idea, one word: what README, docs, experiments and code may still say."""

import re
from pathlib import Path

import pytest

import jaxdl

ROOT = Path(jaxdl.__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = sorted(
    file
    for folder in ("jaxdl", "experiments")
    for suffix in ("py", "html", "js")
    for file in (ROOT / folder).rglob(f"*.{suffix}")
)
MOST_WORDS = 1500  # of the README
# Names that are gone, and turns of phrase that a reader parses twice.
RETIRED = re.compile(
    r"jaxdl[./]search\b|\bdl\.search\b|\bcoarse_to_fine\b|\bgridded\b|\bexamine[sd]?\b"
    r"|\bKeeper\b|\bFATES\b|\bfates?\b|\bTold\b|\bAsking\b|\bbegun\b|\banew\b|\bwhom\b"
    r"|gone on with|goes on from|going on from|lets? go of|\bsave for\b|\blikewise\b"
    r"|is none of|\bstarted? over\b|\brun\.json\b|\bmembers\.csv\b|\bcurves\.npz\b"
)


@pytest.mark.parametrize(
    "file", PAGES + CODE, ids=lambda file: str(file.relative_to(ROOT))
)
def test_no_name_that_is_gone_is_left(file):
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    found = [(n, found[0]) for n, line in lines if (found := RETIRED.search(line))]
    assert found == []


def test_the_readme_is_read_in_minutes():
    assert len((ROOT / "README.md").read_text().split()) < MOST_WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text()
    for name in set(re.findall(r"\b(?:dl|jaxdl)((?:\.[a-z_A-Z]\w*)+)\(", text)):
        there = jaxdl
        for part in name[1:].split("."):
            there = getattr(there, part)
    paths = re.findall(r"`((?:jaxdl|tests|experiments|docs)/[\w/.]*)`", text)
    paths += re.findall(r"\]\((?!http)([^)#]+)", text)
    for path in paths:
        assert any((base / path).exists() for base in (ROOT, page.parent)), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_rooms_of_a_page_are_those_of_the_house(page):
    rooms = {p.name for p in (ROOT / "jaxdl").iterdir() if (p / "__init__.py").exists()}
    tables = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    floors = [line for line in tables if re.match(r"\| \d \| ", line)]
    named = {room for line in floors for room in re.findall(r"`(\w+)/`", line)}
    assert named == rooms or (
        not named
        and page.name
        in (
            "accelerators.md",
            "cluster.md",
            "commands.md",
            "guide.md",
            "data.md",
            "measured.md",
            "models.md",
            "pieces.md",
            "rules.md",
            "serving.md",
            "tabular.md",
            "updates.md",
        )
    )
