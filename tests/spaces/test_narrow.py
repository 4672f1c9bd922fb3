"""A leaf with one value or a part of its range: its kind, its draws, and its record."""

import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.experiment import pinned
from jaxdl.searches.rungs import start
from jaxdl.spaces import SpaceError
from jaxdl.spaces.narrow import is_part, narrow, pin
from jaxdl.spaces.plain import as_recorded, check_recorded, to_plain
from jaxdl.train.structure import by_name

SPACE = {
    "act": dl.Among(["relu", "tanh"]),
    "batch": dl.Static([32, 64, 128]),
    "beta": 0.9,
    "opt": dl.Either({"adam": {"rate": dl.LogUniform(1e-3, 1.0)}, "sgd": {}}),
    "units": dl.AsSize(dl.IntUniform(8, 64), (16, 32, 64)),
    "width": dl.AsSize(dl.IntLogUniform(8, 64)),
}
GIVEN = ("act=tanh", "batch=64..128", "beta=0.8", "opt.name=adam",
         "opt.adam.rate=0.01..0.1", "units=20..30", "width=9")  # fmt: skip


@pytest.mark.parametrize("search", [dl.searches.random(), dl.sobol()])
@pytest.mark.parametrize("given", [*GIVEN, "opt.adam.rate=0.05"])
def test_the_draws_of_other_leaves_do_not_move(search, given):
    key, name = jax.random.key(0), given.partition("=")[0]
    _, before = start(search, key, SPACE, 8, 1)
    _, after = start(search, key, pinned(SPACE, [given]), 8, 1)
    before, after = by_name(before.hparams), by_name(after.hparams)
    for other in before.keys() - {name}:
        np.testing.assert_array_equal(before[other], after[other], strict=True)
    assert before[name].dtype == after[name].dtype  # traced numbers stay of their type


def test_a_record_gives_back_what_was_pinned_and_narrowed():
    own = pinned(SPACE, GIVEN)
    plain = json.loads(json.dumps(to_plain(own)))
    found = as_recorded(SPACE, plain)
    assert by_name(found) == by_name(own) != by_name(SPACE)
    assert by_name(as_recorded(own, plain)) == by_name(own)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("act", dl.Among(["relu", "gelu"])), ("act", dl.Static(["tanh"])),
        ("batch", dl.Static([16, 64])), ("beta", "much"), ("beta", np.float32(0.9)),
        ("units", dl.AsSize(dl.IntUniform(4, 32), (32,))),
        ("units", dl.AsSize(dl.IntUniform(20, 30), (64,))),
        ("width", dl.AsSize(dl.IntUniform(8, 16))), ("opt", 3),
    ],
)  # fmt: skip
def test_a_record_of_another_space_is_refused(name, other):
    plain = to_plain(SPACE | {name: other})
    assert by_name(as_recorded(SPACE, plain)) == by_name(SPACE)
    with pytest.raises(SpaceError, match="expected the space of the run"):
        check_recorded(as_recorded(SPACE, plain), plain)


def test_a_part_is_what_the_two_functions_make():
    rate = dl.LogUniform(1e-3, 1.0)
    assert is_part(pin(rate, 3.0), rate) and is_part(narrow(rate, 0.1, 1.0), rate)
    assert not is_part(dl.Uniform(0.1, 1.0), rate)
    assert not is_part(dl.LogUniform(1e-4, 1.0), rate)
    width = SPACE["width"]
    assert is_part(narrow(width, 9, 9), width) and narrow(width, 9, 9).bounds
    given = dl.AsSize([7, 9], (8, 16))
    assert pin(given, 9) == dl.AsSize(np.asarray(9), (16,))
    assert is_part(pin(given, 9), given)
