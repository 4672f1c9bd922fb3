"""What the terminal shows, from numbers alone."""

import io
import re

from rich.console import Console

from jaxdl import terminal


def captured(monkeypatch, *, is_terminal, width=120):
    """Returns the text that consoles write from now on."""
    text = io.StringIO()

    def console(**options):
        options |= {"file": text, "force_terminal": is_terminal, "width": width}
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


def frames(text):
    """Returns what a terminal of 80 columns shows, one text for each redraw."""
    return re.split(r"\x1b\[[0-9;?]*[A-HJKhl]|\r", text)


def test_without_a_terminal_a_line_is_printed_every_few_seconds(monkeypatch):
    text = captured(monkeypatch, is_terminal=False)
    now, done = iter([0.0, 1.0, 5.0, 10.0]), iter([0.1, 0.6, 1, 1])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(now))
    with terminal.live(lambda: (next(done), ["a [bold]b[/]", "c"]), enabled=True) as go:
        for _ in range(4):
            go()
    # What is done is told once, at the end.
    assert text.getvalue().splitlines() == [
        " 10%  a [bold]b[/]  c", " 60%  a [bold]b[/]  c", "100%  a [bold]b[/]  c"
    ]  # fmt: skip


def test_a_terminal_shows_a_bar_with_the_parts_below_it(monkeypatch):
    text = captured(monkeypatch, is_terminal=True, width=80)
    parts = ["x" * 40, "y" * 37, "z" * 81]
    with terminal.live(lambda: (0.25, parts), enabled=True):
        pass
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue())
    shown = [line.strip() for frame in frames(plain) for line in frame.splitlines()]
    assert any(line.startswith("━" * 14) and line.endswith("25%") for line in shown)
    assert f"{'x' * 40}   {'y' * 37}" in shown  # 80 together
    assert "z" * 79 + "…" in shown
    assert shown[-3:] == [f"25%  {'x' * 40}", "y" * 37, "z" * 80, "z"][-3:]


def test_a_terminal_without_cursor_movement_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = captured(monkeypatch, is_terminal=True)
    with terminal.live(lambda: (0.5, ["a"]), enabled=True) as changed:
        changed()
    assert text.getvalue() == " 50%  a\n" * 2


def test_a_notebook_gets_lines_although_it_claims_to_be_a_terminal(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    with terminal.live(lambda: (1.0, ["a" * 100]), enabled=True):
        terminal.say("b", enabled=True)
    assert shown.getvalue() == f"b\n100%  {'a' * 100}\n"


def test_a_file_gets_lines_also_with_forced_colors(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with terminal.live(lambda: (1.0, ["a"]), enabled=True):
        pass
    assert written.getvalue() == "100%  a\n"


def test_nothing_is_printed_when_disabled(monkeypatch):
    for is_terminal in (False, True):
        text = captured(monkeypatch, is_terminal=is_terminal)
        with terminal.live(lambda: (1.0, ["a"]), enabled=False) as changed:
            changed()
        terminal.epoch_lines(enabled=False)(1, 1, {"x": 1.0})
        terminal.say("hello", enabled=False)
        assert text.getvalue() == ""


def test_columns_beyond_the_width_continue_in_tables_below():
    columns, rows = ["id", "alpha", "beta", "gamma"], [[1, 0.5, 2.0, 3.0]]
    whole = terminal.table(columns, rows, width=22)
    assert whole == terminal.table(columns, rows)  # 2 + 5 + 4 + 5, two spaces between
    assert {len(line) for line in whole.splitlines()} == {22}
    parts = terminal.table(columns, rows, width=21).split("\n\n")
    assert [part.splitlines()[0].split() for part in parts] == [
        ["id", "alpha", "beta"], ["id", "gamma"]
    ]  # fmt: skip
    assert max(len(x) for part in parts for x in part.splitlines()) <= 21
    narrow = terminal.table(columns, rows, width=1).split("\n\n")
    assert [part.splitlines()[-1].split() for part in narrow] == [
        ["1", "0.5"], ["1", "2"], ["1", "3"]
    ]  # fmt: skip


def test_names_and_cells_stay_on_their_line():
    text = terminal.table(["a\nb"], [["\x1b[2J"], ["\u202e\ud800é中"]])
    assert [line.strip() for line in text.splitlines()[::2]] == [r"a\nb", r"\x1b[2J"]
    assert text.splitlines()[3].strip() == r"\u202e\ud800é中"
