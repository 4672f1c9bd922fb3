"""Libraries that need not be installed."""

import importlib
import sys

import pytest

from jaxdl import data, interop
from tests.interop.conftest import made


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [
        ("tensorboardX", "tensorboard", lambda: interop.tensorboard("logs")),
        ("wandb", "wandb", lambda: interop.wandb("logs")),
        ("mlflow", "mlflow", lambda: interop.mlflow("logs")),
        ("ray", "ray", lambda: interop.ray("auto")),
        ("optuna", "optuna", lambda: interop.optuna_study("logs", "study", {})),
        ("flax", "flax", lambda: interop.linen(None)),
        ("flax", "flax", lambda: interop.nnx(None)),
        ("equinox", "equinox", lambda: interop.equinox(None)),
        ("jax2onnx", "onnx", lambda: interop.onnx(None, "a.onnx")),
        ("flatbuffers", "stablehlo", lambda: interop.stablehlo(None, "a.stablehlo")),
        ("narwhals", "frames", lambda: data.from_frame(None, label=0)),
        ("narwhals", "frames", lambda: made([[0.5]]).to_dataframe()),
        ("sklearn", "sklearn", lambda: importlib.reload(interop.sklearn)),
        ("pyarrow", "parquet", lambda: interop.table(made([[0.5]]), "a.parquet")),
    ],
)
def test_a_missing_library_is_named(monkeypatch, module, extra, make):
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'jaxdl-sweep\[{extra}\]'"):
        make()
