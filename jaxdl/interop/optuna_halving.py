"""Optuna and successive halving: a sampler proposes the members of later brackets."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.interop.optuna import (
    check_names,
    first_parameters,
    optuna_library,
    proposals,
    quiet,
    sampler_maker,
    seed_of,
)
from jaxdl.keys import folded
from jaxdl.searches import Search
from jaxdl.searches.halving import bracket
from jaxdl.searches.rungs import Requests, check_number, scores
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.refine import check_varies
from jaxdl.spaces.sample import sample
from jaxdl.train.state import ROUND


def optuna_halving(
    eta: int = 3,
    *,
    brackets: int = 4,
    sampler: Callable[..., Any] | str | None = None,
) -> Search:
    """Returns the search of halvings, one after another; each learns from all before.

    The members are divided evenly among the brackets. Each bracket is a successive
    halving, as `halving(eta)` is. The members of the first bracket are drawn at random.
    A sampler of Optuna proposes those of each later bracket. It knows all earlier
    members that did not diverge, in one order: by the epoch of their last rung, the
    latest first, and then by their score there, the lowest first. It minimizes the
    place in this order. So every rung counts, and scores at different epochs are not
    compared.

    TPE proposes at random until it knows 10 members, Optuna's `n_startup_trials`. The
    first bracket should have more. Of several objectives only the first counts, also
    in each halving. Names and scales in Optuna are those of `optuna_search`.

    Args:
        eta: at least 2.
        brackets: at least 2.
        sampler: as for `optuna_search`: a class, its name such as `"GPSampler"`, or a
            function of a seed. None: Optuna's TPE.

    Raises:
        ImportError: Optuna is missing, or the library that a named sampler needs.
        SpaceError: a number is below its least; or, when the search begins, a bracket
            would have fewer than `eta` members, the space holds an array or no
            distribution, or two hyperparameters have one name in Optuna.
        TypeError: `sampler` is a sampler, not a function that makes one.
        ValueError: Optuna has no sampler of that name that a seed alone makes.

    Source: Falkner, Klein and Hutter, BOHB: Robust and Efficient Hyperparameter
    Optimization at Scale, 2018; here with equal brackets and all rungs in one model.
    """
    optuna = optuna_library()
    eta = check_number("optuna_halving", "eta", eta, least=2)
    brackets = check_number("optuna_halving", "brackets", brackets, least=2)
    make_sampler = sampler_maker(sampler)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        check_varies(space)
        check_names(space)
        _check_size(members, brackets, eta)
        asked: list[Any] = []  # trials of Optuna, by member
        first = first_parameters(space)  # of the first members, if they are given
        until, score = np.zeros(members, np.int64), np.full(members, np.nan)
        make: Callable[..., Any] = optuna.samplers.RandomSampler
        for number, ids in enumerate(np.array_split(np.arange(members), brackets)):
            own = folded(key, ROUND, number)
            with quiet():
                study = optuna.create_study(sampler=make(seed=seed_of(own)))
                study.add_trials(_told(asked, until, score))
                for params in first[ids[0] : ids[-1] + 1]:
                    study.enqueue_trial(params)
                asked += [study.ask() for _ in ids]
                proposed = proposals(space, asked[-len(ids) :])
            hparams = sample(key, proposed, len(ids))
            yield from _noted(bracket(hparams, ids, 1, epochs, eta, 1), until, score)
            make = make_sampler

    return search


def _noted(
    requests: Requests, until: NDArray[np.int64], score: NDArray[np.float64]
) -> Requests:
    """Yields the rungs of a bracket, and notes how far its members came.

    Args:
        requests: the bracket.
        until: the epoch of each member's last rung, `[members]`; changed.
        score: its score then; changed.
    """
    rung = next(requests)
    while True:
        standing = yield rung
        standing = {k: v for k, v in standing.items() if k != "objectives"}
        until[rung.members], score[rung.members] = rung.until, scores(standing)
        try:
            rung = requests.send(standing)
        except StopIteration:
            return


def _told(
    asked: list[Any], until: NDArray[np.int64], score: NDArray[np.float64]
) -> list[Any]:
    """Returns finished trials, whose values are the places of their members."""
    create = optuna_library().trial.create_trial
    return [
        create(
            params=asked[member].params,
            distributions=asked[member].distributions,
            value=float(place),
        )
        for place, member in enumerate(places(until, score))
    ]


def places(until: NDArray[np.int64], score: NDArray[np.float64]) -> list[int]:
    """Returns members with a finite score, the best first.

    Args:
        until: the epoch of each member's last rung, `[members]`.
        score: its score then, lower is better.
    """
    order = np.lexsort((score, -until))
    return order[np.isfinite(score[order])].tolist()


def _check_size(members: int, brackets: int, eta: int) -> None:
    if members < brackets * eta:
        raise SpaceError(
            f"optuna_halving got members={members}; expected at least {eta} for each "
            f"of {brackets} brackets, {brackets * eta}"
        )
