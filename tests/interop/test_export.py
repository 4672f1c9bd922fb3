"""Members as safetensors and JSON, read back by other programs' means."""

import dataclasses
import json
import struct

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import About
from jaxdl.interop import export

safetensors = pytest.importorskip("safetensors.numpy")


def test_weights_and_what_is_needed_to_use_them(small_sweep, digits, tmp_path):
    member = small_sweep.member(1)
    weights, about = export(member, tmp_path / "one", digits.moments)
    arrays = safetensors.load_file(weights)
    units = int(small_sweep.hparams.units[1])
    np.testing.assert_array_equal(
        arrays["params.0.kernel"], member.params[0]["kernel"][:, :units], strict=True
    )
    assert arrays.keys() == {
        f"params.{layer}.{name}" for layer in (0, 2) for name in ("kernel", "bias")
    }
    read = json.loads(about.read_text())
    assert read["hyperparameters"]["beta"] == float(small_sweep.hparams.beta[1])
    assert read["metrics"]["dev_loss"] == member.metrics["dev_loss"].tolist()
    assert read["normalization"]["mean"] == digits.moments.mean.tolist()
    assert read["status"] == "finished" and read["kept_epoch"] == 2


def test_an_ensemble_is_its_members_with_weights(small_sweep, tmp_path):
    members = tuple(small_sweep.member(i) for i in (4, 1))
    both = dl.sweeps.Ensemble(members, np.array([0.75, 0.25]), np.array([4, 1]))
    weights, about = export(both, tmp_path / "both")
    arrays, read = safetensors.load_file(weights), json.loads(about.read_text())
    assert (read["weights"], read["numbers"]) == ([0.75, 0.25], [4, 1])
    for place, member in enumerate(members):
        one, told = export(member, tmp_path / "one")
        assert read["members"][place] == json.loads(told.read_text())
        for name, array in safetensors.load_file(one).items():
            np.testing.assert_array_equal(arrays[f"members.{place}.{name}"], array)


def test_the_format_is_the_public_one(small_sweep, tmp_path):
    """Eight bytes of the header's length, JSON, then the arrays."""
    weights, _ = export(small_sweep.member(0), tmp_path / "one")
    content = weights.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    units = int(small_sweep.hparams.units[0])
    entry = json.loads(content[8 : 8 + length])["params.0.kernel"]
    assert entry["dtype"] == "F32" and entry["shape"] == [64, units]
    first, last = entry["data_offsets"]
    kernel = np.frombuffer(content[8 + length + first : 8 + length + last], "<f4")
    expected = np.ravel(small_sweep.member(0).params[0]["kernel"][:, :units])
    np.testing.assert_array_equal(kernel, expected)


def test_what_is_not_finite_is_null(small_sweep, tmp_path):
    member = small_sweep.member(2)
    metrics = member.metrics | {"dev_loss": np.array([2.0, np.nan, 1.0])}
    lost = dataclasses.replace(member, metrics=metrics)
    _, about = export(lost, tmp_path / "nan")
    read = json.loads(about.read_text())
    assert read["metrics"]["dev_loss"][1] is None and read["normalization"] is None


def test_classes_and_features_keep_their_names(small_sweep, digits, tmp_path):
    member = small_sweep.member(0)
    assert member.about == digits.train.about
    named = dataclasses.replace(member, about=About(("ash", "oak"), ("leaf", "bark")))
    for given, classes, features in (
        (named, ["ash", "oak"], ["leaf", "bark"]),
        (dataclasses.replace(member, about=About()), None, None),
    ):
        _, about = export(given, tmp_path / "one")
        read = json.loads(about.read_text())
        assert (read["classes"], read["features"]) == (classes, features)


def line(hp):
    optimizer, loss = optim.adam(hp["rate"]), nn.squared_error
    return dl.Recipe(nn.dense(1), optimizer, loss, batch_size=8)


@pytest.mark.parametrize(
    ("kind", "folds"),
    [
        (np.uint8, 2),
        *(
            pytest.param(*case, marks=pytest.mark.heavy)
            for case in ((np.uint8, None), (np.float32, None), (np.float32, 2))
        ),
    ],
)
def test_raw_inputs_and_the_files_give_the_predictions(kind, folds, tmp_path):
    """Also of bytes, of a fold with a normalization of its own, of scaled targets."""
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 200, (60, 3)).astype(kind)
    one = dl.data.from_arrays(raw, (1e5 + 1e3 * raw[:, 0]).astype(np.float32))
    data = dl.data.normalize(
        dl.data.Splits(one[:30], one[30:45], one[45:]), targets=True
    )
    member = dl.sweep(line, {"rate": dl.Uniform(0.1, 0.2)}, data, key=0, members=1,
                      epochs=2, folds=folds, progress=False).member(0)  # fmt: skip
    weights, about = export(member, tmp_path / "one", data.moments)
    arrays, read = safetensors.load_file(weights), json.loads(about.read_text())
    inputs, targets = (
        {name: np.array(x) for name, x in read[part].items()}
        for part in ("normalization", "targets")
    )
    x = (raw - inputs["mean"]) / inputs["scale"]
    outputs = x @ arrays["params.kernel"] + arrays["params.bias"]
    outputs = outputs * targets["scale"] + targets["mean"]
    stored = np.concatenate([d.inputs for d in data.sets.values()])
    np.testing.assert_allclose(member.predict(stored), outputs, rtol=1e-5)


