"""The page of claims: all claims, all records, and nothing else."""

import json

import pytest

from experiments.course import command, page

RECORDS = {p.stem: json.loads(p.read_text()) for p in page.RECORDS.glob("*.json")}


def test_a_verdict_says_whether_the_size_is_open():
    def of(low, high, sign=-1, verdict="seen"):
        sizes = {"low": low, "high": high, "sign": sign, "smallest": 0.2}
        return page.verdict({"verdict": verdict, **sizes})

    assert of(-0.5, -0.3) == "seen"
    assert of(-0.5, -0.1) == of(0.1, 0.5, sign=1) == "seen, size open"
    assert of(-0.1, 0.1, sign=0) == "seen"
    assert of(-0.2, -0.1, verdict="seen, small") == "seen, small"
    assert of(-0.1, 0.1, verdict="not settled") == "not settled"


def test_an_example_imports_what_it_uses_and_no_more():
    assert page.imports("x = nn.relu(np.ones(3))\nprint(dl.grid, optim.sgd)") == (
        "import numpy as np\nimport jaxdl as dl\nfrom jaxdl import nn, optim"
    )
    assert page.imports("print(1)") == ""


@pytest.mark.parametrize("name", ["averages", "bias_variance", "inputs", "decay"])
def test_an_example_prints_what_the_page_says(name):
    assert command.printed(name) == (page.PRINTED / f"{name}.txt").read_text()


def test_the_page_is_that_of_the_records(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    committed = (page.RECORDS.parent / "README.md").read_text()
    page.write()
    assert (tmp_path / "README.md").read_text() == committed


def test_every_claim_of_the_course_has_a_verdict():
    numbers = {f["number"] for record in RECORDS.values() for f in record["findings"]}
    assert set(RECORDS) == set(page.SCRIPTS)
    assert numbers == set(range(1, 29))


def test_figures_are_there_and_small():
    for record in RECORDS.values():
        for file in record["figures"]:
            assert (page.FIGURES / f"{file}.svg").stat().st_size < 150_000, file


@pytest.mark.parametrize("name", page.SCRIPTS)
def test_scripts_are_short_and_their_claims_come_first(name):
    text = (page.RECORDS.parent / f"{name}.py").read_text()
    assert text.count("\n") <= 150
    assert text.index("Claim(") < text.index("\ndef ")


@pytest.mark.heavy
@pytest.mark.parametrize("name", page.SCRIPTS)
def test_the_example_of_a_script_runs_by_itself(name):
    assert 5 <= page.example(page.script(name)).count("\n") <= 20
    said = (page.PRINTED / f"{name}.txt").read_text().splitlines()
    assert 0 < len(command.printed(name).splitlines()) == len(said)


@pytest.mark.heavy
@pytest.mark.parametrize("name", page.SCRIPTS)
def test_ten_other_seeds_reverse_no_verdict(name):
    again = page.script(name).run(10, 1).findings
    for old, new in zip(RECORDS[name]["findings"], again, strict=True):
        if old["sign"] == 0:  # the new interval reaches what counts as no effect
            assert max(new.low, -new.high) <= old["smallest"], old["claim"]
        side = {"seen": 1, "reversed": -1}.get(old["verdict"].split(",")[0], 0)
        side *= old["sign"]
        if not side:  # not settled: the intervals meet
            assert new.low <= old["high"] and old["low"] <= new.high, old["claim"]
        # The interval of the new seeds reaches the side that was found.
        assert side * (new.high if side > 0 else new.low) >= 0, old["claim"]
        if side and abs(old["mean"]) >= 2 * old["smallest"]:
            assert side * new.mean > 0, old["claim"]
