"""What counts as time beside training, by hand."""

import pytest

pytest.importorskip("sklearn")  # for its digits
pytest.importorskip("ray")

from experiments.bench.beside import Span, beside, markdown


def test_the_time_of_training_is_left_out():
    """A block of 20 epochs sleeps for a second, so that an epoch takes 50 ms."""
    spans = [Span(0, 1, 0.5), Span(0, 20, 1.25), Span(1, 6, 0.375), Span(6, 20, 0.75)]
    assert beside(spans, folder=False) == [0.25]
    assert beside(spans, folder=True) == pytest.approx([0.125, 0.05])


def test_the_table_has_medians_and_tails():
    where = {
        "processor": "none", "cores": 2, "memory_bytes": 2**30, "python": "3",
        "packages": {}, "commit": None, "changed": None, "flags": [],
    }  # fmt: skip
    seconds = {"a block": [[0.01, 0.02, 0.06]], "an interval": [[0.03]]}
    record = {"name": "x", "surroundings": where, "settings": {"repeats": 1}}
    text = markdown(record | {"seconds": seconds})
    assert "| a block | 20 (20 to 20) | 52 (52 to 52) | 3 |" in text
    assert "| an interval | 30 (30 to 30) | 30 (30 to 30) | 1 |" in text
