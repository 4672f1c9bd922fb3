"""The outlines of a task: one for each program, drawn or not."""

from types import SimpleNamespace

import pytest

import jaxdl as dl
from jaxdl.data import DataError
from jaxdl.engine.outlines import precisions
from jaxdl.spaces import SpaceError
from tests.engine.training import KEY, known, make_task, outlines_of
from tests.sweeps.kept import SPACE, small

BATCHES = SPACE | {"batch": dl.Static([32, 64])}


def batches(hp):
    return small(hp)._replace(batch_size=hp["batch"])


def found(space, digits):
    task = known(make_task(batches, space), digits)
    return outlines_of(task, dl.sample(KEY, space, 1), digits)


def test_each_program_has_an_outline_though_no_member_drew_it(digits):
    outlines = found(BATCHES, digits)
    steps = {s.values[0]: o.steps_per_epoch for (s, _), o in outlines.items()}
    assert steps == {32: 34, 64: 17}  # of 1078 examples
    assert {o.batch_size for o in outlines.values()} == {32, 64}


def test_a_program_that_cannot_train_is_refused(digits):
    with pytest.raises(DataError, match="batch_size=5000"):
        found(BATCHES | {"batch": dl.Static([32, 5000])}, digits)


def test_too_many_programs_are_refused(digits):
    with pytest.raises(SpaceError, match="65"):
        found(BATCHES | {"batch": dl.Static(list(range(1, 66)))}, digits)


def test_precisions_are_named_once():
    outlines = {i: SimpleNamespace(precision=p) for i, p in enumerate("bab")}
    assert precisions(outlines) == ["a", "b"]
