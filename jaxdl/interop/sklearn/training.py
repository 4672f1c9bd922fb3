"""Requests of many estimators, trained together: as few sweeps as can be."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxdl import nn
from jaxdl.data import Splits
from jaxdl.engine.plan import Plan
from jaxdl.interop.sklearn.networks import Networks, as_networks, make_recipe
from jaxdl.interop.sklearn.pooling import pooled
from jaxdl.interop.sklearn.requests import Examples, Hparams, Request, Training
from jaxdl.spaces.structures import MOST_PROGRAMS
from jaxdl.sweeps import SweepResult, sweep

USUAL_WIDTH = 16  # of a block, where there are members enough to fill it


def train(requests: Iterable[Request]) -> dict[tuple[Any, ...], Networks]:
    """Returns the networks of each request, by its key.

    Requests of one `Training` over the same examples share a sweep: their
    hyperparameters are its configurations, and sets of examples are its folds. So all
    candidates and folds of a search are one sweep.
    """
    found = {}
    for training, seed, configurations, sets in _sweeps(requests):
        result = _sweep(training, seed, configurations, sets)
        for c, hparams in enumerate(configurations):
            # [repeats, folds]: a network of the ensemble in each repeat
            members = result.members_of(c).reshape(training.ensemble, len(sets))
            for own, examples in zip(members.T, sets, strict=True):
                networks = as_networks([result.member(i) for i in own])
                found[hparams, training, examples.digest] = networks
    return found


def _sweeps(
    requests: Iterable[Request],
) -> list[tuple[Training, int, list[Hparams], list[Examples]]]:
    """Returns the sweeps that train the requests, each over all of its pairs."""
    sets: dict[Any, dict[str, Examples]] = {}  # of each configuration
    seeds: dict[Any, int] = {}
    for hparams, training, examples, seed in requests:
        like = training, examples.inputs.shape[1], examples.labels.shape[1:]
        sets.setdefault((like, hparams), {})[examples.digest] = examples
        seeds.setdefault(training, seed)
    together: dict[Any, list[Hparams]] = {}
    found: dict[Any, list[Examples]] = {}
    for (like, hparams), own in sets.items():
        together.setdefault((like, *own), []).append(hparams)
        found[(like, *own)] = [*own.values()]
    return [
        (key[0][0], seeds[key[0][0]], configurations, found[key])
        for key, configurations in together.items()
    ]


def _sweep(
    training: Training,
    seed: int,
    configurations: list[Hparams],
    sets: list[Examples],
) -> SweepResult:
    """Returns the sweep of all configurations over all sets of examples."""
    shapes = sorted({hparams.shape for hparams in configurations})
    pool, folds, patience = pooled(training, seed, sets)
    recipe = make_recipe(
        shapes,
        len(pool.about.classes or ()) or pool.labels.shape[1],
        nn.softmax_cross_entropy if training.classes else nn.squared_error,
        drops=any(hparams.dropout > 0 for hparams in configurations),
    )
    columns = {
        name: np.array([getattr(hparams, name) for hparams in configurations])
        for name in ("learning_rate", "weight_decay", "dropout")
    }
    places = [shapes.index(hparams.shape) for hparams in configurations]
    members = len(configurations) * training.ensemble * len(sets)
    sizes = {(len(train), len(dev)) for train, dev in folds}
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return sweep(
            recipe,
            columns | {"shape": np.array(places, object)},
            Splits(pool, pool, pool),
            key=seed,
            members=len(configurations),
            epochs=training.epochs,
            patience=patience,
            repeats=training.ensemble,
            folds=folds,
            plan=_plan(members, len(shapes), len(sizes)),
            progress=False,
        )


def _plan(members: int, shapes: int, sizes: int) -> Plan:
    """Returns a plan without empty places for a few members.

    Raises:
        ValueError: there are more programs than a sweep may have.
    """
    if shapes * sizes > MOST_PROGRAMS:
        raise ValueError(
            f"got {shapes} pairs of hidden_layer_sizes and batch_size on train sets of "
            f"{sizes} sizes, each a program to compile; expected at most "
            f"{MOST_PROGRAMS} together: search fewer of them, or use folds of one size"
        )
    width = max(1, members // 2) if members < USUAL_WIDTH else None  # two hands
    return Plan(width, max_programs=shapes * sizes)
