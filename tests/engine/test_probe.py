"""The speed of a machine, by a clock that goes on with each epoch of a block."""

from types import SimpleNamespace

import pytest

from jaxdl.engine import probe as module
from jaxdl.engine.pace import Pace
from jaxdl.engine.probe import probe


class Block(SimpleNamespace):
    def _replace(self, **changes):
        return Block(**vars(self) | changes)


@pytest.fixture
def engine(monkeypatch):
    """An engine whose clock goes on by `epoch` seconds with each epoch of a block."""
    now, asked = [0.0], []

    def ask(part, state, report):
        block, last = part()
        assert state is None and not last and not report.stop.is_set()
        asked.append(block.until)
        now[0] += made.epoch * block.until

    made = SimpleNamespace(
        ask=ask, prepare=lambda blocks: asked.append(len(blocks)), pace=Pace(),
        outlines=None, task=SimpleNamespace(block_width=2), asked=asked, epoch=0.0,
        deadline=SimpleNamespace(left=lambda: 10 - now[0]),
    )  # fmt: skip
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "work_of", lambda block, *_: 100.0 * block.until)
    return made


@pytest.mark.parametrize(
    ("epoch", "until", "asked"),
    [
        (0.5, 50, [2, 1, 1]),  # programs of two blocks, to warm up, long enough
        (0.05, 50, [2, 1, 1, 4]),
        (0.01, 50, [2, 1, 1, 4, 16, 50]),
        (0.01, 3, [2, 1, 1, 3]),
        (20.0, 50, [2, 1, 1]),
    ],
)
def test_it_trains_until_the_measurement_is_long_enough(engine, epoch, until, asked):
    engine.epoch = epoch
    blocks = [Block(structure="one", until=until)] * 2
    speed = probe(engine, blocks)
    assert engine.asked == asked
    assert speed.work == pytest.approx(100 / epoch) and speed.compiling == 0
    assert engine.pace.longest("one") == pytest.approx(epoch)
    assert engine.pace.epoch["one"] == pytest.approx(epoch)
