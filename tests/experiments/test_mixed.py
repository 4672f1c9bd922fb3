"""The mixed space: its programs, and that PyTorch trains the same models beside it."""

import json

import jax
import numpy as np
import pytest

pytest.importorskip("sklearn")  # for its digits

import jaxdl as dl
from experiments import mixed
from experiments.bench import mixed as race
from experiments.bench import mixed_static
from experiments.bench.record import surroundings
from jaxdl import train
from jaxdl.experiment import hyperparameters, pinned
from jaxdl.spaces.structures import count_structures
from jaxdl.train.structure import by_name

COMMON = {"activation": "tanh", "units": 26, "keep_prob": 1.0, "l2": 0.5}
MODELS = {
    "momentum": {"batch_norm": True, "smoothing": 0.0}
    | {"optimizer.momentum.rate": 0.1, "optimizer.momentum.beta": 0.8},
    # A batch norm takes biases away, and Adam would scale what rounding leaves.
    "adam": {"batch_norm": False, "smoothing": 0.1, "optimizer.adam.rate": 0.01}
    | {"optimizer.adam.schedule": "exponential", "optimizer.adam.decay": 0.5},
}


def test_choices_share_programs_where_static_ones_have_one_each():
    bounds = len(mixed.space.units.all_bounds())
    assert count_structures(mixed.space) == bounds
    # Adam with three schedules or momentum, two activations, batch norm or none
    assert count_structures(mixed_static.space) == (3 + 1) * 2 * 2 * bounds


@pytest.mark.heavy
def test_a_member_trains_as_in_the_program_of_its_choices_alone():
    size = {"key": 0, "members": 4, "epochs": 3, "progress": False}
    swept = dl.sweep(mixed.recipe, mixed.space, mixed.data, **size)
    drawn = by_name(swept.hparams)
    assert {*drawn["optimizer.name"][:2]} == {"adam", "momentum"}
    for member in range(2):
        choices = ["optimizer.name", "activation", "batch_norm"]
        if drawn["optimizer.name"][member] == "adam":
            choices += ["optimizer.adam.schedule"]
        given = [f"{name}={drawn[name][member]}" for name in choices]
        space = pinned(mixed_static.space, given)
        alone = dl.sweep(mixed_static.recipe, space, mixed.data, **size)
        for name, curve in swept.metrics.items():
            own = alone.metrics[name][member]
            np.testing.assert_allclose(curve[member], own, rtol=1e-3, atol=3e-3)


@pytest.mark.parametrize("optimizer", [*MODELS])
def test_two_steps_of_pytorch_are_those_of_jaxdl(optimizer):
    """From the same weights, with two epochs of a batch and without dropout."""
    torch_loop = pytest.importorskip("experiments.bench.mixed_torch")
    torch = torch_loop.torch
    plain = {"optimizer.name": optimizer} | COMMON | MODELS[optimizer]
    hp = hyperparameters(mixed.space, [f"{name}={x}" for name, x in plain.items()])
    few = mixed.data.train[: mixed.BATCH_SIZE]
    facts = train.facts_of(dl.data.Splits(few, few, few), 2)
    recipe = train.with_facts(mixed.recipe, facts)
    state = train.init(recipe, hp, train.member_key(jax.random.key(0), 0), (64,))
    model = torch_loop.network(plain, 64)
    layers = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    for layer, params in zip(layers, dense_params(state), strict=True):
        own = {"weight": params["kernel"].T, "bias": params["bias"]}
        layer.load_state_dict({n: torch.from_numpy(x.copy()) for n, x in own.items()})
    step = jax.jit(lambda state: train.make_step(recipe)(hp, state, few)[0])
    state = step(step(state))
    data = {n: torch.from_numpy(x) for n, x in race.arrays(few, few).items()}
    torch_loop.fit(model, plain, data, 2)
    for layer, params in zip(layers, dense_params(state), strict=True):
        weight, bias = (x.detach().numpy() for x in (layer.weight, layer.bias))
        np.testing.assert_allclose(weight.T, params["kernel"], atol=2e-6)
        np.testing.assert_allclose(bias, params["bias"], atol=2e-6)


def dense_params(state):
    """Returns kernels and biases of the three dense layers, as NumPy has them."""
    (one, *_), (two, *_), last = jax.device_get(state.params)
    return one, two, last


def test_pytorch_trains_a_share_of_the_members(tmp_path, capsys):
    torch_loop = pytest.importorskip("experiments.bench.mixed_torch")
    race.write(tmp_path, 3)
    path = tmp_path / "members.json"
    _, second, _ = json.loads(path.read_text())
    path.write_text(json.dumps([{}, second, {}]))  # what it has to leave alone
    torch_loop.main(tmp_path, 1, 2, 1)
    (error,) = json.loads(capsys.readouterr().out)
    assert 0 <= error <= 1


def test_the_table_tells_how_many_times_as_long_pytorch_takes():
    times = {
        "Among": [{"seconds": 2.0, "training": 0.5, "best": 0.125}] * 2,
        "PyTorch": [{"seconds": s, "best": 0.25} for s in (4.0, 8.0)],
    }
    record = {"name": "x", "surroundings": surroundings(), "settings": {"repeats": 2}}
    text = race.markdown(record | {"sizes": {"2 members, 1 epochs": times}})
    parts = "2 (2 to 2)", "0.5 (0.5 to 0.5)", "3 (2 to 4)", "0.125 (0.125 to 0.125)"
    assert f"| Among | {' | '.join(parts)} |" in text
    assert "| PyTorch | 6 (4 to 8) |  | 1 (1 to 1) | 0.25 (0.25 to 0.25) |" in text
