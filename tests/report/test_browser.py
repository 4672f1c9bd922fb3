"""The page in a real browser: quiet, by itself, sorted, filtered, by keyboard."""

import json

import numpy as np
import pytest

from jaxdl import report
from jaxdl.report.figures import FIGURES
from tests.report.browser import PROGRAM, browser, complaints, until
from tests.report.conftest import diverged, renamed, widened

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

ROWS = "[...document.querySelectorAll('#table tbody tr')]"
SHOWN = "document.getElementById('shown').textContent"
READY = "'ready' in document.documentElement.dataset"
FRAME = "new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"
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
        until(chromium, READY)
        return chromium

    return opened


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


def test_the_curves_of_the_best_and_the_chosen_member_are_drawn(look, result):
    opened = look(result)
    first, other = (result.member(int(i)).metrics for i in result.ranking()[:2])
    opened.run("choose(1)")
    drawn = opened.run("charts.map((chart) => [...chart.data].map((x) => [...x]))")
    for what, (epochs, best, train, dev, under) in zip(
        ("error", "loss"), drawn, strict=True
    ):
        assert epochs == [1, 2, 3] and under == [None] * 3
        np.testing.assert_allclose(best, first[f"dev_{what}"], rtol=1e-3)
        np.testing.assert_allclose(train, other[f"train_{what}"], rtol=1e-3)
        np.testing.assert_allclose(dev, other[f"dev_{what}"], rtol=1e-3)


def mouse(opened, kind, x, y):
    """Moves, presses or releases the mouse at a place of the parallel coordinates."""
    left, top = opened.run(
        "(() => { marks.scrollIntoView({block: 'center'});"
        "const box = marks.getBoundingClientRect(); return [box.left, box.top]; })()"
    )
    opened.ask(
        "Input.dispatchMouseEvent", type=f"mouse{kind}", x=left + x, y=top + y,
        button="left" if kind != "Moved" else "none", clickCount=1,
    )  # fmt: skip
    opened.run(FRAME)


def test_a_range_that_is_brushed_is_followed_by_all(look, result):
    opened = look(result)
    pictures = "[lines, charts[0].back, charts[1].back].map((c) => c.toDataURL())"
    before = opened.run(pictures)
    x, middle, low = opened.run("[x(0), y(0.5), y(0)]")
    mouse(opened, "Pressed", x, middle)
    for y in (middle + 20, low + 30):
        mouse(opened, "Moved", x, y)
    mouse(opened, "Released", x, low + 30)
    rates = np.log(result.hparams.learning_rate)
    part = (rates - rates.min()) / (rates.max() - rates.min())
    assert set(column(opened, 0)) == set(np.flatnonzero(part <= 0.5).astype(str))
    assert all(a != b for a, b in zip(before, opened.run(pictures), strict=True))
    mouse(opened, "Pressed", x, middle)
    mouse(opened, "Released", x, middle)  # a click drops the range
    assert opened.run(SHOWN) == "32 of 32"
    assert opened.run(pictures) == before


def test_a_line_names_its_member_and_a_click_chooses_it(look, result):
    opened = look(result)
    y = opened.run("height(3, 31) * 0.4 + height(4, 31) * 0.6")
    x = opened.run("x(3) + 0.6 * (x(4) - x(3))")
    mouse(opened, "Moved", x, y)
    name = opened.run("document.getElementById('under').textContent")
    worst = result.ranking()[31]
    error = result.final()["dev_error"][worst]
    assert name == f"member {worst}: dev error {error:.6g}"
    assert opened.run("charts[0].data[4].length === 3 && charts[0].data[4][0] > 0")
    mouse(opened, "Pressed", x, y)
    mouse(opened, "Released", x, y)
    assert f"member={worst})" in opened.run(CHOSEN)


def test_a_range_is_set_by_keyboard(look, result):
    opened = look(result)
    opened.run("document.querySelector('details').open = true")
    opened.run("document.querySelector('#sliders input').focus()")
    opened.ask("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight",
               windowsVirtualKeyCode=39)  # fmt: skip
    opened.run(FRAME)
    rates = np.log(result.hparams.learning_rate)
    part = (rates - rates.min()) / (rates.max() - rates.min())
    kept = set(np.flatnonzero(part >= 0.01).astype(str))
    assert set(column(opened, 0)) == kept and len(kept) < 32
    opened.run("document.getElementById('clear').click()")
    assert opened.run(SHOWN) == "32 of 32"
    assert opened.run("document.querySelector('#sliders input').value") == "0"


def test_lines_have_the_colors_of_the_scheme(look, result):
    opened = look(result)
    seen = set()
    for scheme in ("light", "dark"):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.ask("Emulation.setEmulatedMedia", features=media)
        opened.run(FRAME)
        seen.add(opened.run("lines.toDataURL() + charts[0].ctx.canvas.toDataURL()"))
    assert len(seen) == 2


def test_without_scripts_the_figures_are_there(look, result, chromium, tmp_path):
    look(result)
    chromium.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open((tmp_path / "page.html").as_uri())
    finally:
        chromium.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert chromium.run("document.images[0].naturalWidth") > 100
    explore = "document.getElementById('explore').offsetHeight"
    assert chromium.run(explore) == 0 and chromium.run(f"{SHOWN} === ''")


@pytest.mark.heavy
def test_50_000_members_are_explored_without_waiting(result, chromium, tmp_path):
    big = widened(result, 1563, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxdl.report.page.FIGURES", {})
        report.report(big, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 20e6
    chromium.open((tmp_path / "page.html").as_uri())
    until(chromium, READY)
    paint = chromium.run("performance.getEntriesByType('paint')[0].startTime")
    frames = chromium.run(
        "(async () => { const took = []; for (let k = 0; k < 10; k++) {"
        "const begun = performance.now(); brush('learning_rate', [0.1, 0.9 - k / 20]);"
        f"await {FRAME}; took.push(performance.now() - begun); }} return took; }})()"
    )
    assert paint < 2000 and np.median(frames) < 250  # milliseconds


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
    assert len(column(opened, 0)) == 60
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
    assert len(column(opened, 0)) > 60
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
