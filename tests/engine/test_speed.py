"""The speed of a machine, in the folder of JAX's cache."""

import pytest

from jaxdl.engine import speed
from jaxdl.engine.speed import Speed, keep_speed, read_speed, timed_compiling


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "_folder", lambda: tmp_path)
    monkeypatch.setattr(speed, "cores", lambda: 2)
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""
    now = [100.0]
    monkeypatch.setattr(speed.time, "monotonic", lambda: now[0])
    return now


def test_it_is_kept_part_by_part(folder):
    assert read_speed("cpu") == Speed()
    keep_speed("cpu", work=7.0)
    keep_speed("cpu", compiling=2.0)
    assert read_speed("cpu") == Speed(compiling=2.0, work=7.0)
    assert read_speed("gpu") == Speed()
    assert len([*folder.iterdir()]) == 1


def test_without_a_folder_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(speed, "_folder", lambda: None)
    keep_speed("cpu", work=7.0)
    assert read_speed("cpu") == Speed()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"work": 1}{', '{"other": 1}', '{"work": -1}', '{"work": NaN}'],
)
def test_what_cannot_be_read_counts_as_absent(text, folder):
    keep_speed("cpu", work=7.0)
    (path,) = folder.iterdir()
    path.write_text(text)
    assert read_speed("cpu") == Speed()


@pytest.mark.parametrize(
    ("new", "seconds", "expected"),
    [
        (6, 3.0, 3.0 * 2 / 60),  # three programs of two files each, on two cores
        (5, 3.0, Speed().compiling),  # the cache had one
        (6, 0.1, Speed().compiling),  # too short to tell
    ],
)
def test_compiling_is_timed_if_no_cache_has_the_programs(
    new, seconds, expected, folder, clock
):
    (folder / "old-cache").touch()
    with timed_compiling("cpu", 3, 60):
        clock[0] += seconds
        for i in range(new):
            (folder / f"{i}-cache").touch()
    assert read_speed("cpu").compiling == pytest.approx(expected)
