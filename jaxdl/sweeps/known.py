"""What members of each variant know beside their hyperparameters, as JSON and back.

A specification lacks the parts that have nothing to record.
"""

import base64
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdl.data import About, Moments, Scaling
from jaxdl.data.folds import Folds, Rows
from jaxdl.data.trees import map_named, named
from jaxdl.engine.inputs import Variant
from jaxdl.engine.task import Task
from jaxdl.train.facts import Facts, facts_from_plain, takes_facts


def known_parts(task: Task) -> dict[str, Any]:
    """Returns the parts of a specification by name.

    They are the `facts` that the recipe takes and the `scaling` of raw arrays, of each
    variant; the `rows` of folds that were given; what is known `about` the data; and
    whether to `stratify` the folds, where the loss decides it.

    Args:
        task: its variants are known.
    """
    variants, parts = task.variants, {}
    if takes_facts(task.recipe):
        parts["facts"] = [v.facts.to_plain() for v in variants]
    if any(v.scaling is not None for v in variants):
        parts["scaling"] = [_scaling_to_plain(v.scaling) for v in variants]
    if isinstance(task.folds, tuple):
        parts["rows"] = [_rows_to_plain(rows) for rows in itertools.chain(*task.folds)]
    if task.about != About():
        known = task.about._asdict()
        parts["about"] = {
            name: list(part) if isinstance(part, tuple) else part
            for name, part in known.items()
        }
    if task.stratify is not None:
        parts["stratify"] = task.stratify
    return parts


def from_parts(
    task: Task, specification: Mapping[str, Any]
) -> tuple[Folds, tuple[Variant, ...]]:
    """Returns the folds and the variants of a recorded task.

    The variants have no rows, and without recorded facts no class counts.

    Args:
        task: its other settings are known.
        specification: of a run.

    Raises:
        ValueError, TypeError, LookupError: no sweep has such a specification.
    """
    many, folds = task.num_variants, task.folds
    if "rows" in specification:
        rows = [_rows_from_plain(text) for text in specification["rows"]]
        folds = tuple(zip(rows[::2], rows[1::2], strict=True))
    (examples, *_), _ = next(iter(named(specification["shapes"][0]).values()))
    known = [
        facts_from_plain(facts, task.epochs) for facts in specification.get("facts", [])
    ] or [Facts(examples, None, task.epochs)] * many
    scaling = [_scaling_from_plain(s) for s in specification.get("scaling", [])]
    if {len(known), len(scaling) or many} != {many}:
        raise ValueError("there is another number of variants")
    return folds, tuple(
        Variant(task.key, facts, scaling=own)
        for facts, own in zip(known, scaling or [None] * many, strict=True)
    )


def about_of(specification: Mapping[str, Any]) -> About:
    """Returns what was known of the data of a run."""
    plain: dict[str, Any] = specification.get("about", {})
    about: dict[str, Any] = {
        name: tuple(part) if isinstance(part, list) else part
        for name, part in plain.items()
    }
    return About(**about)


def _scaling_to_plain(scaling: Scaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    return {
        field: map_named(_moments_to_plain, moments)
        for field, moments in scaling._asdict().items()
    }


def _scaling_from_plain(plain: dict[str, Any] | None) -> Scaling | None:
    if plain is None:
        return None
    return Scaling(
        **{field: map_named(_moments_from_plain, pair) for field, pair in plain.items()}
    )


def _rows_to_plain(rows: Rows) -> str:
    """Returns ascending rows as a text: a bit for each example up to the last."""
    chosen = np.zeros(int(rows[-1]) + 1, bool)
    chosen[rows] = True
    return base64.b64encode(np.packbits(chosen).tobytes()).decode()


def _rows_from_plain(text: str) -> NDArray[np.int32]:
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))
    return np.flatnonzero(bits).astype(np.int32)


def _moments_to_plain(name: str, moments: Moments | None) -> list[Any] | None:
    del name
    return None if moments is None else [np.asarray(x).tolist() for x in moments]


def _moments_from_plain(name: str, pair: Any) -> Moments | None:
    del name
    return None if pair is None else Moments(*(np.array(x) for x in pair))
