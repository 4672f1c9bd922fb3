"""What the terminal shows, from numbers alone."""

import io
import threading

from rich.console import Console

from jaxdl import terminal


def captured(monkeypatch, *, is_terminal):
    """Returns the text that consoles write from now on."""
    text = io.StringIO()

    def console(**options):
        options |= {"file": text, "force_terminal": is_terminal, "width": 120}
        return Console(**options)

    monkeypatch.setattr(terminal, "Console", console)
    return text


def test_a_table_shows_all_of_every_value():
    text = terminal.table(
        ["name", "[bold]x[/]"], [["a" * 200, 0.123456], ["b", float("nan")], ["c", 7]]
    )
    header, rule, first, second, third = text.splitlines()
    assert header.split() == ["name", "[bold]x[/]"]
    assert set(rule.strip()) == {"─"}
    assert first.split() == ["a" * 200, "0.1235"]
    assert second.split() == ["b", "-"]
    assert third.split() == ["c", "7"]


def test_an_empty_table_is_its_header():
    assert terminal.table(["a", "b"], []).splitlines()[0].split() == ["a", "b"]


def test_progress_adds_up_over_threads_and_ends_at_100_percent(monkeypatch):
    text = captured(monkeypatch, is_terminal=False)
    with terminal.sweep_progress(8, 800, enabled=True) as show:
        threads = [
            threading.Thread(target=lambda i=i: show(100, i % 2, 0.5 - i / 100))
            for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    last = text.getvalue().splitlines()[-1]
    assert last.startswith("100%  4/8 alive  best dev error 43.00%")
    assert "member-steps/s  0 s left" in last


def test_a_live_bar_shows_the_same(monkeypatch):
    text = captured(monkeypatch, is_terminal=True)
    with terminal.sweep_progress(8, 800, enabled=True) as show:
        show(800, 8, float("inf"))
    assert "0/8 alive  best dev error -" in text.getvalue()


def test_nothing_is_printed_when_not_wanted(monkeypatch):
    for is_terminal in (False, True):
        text = captured(monkeypatch, is_terminal=is_terminal)
        with terminal.sweep_progress(8, 800, enabled=False) as show:
            show(800, 0, 0.5)
        with terminal.epoch_lines(enabled=False) as show:
            show(1, 1, {"x": 1.0})
        terminal.say("hello", enabled=False)
        assert text.getvalue() == ""


def test_a_table_that_is_too_wide_is_continued_below():
    columns, rows = ["id", "alpha", "beta", "gamma"], [[1, 0.5, 2.0, 3.0]]
    whole = terminal.table(columns, rows, width=22)
    assert whole == terminal.table(columns, rows)  # 2 + 5 + 4 + 5, two spaces between
    parts = terminal.table(columns, rows, width=21).split("\n\n")
    assert [part.splitlines()[0].split() for part in parts] == [
        ["id", "alpha", "beta"], ["id", "gamma"]
    ]  # fmt: skip
    assert max(len(x) for part in parts for x in part.splitlines()) <= 21
    narrow = terminal.table(columns, rows, width=1).split("\n\n")
    assert [part.splitlines()[-1].split() for part in narrow] == [
        ["1", "0.5"], ["1", "2"], ["1", "3"]
    ]  # fmt: skip
