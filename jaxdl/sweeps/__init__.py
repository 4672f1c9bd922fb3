"""Many models: the sweep, its result, its folder read again, repeats, folds, replay."""

from jaxdl.sweeps.ensembles import Ensemble
from jaxdl.sweeps.fit import fit
from jaxdl.sweeps.members import NotKeptError
from jaxdl.sweeps.merging import merge
from jaxdl.sweeps.more_data import MoreData, more_data
from jaxdl.sweeps.reading import load_member, read_result
from jaxdl.sweeps.repeats import variant
from jaxdl.sweeps.replay import replay
from jaxdl.sweeps.result import SweepResult
from jaxdl.sweeps.start_from import StartFrom
from jaxdl.sweeps.sweep import sweep

__all__ = [
    "Ensemble", "MoreData", "NotKeptError", "StartFrom", "SweepResult", "fit",
    "load_member", "merge", "more_data", "read_result", "replay", "sweep", "variant",
]  # fmt: skip
