"""The page in a real browser: quiet, by itself, sorted, filtered, by keyboard."""

import json

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report.figures import FIGURES
from tests.report.browser import PROGRAM, browser
from tests.report.conftest import diverged, renamed, widened

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

ROWS = "[...document.querySelectorAll('#table tbody tr')]"
SHOWN = "document.getElementById('shown').textContent"
CHOSEN = "document.getElementById('chosen').textContent"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def look(chromium, tmp_path, monkeypatch):
    """Opens the page of a result, with one figure, and returns the browser."""

    def opened(result):
        one = {"learning_curves": FIGURES["learning_curves"]}
        monkeypatch.setattr("jaxdl.report.page.FIGURES", one)
        report.report(result, tmp_path / "page.html")
        chromium.open((tmp_path / "page.html").as_uri())
        return chromium

    return opened


def complaints(opened):
    """Returns what was logged, thrown, or asked for beyond the page itself."""
    opened.run("0")  # by which events so far have arrived
    asked = [e["request"]["url"] for e in opened.happened("Network.requestWillBeSent")]
    return [
        *opened.happened("Log.entryAdded"),
        *opened.happened("Runtime.exceptionThrown"),
        *opened.happened("Runtime.consoleAPICalled"),
        *(url for url in asked[1:] if not url.startswith("data:image/svg+xml")),
    ]


def column(opened, i):
    return opened.run(f"{ROWS}.map(tr => tr.cells[{i}].textContent)")


def type_filter(opened, text):
    opened.run(
        "(() => { const f = document.getElementById('filter');"
        f"f.value = {json.dumps(text)}; f.dispatchEvent(new Event('input')); }})()"
    )


def test_the_page_is_quiet_and_asks_for_nothing(look, result):
    opened = look(result)
    assert complaints(opened) == []
    assert opened.run("document.images[0].naturalWidth") > 100
    assert opened.run("getComputedStyle(document.querySelector('pre')).overflowX") == (
        "auto"
    )


def test_a_script_that_is_not_the_page_s_is_stopped_and_told(look, result):
    opened = look(result)
    opened.run(
        "(() => { const s = document.createElement('script');"
        "s.textContent = 'window.hit = 1'; document.body.append(s);"
        "new Image().src = 'http://127.0.0.1:9/x'; })()"
    )
    assert opened.run("window.hit === undefined")
    assert len(complaints(opened)) >= 2


def test_rows_are_ranked_then_sorted_by_a_heading(look, result):
    opened = look(diverged(result, [5]))
    ranked = [str(i) for i in diverged(result, [5]).ranking()]
    assert column(opened, 0) == ranked
    heading = "document.querySelectorAll('#table thead button')[2]"
    losses = result.final()["dev_loss"].copy()
    for direction, order in (
        ("ascending", np.argsort(losses)),
        ("descending", np.argsort(-losses)),
    ):
        opened.run(f"{heading}.click()")
        expected = [str(i) for i in order if i != 5] + ["5"]  # absent values are last
        assert column(opened, 0) == expected
        assert opened.run(f"{heading}.parentNode.ariaSort") == direction


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("learning_rate<0.1", lambda r: r.hparams.learning_rate < 0.1),
        ("learning_rate>=0.1", lambda r: r.hparams.learning_rate >= 0.1),
        ("units=9", lambda r: r.hparams.units == 9),
        (
            "units = 9  decay >0",
            lambda r: (r.hparams.units == 9) & (r.hparams.decay > 0),
        ),
        ("Units=9", lambda r: r.hparams.units == 9),
        ("units!=9", lambda r: r.hparams.units != 9),
        ("status=finished decay>0", lambda r: r.hparams.decay > 0),
        ("RELU", lambda r: r.hparams.units > 0),
        ("status=diverged", lambda r: r.hparams.units < 0),
        ("no such words", lambda r: r.hparams.units < 0),
        ("no_such_column<1", lambda r: r.hparams.units < 0),
        ("", lambda r: r.hparams.units > 0),
    ],
)
def test_a_filter_leaves_the_rows_that_pass_it(look, result, text, passes):
    opened = look(result)
    type_filter(opened, text)
    kept = set(np.flatnonzero(passes(result)).astype(str))
    assert set(column(opened, 0)) == kept
    assert opened.run(SHOWN) == f"{len(kept)} of 32"


def test_a_number_is_found_as_the_table_shows_it(look, result):
    opened = look(result)
    for text in column(opened, 1)[:3]:  # dev errors, of float32
        type_filter(opened, f"dev_error={text}")
        assert {*column(opened, 1)} == {text}
        type_filter(opened, f"dev_error!={text}")
        assert text not in column(opened, 1)


