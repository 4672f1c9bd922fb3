"""The page as a file: what is in it, what cannot get out of it, how big it is."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest

from jaxdl import report, runs
from jaxdl.report.figures import FIGURES, Source
from jaxdl.report.page import _sections
from tests.report.conftest import diverged, ends, renamed, unpacked, untrained, widened
from tests.small import rate

HOSTILE = "</script><script>alert(1)</script>\"'<img src=x onerror=alert(1)>&amp;<!--"


class Reader(HTMLParser):
    """Elements with their attributes, and the texts in them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data

    def all(self, tag):
        return [
            (attributes, text)
            for (name, attributes), text in zip(self.elements, self.texts, strict=True)
            if name == tag
        ]

    def data(self):
        return json.loads(
            next(t for a, t in self.all("script") if a.get("id") == "data"),
            parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
        )


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Writes a page with one figure alone and returns it, read."""

    def write(result, figures=False, **settings):
        if not figures:
            one = {"learning_curves": FIGURES["learning_curves"]}
            monkeypatch.setattr("jaxdl.report.page.FIGURES", one)
        report.report(result, tmp_path / "page.html", **settings)
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return write


def test_every_figure_is_in_the_page(result, digits, page):
    text = page(result, figures=True, data=digits)
    assert "Train errors are means over the batches of an epoch, with dropout" in text
    images = [attributes for attributes, _ in Reader(text).all("img")]
    assert [a["alt"] for a in images] == [
        "dev error of all members by epoch", "dev loss of all members by epoch",
        "train error against dev error", "each hyperparameter against dev error",
        "importance of the hyperparameters", "the best tenth side by side",
        "median dev error over two hyperparameters", "norms by layer",
        "confusion matrix", "examples with the highest loss",
    ]  # fmt: skip
    for image in images:
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(data, validate=True)


def test_a_page_has_the_rates_of_a_schedule_that_is_given(result, digits):
    for schedule, count in ((rate, 1), (None, 0)):
        shown = _sections(Source(result, digits, schedule))["Learning"]
        assert [row.name for row in shown].count("learning_rates") == count


@pytest.mark.heavy
def test_what_a_search_did_is_in_the_page(halved, bred, page):
    for result, expected in ((halved, 8), (bred, 9)):
        assert len(Reader(page(result, figures=True)).all("img")) == expected


def test_the_ensemble_stands_beside_the_best_member(result, digits, page):
    text = page(result, data=digits)
    table = re.findall(
        r"<tr><th scope=.row.>(best member|ensemble)</th>(.*?)</tr>", text
    )
    models = {"best member": result.best(), "ensemble": result.ensemble(digits.dev)}
    assert [name for name, _ in table] == [*models]
    for name, cells in table:
        values = [float(cell) for cell in re.findall(r">([^<]+)</td>", cells)]
        parts = (models[name].evaluate(part) for part in (digits.dev, digits.test))
        expected = [part[x] for part in parts for x in ("loss", "error")]
        np.testing.assert_allclose(values, expected, rtol=1e-3)
    assert '<th scope="col">test loss</th>' in text


def test_a_page_without_data_or_with_folds_has_no_ensemble(
    result, repeated, digits, page
):
    assert "predict together" not in page(result)
    assert "predict together" not in page(repeated, data=digits)


def test_lost_weights_leave_the_ensemble_out(result, digits, page, monkeypatch):
    def lost(*_):
        raise runs.DamagedError("the weights of member 3 are lost")

    monkeypatch.setattr(type(result), "ensemble", lost)
    assert "predict together" not in page(result, data=digits)


@pytest.mark.heavy
def test_a_page_of_members_that_all_diverged(result, digits, page):
    lost = diverged(result, range(32))
    text = page(lost, figures=True, data=digits)
    assert "32 of 32 members diverged" in text
    assert "Lower the range of the learning rate." in text
    assert "Best member" not in text


def test_a_page_of_a_sweep_that_has_just_begun(result, digits, page):
    text = page(untrained(result), figures=True, data=digits)
    assert "No configuration has a finite dev error." in text


def test_repeats_and_folds_have_their_columns(repeated, digits, page):
    data = Reader(page(repeated, data=digits)).data()
    assert data["columns"][:4] == ["member", "configuration", "repeat", "fold"]
    best = int(repeated.ranking()[0])
    assert [row[:4] for row in data["rows"][:4]] == [
        [4 * best + v, best, v // 2, v % 2] for v in range(4)
    ]


def test_a_page_of_folds_needs_no_data(repeated, page):
    text = page(repeated, figures=True)
    assert "The best of 4 configurations" in text and "Best member" not in text


def test_hostile_names_and_values_stay_texts(result, page, tmp_path):
    hostile = renamed(result, HOSTILE)
    hostile.hparams["d"] = np.array([HOSTILE] * 32, object)
    text = page(hostile)
    reader = Reader(text)
    assert len(reader.all("script")) == 3  # with the data and the library
    assert not [a for _, a in reader.elements for name in a if name.startswith("on")]
    assert [a["alt"] for a, _ in reader.all("img")] == [
        "dev error of all members by epoch"
    ]
    assert HOSTILE in reader.data()["columns"]
    assert HOSTILE in reader.data()["rows"][0]
    assert HOSTILE not in text and html.escape(HOSTILE) in text


def test_a_text_is_never_taken_for_a_place_of_the_page(result, page):
    text = page(renamed(result, "{{script}}"))
    assert text.count('"use strict";\n') == 1 and "space: {{script}}" in text


def test_half_a_letter_does_not_stop_the_page(result, page):
    assert "space: ?" in page(renamed(result, "\ud800"))


def test_the_policy_lets_run_what_is_in_the_page_alone(result, page):
    text = page(result)
    reader = Reader(text)
    (policy,) = [
        attributes["content"]
        for attributes, _ in reader.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == "'none'" and rules.pop("img-src") == "data:"
    assert {rules.pop("base-uri"), rules.pop("form-action")} == {"'none'"}
    for rule, tag in (("style-src", "style"), ("script-src", "script")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        hashes = (hashlib.sha256(part.encode()).digest() for part in texts)
        allowed = [f"'sha256-{base64.b64encode(h).decode()}'" for h in hashes]
        assert len(allowed) == 2 and rules.pop(rule) == " ".join(allowed)
    assert not rules
    for _, attributes in reader.elements:
        assert "style" not in attributes
        for name in ("href", "src"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml;"))
    for script in re.findall(r"<script>(.*?)</script>", text, re.S):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script
        )


def test_the_library_is_what_its_authors_published():
    vendor = resources.files("jaxdl.report") / "vendor"
    sums = dict(
        reversed(line.split())
        for line in (vendor / "SHA256SUMS").read_text("utf-8").splitlines()
    )
    assert {"LICENSE", "uPlot.iife.min.js", "uPlot.min.css"} == {*sums}
    for name, digest in sums.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    # Of uplot-1.6.32.tgz, as the registry of npm has it.
    assert sums["uPlot.iife.min.js"].startswith("19c8d4c6ad88929a79f4ae49d6f71615")


def test_no_address_of_another_place_is_in_the_page(result, page):
    addresses = set(re.findall(r"https?://[^\s\"'<)]*", page(result)))
    assert addresses == {"https://github.com/leeoniya/uPlot"}  # a notice


def test_links_lead_to_parts_of_the_page(result, page):
    reader = Reader(page(result))
    names = {a["id"] for _, a in reader.elements if "id" in a}
    assert {a["href"].removeprefix("#") for a, _ in reader.all("a")} <= names
    labels = {a["for"] for a, _ in reader.all("label")}
    assert {a["id"] for a, _ in reader.all("input")} == labels


def test_the_table_is_the_result_s(result, page):
    lost = diverged(result, [3])
    data = Reader(page(lost)).data()
    names, rows = lost.member_rows()
    assert data["columns"] == names
    for row, expected in zip(data["rows"], rows, strict=True):
        for value, right in zip(row, expected, strict=True):
            if isinstance(right, float) and not np.isfinite(right):
                assert value is None
            elif isinstance(right, float):
                kind = np.float32 if float(np.float32(right)) == right else float
                assert kind(value) == kind(right)
            else:
                assert value == right
    assert data["rows"][-1][0] == 3 and data["rows"][-1][1] is None


def test_curves_are_in_the_order_of_the_rows(result, page):
    data = Reader(page(result)).data()
    order = [row[0] for row in data["rows"]]
    assert data["epochs"] == [1, 2, 3]
    *_, curves = unpacked(data)
    assert [*curves] == ["train_error", "dev_error", "train_loss", "dev_loss"]
    for name, values in curves.items():
        expected = result.metrics[name][order]
        cut = np.clip(
            expected, *ends(data, name)
        )  # the worst share the end of the axis
        assert (cut == expected).mean() >= 0.95
        np.testing.assert_allclose(values, cut, rtol=1e-3)


def test_1024_members_of_300_epochs_stay_below_10_megabytes(result, page):
    big = widened(result, 32, 100)
    assert big.metrics["dev_loss"].shape == (1024, 300)
    text = page(big)
    assert len(text) < 8.5e6  # the other figures are less than one more
    assert Reader(text).data()["epochs"] == [*range(1, 301)]
