"""Lines and markup of objects, whose names others chose."""

import pytest

from jaxdl import shown

HOSTILE = '<script>alert("x")</script>\x1b[2J\n'


def test_a_text_has_ten_lines_at_most_and_counts_the_others():
    text = shown.as_text("title", [f"line {i}" for i in range(20)])
    assert text.splitlines() == ["title", *(f"line {i}" for i in range(8)),
                                 "... and 12 more"]  # fmt: skip
    assert shown.as_text("title", ["a"] * 9).splitlines() == ["title", *"aaaaaaaaa"]
    assert max(map(len, shown.as_text("t" * 500, ["x" * 500]).splitlines())) == 100


def test_a_line_has_a_name_and_a_value():
    assert shown.pairs({"rate": 0.123456, "b": None}) == ["rate  0.1235", "b     None"]
    assert shown.pairs({}) == []


def test_nothing_of_others_is_markup_or_moves_a_cursor():
    page = shown.as_html(HOSTILE, [HOSTILE], [[HOSTILE]], "<svg></svg>")
    assert "<script" not in page and "\x1b" not in page and page.count("<svg>") == 1
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)") == 3
    assert "\x1b" not in "".join(shown.pairs({HOSTILE: HOSTILE}))


def test_a_table_without_column_names_has_no_head():
    assert "thead" not in shown.as_html("title", (), [("a", 1)])
    assert "<thead><tr><th>a</th></tr></thead>" in shown.as_html("title", ["a"], [[1]])


@pytest.mark.parametrize(
    ("value", "name"), [(None, "NoneType"), (object(), "object"), ((3, 4), "tuple")]
)
def test_what_is_no_array_is_its_class(value, name):
    assert shown.array_words(value) == name