def sized(hp):
    hidden = (nn.dense(hp["units"], use_bias=False), nn.batch_norm(eps=hp["eps"]))
    model = nn.serial(*hidden, nn.relu, nn.residual(nn.dense(hp["units"])), nn.dense(3))
    return dl.Recipe(model, optim.adam(0.01), nn.softmax_cross_entropy, batch_size=20)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model with 5 of 8 units after two epochs: its files, inputs and outputs."""
    rng = np.random.default_rng(0)
    x = (3 + 5 * rng.normal(size=(60, 4))).astype(np.float32)
    one = dl.data.from_arrays(x, np.arange(60) % 3)
    data = dl.data.Splits(one[:40], one[40:50], one[50:])
    hp = {"units": nn.Size(5, 8), "eps": 0.3}
    member = dl.fit(sized, hp, data, key=0, epochs=2, progress=False)
    path = tmp_path_factory.mktemp("exported") / "one"
    weights, about = export(member, path)
    arrays, read = safetensors.load_file(weights), json.loads(about.read_text())
    return arrays, read, x, member.predict(x)


def test_a_model_with_sizes_is_one_of_its_live_sizes(exported):
    arrays, read, *_ = exported
    assert read["hyperparameters"]["units"] == 5 and read["bounds"] == {"units": 8}
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        "params.0.kernel": (4, 5), "params.1.gamma": (5,), "params.1.beta": (5,),
        "params.3.0.kernel": (5, 5), "params.3.0.bias": (5,),
        "params.4.kernel": (5, 3), "params.4.bias": (3,),
        "state.1.mean": (5,), "state.1.variance": (5,),
    }  # fmt: skip
    assert [part["layer"] for part in read["architecture"]["parts"]] == [
        "dense", "batch_norm", "relu", "residual", "dense"
    ]  # fmt: skip
    assert read["architecture"]["parts"][0] == {
        "layer": "dense", "units": 5, "use_bias": False
    }  # fmt: skip


def test_numpy_predicts_with_the_files_alone(exported):
    arrays, read, x, expected = exported
    eps = read["architecture"]["parts"][1]["eps"]
    z = x @ arrays["params.0.kernel"]
    z = (z - arrays["state.1.mean"]) / np.sqrt(arrays["state.1.variance"] + eps)
    h = np.maximum(z * arrays["params.1.gamma"] + arrays["params.1.beta"], 0)
    h = h + h @ arrays["params.3.0.kernel"] + arrays["params.3.0.bias"]
    outputs = h @ arrays["params.4.kernel"] + arrays["params.4.bias"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_pytorch_predicts_with_the_files_alone(exported):
    torch = pytest.importorskip("torch")
    arrays, read, x, expected = exported
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    parts = read["architecture"]["parts"]
    units = parts[0]["units"]
    first, last = torch.nn.Linear(4, units, bias=False), torch.nn.Linear(units, 3)
    norm, inner = (
        torch.nn.BatchNorm1d(units, eps=parts[1]["eps"]), torch.nn.Linear(units, units)
    )  # fmt: skip
    first.load_state_dict({"weight": tensors["params.0.kernel"].T})
    norm.load_state_dict({
        "weight": tensors["params.1.gamma"], "bias": tensors["params.1.beta"],
        "running_mean": tensors["state.1.mean"],
        "running_var": tensors["state.1.variance"],
    }, strict=False)  # fmt: skip
    for layer, path in ((inner, "params.3.0"), (last, "params.4")):
        kernel, bias = tensors[f"{path}.kernel"], tensors[f"{path}.bias"]
        layer.load_state_dict({"weight": kernel.T, "bias": bias})
    with torch.no_grad():
        h = torch.relu(norm.eval()(first(torch.tensor(x))))
        outputs = last(h + inner(h)).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_the_size_and_its_bound_train_the_same_again(exported):
    """What the JSON has of a size is a hyperparameter again."""
    _, read, x, expected = exported
    one = dl.data.from_arrays(x, np.arange(60) % 3)
    data = dl.data.Splits(one[:40], one[40:50], one[50:])
    size = nn.Size(read["hyperparameters"]["units"], read["bounds"]["units"])
    hp = read["hyperparameters"] | {"units": size}
    member = dl.fit(sized, hp, data, key=0, epochs=2, progress=False)
    np.testing.assert_array_equal(member.predict(x), expected)


def odd(hp):
    """A model with a scalar, a part that is left out and a key."""

    def init(key, in_shape):
        kernel = jax.random.normal(key, (in_shape[0], 3))
        return {"kernel": kernel, "bias": None, "t": np.float32(2)}, {"key": key}, (3,)

    def apply(params, state, x, *, key=None, train=False):
        return params["t"] * (x @ params["kernel"]), state

    optimizer = optim.gradient_descent(hp)
    return dl.Recipe(
        nn.Layer(init, apply), optimizer, nn.softmax_cross_entropy, batch_size=20
    )


@pytest.mark.heavy
def test_scalars_and_parts_that_are_left_out(exported, tmp_path):
    *_, x, _ = exported
    one = dl.data.from_arrays(x, np.arange(60) % 3)
    member = dl.fit(
        odd, 0.01, dl.data.Splits(one, one, one), key=0, epochs=1, progress=False
    )
    weights, _ = export(member, tmp_path / "odd")
    arrays = safetensors.load_file(weights)
    assert arrays["params.t"].shape == () and "params.bias" not in arrays
    key = np.asarray(jax.random.key_data(member.state["key"]))
    np.testing.assert_array_equal(arrays["state.key"], key)
