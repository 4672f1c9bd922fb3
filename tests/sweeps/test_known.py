"""What variants know, as JSON has it, and back."""

import json

import numpy as np
import pytest

from jaxdl.data import About, Moments, Scaling
from jaxdl.engine.inputs import Variant
from jaxdl.engine.task import Task
from jaxdl.sweeps.known import about_of, from_parts, known_parts
from jaxdl.train import Facts
from tests.sweeps.kept import KEY, SPACE, small


def with_facts(hp, facts):
    return small(hp)


def task(recipe, variants, **settings):
    return Task(recipe, SPACE, None, KEY, 2, 3, variants=tuple(variants), **settings)


def again(before):
    """Returns the folds, the variants and what is known of the data, from JSON."""
    parts = json.loads(json.dumps(known_parts(before), allow_nan=False))
    written = parts | {"shapes": [[[9, 2], "float32"], [[9], "int32"], None]}
    read = before._replace(variants=(), folds=before.folds and before.num_folds)
    return *from_parts(read, written), about_of(written), parts


def test_nothing_is_written_where_there_is_nothing_to_say():
    folds, variants, about, parts = again(task(small, [Variant(KEY, Facts(9, 3, 3))]))
    assert parts == {} and folds is None and about == About()
    assert [v.facts.num_examples for v in variants] == [9]


def test_facts_scaling_rows_and_names_come_back():
    rows = ((np.int32([0, 2, 8]), np.int32([1])), (np.int32([9]), np.int32([0, 7])))
    scaling = Scaling(Moments(np.array([1 / 3, 2.0]), np.array([1e-30, 4.0])), None)
    labels = Scaling(None, Moments(np.array(5.0), np.array(0.1)))
    known = [
        Variant(KEY, Facts(3, 4, 3, True, np.array([1, 0, 2, 0])), scaling=scaling),
        Variant(KEY, Facts(1, 4, 3, True, np.array([0, 1, 0, 0])), scaling=labels),
    ]
    named = About(("ash", "λ"), ("leaf", "bark"), (1,), in_order=True)
    folds, variants, about, _ = again(task(with_facts, known, folds=rows, about=named))
    assert about == named
    for pair, expected in zip(folds, rows, strict=True):
        for found, own in zip(pair, expected, strict=True):
            np.testing.assert_array_equal(found, own, strict=True)
    for found, expected in zip(variants, known, strict=True):
        assert found.facts == expected.facts
        counts = found.facts.class_counts, expected.facts.class_counts
        np.testing.assert_array_equal(*counts)
        for ours, theirs in zip(found.scaling, expected.scaling, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_array_equal(ours.mean, theirs.mean)
                np.testing.assert_array_equal(ours.scale, theirs.scale)


def test_another_number_of_variants_is_refused():
    parts = known_parts(task(with_facts, [Variant(KEY, Facts(9, 3, 3))]))
    written = parts | {"shapes": [[[9, 2], "float32"], [[9], "int32"], None]}
    with pytest.raises(ValueError, match="another number of variants"):
        from_parts(task(with_facts, [], repeats=2), written)


@pytest.mark.parametrize("ids", [True, (0, 2), ()])
def test_ids_come_back(ids):
    plain = json.loads(json.dumps(About(ids=ids)._asdict()))
    assert about_of({"about": plain}).ids == ids
