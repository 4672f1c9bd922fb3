"""The page of claims: all claims, all records, and nothing else."""

import json
import runpy

import pytest

from experiments.course import __main__ as command
from experiments.course import page

RECORDS = {p.stem: json.loads(p.read_text()) for p in page.RECORDS.glob("*.json")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for module in (page, command):
        for name in ("RECORDS", "FIGURES"):
            monkeypatch.setattr(module, name, tmp_path / name.lower())
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    return tmp_path


def test_a_script_writes_its_record_its_figures_and_the_page(folder, monkeypatch):
    monkeypatch.setattr("sys.argv", ["course", "averages", "--seeds", "3"])
    monkeypatch.setattr(command.dl, "enable_compilation_cache", lambda: None)
    command.main()
    record = json.loads((folder / "records" / "averages.json").read_text())
    assert [f["number"] for f in record["findings"]] == [20, 20]
    # The mean of 1 - β^(1 / (1 - β)) for β of 0.5, 1 - √0.0005 and 0.999, less 1/2.
    expected = (0.75 + 0.63629 + 0.63230) / 3 - 0.5
    assert record["findings"][0]["mean"] == pytest.approx(expected, abs=1e-4)
    text = (folder / "README.md").read_text()
    assert "| 20 | the last 1 / (1 − β) values" in text
    assert "v = optim.ewma(v, temperature, beta=0.9)" in text
    first = (folder / "figures" / "averages.svg").read_bytes()
    command.main()
    assert (folder / "figures" / "averages.svg").read_bytes() == first


def test_an_unknown_script_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["course", "avarages"])
    with pytest.raises(SystemExit):
        command.main()
    assert "got avarages; expected some of split, " in capsys.readouterr().err


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
def test_the_example_of_a_script_runs(name, tmp_path):
    lines = page.example(page.script(name))
    assert 3 <= lines.count("\n") <= 14
    imports = page.IMPORTS.split("```python\n")[1].split("```")[0]
    file = tmp_path / "example.py"
    file.write_text(imports + lines)
    runpy.run_path(str(file))


@pytest.mark.heavy
@pytest.mark.parametrize("name", page.SCRIPTS)
def test_ten_other_seeds_reverse_no_verdict(name):
    again = page.script(name).run(10, 1).findings
    for old, new in zip(RECORDS[name]["findings"], again, strict=True):
        if old["sign"] == 0:  # the new interval reaches what counts as no effect
            assert max(new.low, -new.high) <= old["smallest"], old["claim"]
        side = {"seen": 1, "reversed": -1}.get(old["verdict"].split(",")[0], 0)
        side *= old["sign"]
        # The interval of the new seeds reaches the side that was found.
        assert side * (new.high if side > 0 else new.low) >= 0, old["claim"]
        if side and abs(old["mean"]) >= 2 * old["smallest"]:
            assert side * new.mean > 0, old["claim"]
