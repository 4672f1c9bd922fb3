"""The speed of a machine, in the folder of JAX's cache."""

import pytest

from jaxdl.engine import crew, speed
from jaxdl.engine.speed import (
    ACCELERATOR,
    CPU,
    Speed,
    keep_speed,
    read_speed,
    timed_compiling,
)
from tests.sweeps.kept import SPACE, Cut, small, sweep


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """The time of the processor, which the test moves on."""
    now = [100.0]
    monkeypatch.setattr(speed.time, "process_time", lambda: now[0])
    return now


def test_it_is_kept_part_by_part(folder):
    assert read_speed("cpu") == CPU
    keep_speed("cpu", work=7.0)
    keep_speed("cpu", compiling=2.0)
    assert read_speed("cpu") == Speed(compiling=2.0, work=7.0)
    assert read_speed("gpu") == ACCELERATOR
    assert len([*folder.iterdir()]) == 1


def test_one_measurement_on_a_busy_machine_counts_little(folder):
    for seconds in (9.0, 1.0, 273.0, 2.0, 3.0, 2.5):
        keep_speed("cpu", compiling=seconds)
    assert read_speed("cpu") == CPU._replace(compiling=2.5)  # of the last five


def test_without_a_folder_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(speed, "_folder", lambda: None)
    keep_speed("cpu", work=7.0)
    assert read_speed("cpu") == CPU


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"work": []}{',
        '{"work": 1}',
        '{"work": ["a"]}',
        '{"work": 1}{',
        '{"other": 1}',
        '{"work": -1}',
        '{"work": NaN}',
    ],
)
def test_what_cannot_be_read_counts_as_absent(text, folder):
    keep_speed("cpu", work=7.0)
    (path,) = folder.iterdir()
    path.write_text(text)
    assert read_speed("cpu") == CPU


@pytest.mark.parametrize(
    ("new", "seconds", "expected"),
    [
        (3, 3.0, 3.0 / 60),
        (2, 3.0, CPU.compiling),  # the cache had one
        (3, 0.1, CPU.compiling),  # too short to tell
    ],
)
def test_compiling_is_timed_if_no_cache_has_the_programs(
    new, seconds, expected, folder, clock
):
    (folder / "jit_epochs-old-cache").touch()
    with timed_compiling("cpu", 3, 60):
        clock[0] += seconds
        for i in range(new):
            (folder / f"jit_epochs-{i}-cache").touch()
    assert read_speed("cpu").compiling == pytest.approx(expected)


@pytest.mark.parametrize("settings", [{}, {"repeats": 2}], ids=str)
def test_the_program_of_an_epoch_has_the_name_of_its_file(
    settings, digits, monkeypatch
):
    seen = []

    def look(lowered, *_):
        seen.extend(lowered)
        raise Cut

    monkeypatch.setattr(crew, "compile_all", look)
    with pytest.raises(Cut):
        sweep(small, SPACE, digits, **settings)
    assert "module @jit_epochs " in seen[0].epoch.lowered.as_text()
