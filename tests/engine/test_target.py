"""Targets, and the roof of a chip, by hand."""

import pytest

from jaxdl.engine.target import (
    FOLDER,
    as_textproto,
    known_targets,
    target,
    target_of,
)
from jaxdl.train.recipe import PRECISIONS


@pytest.mark.parametrize("name", known_targets())
def test_a_description_is_whole_and_has_sources(name):
    chip = target(name)
    assert chip.platform in ("tpu", "cuda") and chip.topology
    assert bool(chip.config) == (chip.platform == "cuda")
    assert 1e9 < chip.memory_bytes < 1e12 and 1e11 < chip.bytes_per_second < 1e14
    speeds = [chip.operations_per_second[name] for name in PRECISIONS]
    assert sorted(speeds) == speeds and speeds[0] > 1e13
    assert "Source" in (FOLDER / f"{name}.toml").read_text()
    assert target_of(chip.device_kind) == chip


def test_an_unknown_target_lists_the_known_ones():
    with pytest.raises(ValueError, match="'h20'; expected one of .*h100, h200, v5e"):
        target("h20")
    assert target_of("NVIDIA GeForce 256") is None


def test_what_takes_longer_is_the_roof():
    chip = target("h200")
    # 67e12 operations a second in float32, and 4.8e12 bytes
    assert chip.roof("float32", 67e12, 4.8e11) == 1.0
    assert chip.roof("float32", 6.7e12, 4.8e12) == 1.0
    assert chip.ridge("float32") == pytest.approx(67 / 4.8)


def test_the_text_format_of_protocol_buffers():
    fields = {"a": 1, "b": "two", "c": {"d": 0.5}}
    assert as_textproto(fields) == 'a: 1 b: "two" c { d: 0.5 }'
