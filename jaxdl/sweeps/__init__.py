"""Many models: the sweep, its result, its folder read again, repeats, folds, replay."""

from jaxdl.sweeps.reading import load_member, read_result
from jaxdl.sweeps.repeats import variant
from jaxdl.sweeps.replay import replay
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.sweep import sweep

__all__ = [
    "SweepResult", "load_member", "read_result", "replay", "sweep", "variant",
]  # fmt: skip
