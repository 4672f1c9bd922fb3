"""The mixed space: its programs, and that PyTorch trains the same models beside it."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn")  # for its digits

import jaxdl as dl
from experiments import mixed
from experiments.bench import mixed as race
from experiments.bench import mixed_static
from experiments.bench.record import surroundings
from jaxdl.experiment import pinned
from jaxdl.spaces.structures import count_structures
from jaxdl.train.facts import facts_of


def test_choices_share_programs_where_static_ones_have_one_each():
    bounds = len(mixed.space.units.all_bounds())
    assert count_structures(mixed.space) == bounds
    # Adam with three schedules or momentum, two activations, batch norm or none
    assert count_structures(mixed_static.space) == (3 + 1) * 2 * 2 * bounds


@pytest.mark.heavy
@pytest.mark.parametrize(
    "optimizer",
    [["optimizer.name=adam", "optimizer.adam.schedule=inverse"],
     ["optimizer.name=momentum"]],
    ids=["adam", "momentum"],
)  # fmt: skip
def test_a_choice_trains_as_the_program_of_that_choice_alone(optimizer):
    given = [*optimizer, "activation=tanh", "batch_norm=True"]
    among, alone = (
        dl.sweep(
            one.recipe, pinned(one.space, given), mixed.data,
            key=0, members=2, epochs=3, progress=False,
        ).metrics
        for one in (mixed, mixed_static)
    )  # fmt: skip
    for name, values in among.items():
        np.testing.assert_allclose(values, alone[name], rtol=1e-3, atol=3e-3)


def test_the_rates_of_pytorch_are_those_of_the_recipe():
    torch_loop = pytest.importorskip("experiments.bench.mixed_torch")
    facts = facts_of(mixed.data, 1)
    steps = facts.steps_per_epoch(mixed.BATCH_SIZE)
    for schedule in ("inverse", "exponential"):
        own = mixed.rate(mixed.Adam(0.1, schedule, 0.5), facts)
        theirs = torch_loop.schedule_of(schedule, 0.1, 0.5, steps)
        for step in (0, steps - 1, steps, 40):
            assert theirs(step) == pytest.approx(float(own(step)), rel=1e-6)


def test_pytorch_trains_a_share_of_the_members(tmp_path, capsys):
    torch_loop = pytest.importorskip("experiments.bench.mixed_torch")
    race.write(tmp_path, 3)
    torch_loop.main(tmp_path, 1, 2, 1)
    (error,) = json.loads(capsys.readouterr().out)  # of the second member alone
    assert 0 < error < 1


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