def test_the_best_member_is_shown_first_and_another_by_keyboard(look, result):
    opened = look(result)
    chosen = "document.getElementById('chosen').textContent"
    order = result.ranking()
    assert f"member={order[0]})" in opened.run(chosen)
    opened.run(f"{ROWS}[1].querySelector('button').focus()")
    opened.press("Enter", "\r")
    assert f"member={order[1]})" in opened.run(chosen)
    assert opened.run(f"{ROWS}.map(tr => tr.className).join('')") == "chosen"
    rate = f"{result.hparams.learning_rate[order[1]]:.6g}"
    assert rate in opened.run(chosen)
    opened.press("Tab")
    assert opened.run("document.activeElement.textContent") == str(order[2])


def test_a_member_that_is_not_there_is_told(look, result):
    opened = look(result)
    for number, said in ((99, "There is no member 99."), ("", None)):
        before = opened.run(CHOSEN)
        opened.run(
            "(() => { const n = document.getElementById('number');"
            f"n.value = '{number}'; n.dispatchEvent(new Event('change')); }})()"
        )
        assert opened.run(CHOSEN) == (said or before)


def test_the_curve_of_the_chosen_member_is_drawn(look, result):
    opened = look(result)
    paths = opened.run(
        "[...document.querySelectorAll('.charts svg')].map(svg =>"
        "svg.querySelectorAll('path.dev')[0].getAttribute('d'))"
    )
    best = result.best().metrics
    for what, path in zip(("error", "loss"), paths, strict=True):
        points = [p.split() for p in path[1:].split("L")]
        assert [float(x) for x, _ in points] == [60, 235, 410]
        both = np.concatenate([best[f"dev_{what}"], best[f"train_{what}"]])
        high = (180 - np.array([float(y) for _, y in points])) / 150
        assert both.min() > 0
        part = np.log(best[f"dev_{what}"] / both.min())
        expected = part / np.log(both.max() / both.min())
        np.testing.assert_allclose(high, expected, atol=0.01)


def test_hostile_names_run_nothing_and_are_shown(look, result):
    name = "</script><img src=x onerror=hit()>{{data}}"
    opened = look(renamed(result, name))
    assert complaints(opened) == []
    headings = opened.run(
        "[...document.querySelectorAll('#table thead button')].map(b => b.textContent)"
    )
    assert name in headings


def test_4096_rows_are_there_when_they_are_looked_for(look, result):
    opened = look(widened(result, 128))
    assert opened.run(SHOWN) == "4096 of 4096"
    assert len(column(opened, 0)) == 200
    took = opened.run(
        "(() => { const begun = performance.now();"
        "document.querySelectorAll('#table thead button')[6].click();"
        "document.body.offsetHeight; return performance.now() - begun; })()"
    )
    assert took < 1000  # milliseconds; a tenth of it where nothing else runs
    box = "document.querySelector('.scroll')"
    opened.run(f"{box}.scrollTop = {box}.scrollHeight")
    opened.run("new Promise(requestAnimationFrame)")
    opened.run(f"{box}.dispatchEvent(new Event('scroll'))")
    assert len(column(opened, 0)) > 200
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert len(column(opened, 0)) == 4096


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_paper(look, result, scheme):
    opened = look(result)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.ask("Emulation.setEmulatedMedia", features=media)
    for selector in ("body", ".hint", "nav a", "#table thead button", "pre"):
        ink = opened.run(
            f"getComputedStyle(document.querySelector('{selector}')).color"
        )
        paper = opened.run("getComputedStyle(document.body).backgroundColor")
        assert contrast(ink, paper) >= 4.5, selector


def test_all_rows_are_printed_and_fit_the_paper(look, result):
    opened = look(result)
    size = {"width": 700, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.ask("Emulation.setDeviceMetricsOverride", **size)
    opened.ask("Emulation.setEmulatedMedia", media="print")
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    box = "document.querySelector('.scroll')"
    assert opened.run(f"{box}.scrollHeight == {box}.clientHeight")
    assert opened.run("getComputedStyle(document.querySelector('nav')).display") == (
        "none"
    )
    opened.ask("Emulation.setEmulatedMedia", media="")
    opened.ask("Emulation.clearDeviceMetricsOverride")


def contrast(*colors):
    """Returns the contrast of two colors `rgb(...)`, 1 to 21, by WCAG 2.2."""

    def luminance(color):
        parts = np.array([float(x) for x in color[4:-1].split(",")]) / 255
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted(map(luminance, colors))
    return (high + 0.05) / (low + 0.05)
