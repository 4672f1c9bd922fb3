"""The pace of blocks: when they are put on disk and packed."""

from jaxdl.engine import pace as pace_of_blocks
from jaxdl.engine.pace import Pace


def test_a_block_of_unknown_pace_pauses_after_an_epoch():
    assert Pace().until_kept("one") == Pace().until_packed("one") == 1


def test_the_pace_is_that_between_epochs_and_the_rest_is_beside(monkeypatch):
    monkeypatch.setattr(pace_of_blocks, "PAUSE_SHARE", 0.25)
    pace = Pace()
    pace.note("one", [10.0, 10.5, 10.625, 10.75, 11.0])  # 1/8 s an epoch
    assert pace.epoch["one"] == 0.125
    assert pace.beside["one"] == 1.0 - 3 * 0.125
    assert pace.until_kept("one") == 240  # 30 s
    assert pace.until_packed("one") == 20  # 2.5 s, of which 5/8 s are beside
    pace.note("one", [20.0, 20.25, 20.5])  # one epoch tells nothing of what is beside
    assert pace.epoch["one"] == 0.125 and pace.beside["one"] == 0.625
    pace.note("one", [30.0, 30.25, 30.5, 30.625])  # 1/4 s an epoch, 1/8 s beside
    assert pace.epoch["one"] == 0.25 and pace.beside["one"] == (0.625 + 0.125) / 2
    assert pace.until_kept("two") == 1


def test_the_longest_epoch_is_of_the_last_five_parts_and_includes_what_is_beside():
    pace = Pace()
    assert pace.longest("one") == 0.0
    pace.note("one", [10.0, 10.5, 11.0, 12.0])
    assert pace.longest("one") == pace.longest("another") == 1.0
    for _ in range(4):
        pace.note("one", [20.0, 20.25, 20.5])  # 1/2 s
    assert pace.longest("one") == 1.0
    pace.note("one", [20.0, 20.125, 20.25])
    assert pace.longest("one") == 0.5
    pace.note("two", [0.0, 3.0, 4.0])
    assert (pace.longest("one"), pace.longest("three")) == (0.5, 4.0)


def test_keeping_the_blocks_of_many_hands_takes_a_tenth_of_the_time():
    pace = Pace()
    pace.note("one", [0.0, 1.0, 2.0, 3.0, 3.5])  # 1 s an epoch, 0.5 s beside
    assert pace.until_kept("one") == pace.until_kept("one", 6) == 30
    assert pace.until_kept("one", 100) == 500  # in which 100 hands take 50 s
    assert pace.until_kept("one", 1000) == 600  # ten minutes, and no longer
