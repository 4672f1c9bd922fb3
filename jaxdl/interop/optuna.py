"""Optuna: its samplers propose members, and its storage keeps the finished study."""

import inspect
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np

from jaxdl import extras
from jaxdl.keys import key_words
from jaxdl.near import near
from jaxdl.searches import Rung, Search, Standing
from jaxdl.searches.rungs import Requests, check_number, scores
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import is_distribution
from jaxdl.spaces.either import applies, needs
from jaxdl.spaces.refine import check_varies
from jaxdl.spaces.sample import given, sample
from jaxdl.train.state import HPARAMS
from jaxdl.train.structure import by_name

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
KNOWN = 20  # trials after which every sampler computes what it proposes
NOT_WRITTEN = "the study could not be written to Optuna's storage ({}: {})"


def optuna_search(
    sampler: Callable[..., Any] | str | None = None,
    *,
    batch: int = 64,
    storage: Any = None,
    study_name: str | None = None,
) -> Search:
    """Returns the search in which a sampler of Optuna proposes the members.

    It proposes `batch` members at once, which train to the end side by side. It then
    receives their scores, proposes the next members, and so on. A score is the dev
    error, or the metric that the recipe ranks by; where larger is better, its negative.
    Of several objectives the first counts. The study minimizes the score. Trial i of
    the study is member i. A member that diverged is a failed trial.

    Each distribution becomes a parameter of the same name, range and scale. The β of an
    average, of `OneMinusLogUniform`, becomes `one_minus_β` on a log scale.

    Args:
        sampler: is called as `sampler(seed=...)`, with a seed from the run's key, and
            returns a sampler: a class such as `optuna.samplers.CmaEsSampler`, its name,
            or a function of yours. None: Optuna's TPE, which keeps members of one batch
            apart.
        batch: members proposed at once, at least 1. With small batches the sampler
            knows more scores before it proposes; large batches fill the blocks better.
        storage: where Optuna keeps the finished study: a URL such as
            `sqlite:///study.db`, or one of its storages. If it fails at the end, there
            is a warning. None: nowhere.
        study_name: its name there, which no other study may have. None: Optuna's.

    Raises:
        ImportError: Optuna is missing, or the library that a named sampler needs.
        SpaceError: `batch` is below 1; or, when the search begins, the space holds an
            array or no distribution, two hyperparameters have one name in Optuna, or
            the storage has a study of that name or cannot be opened.
        TypeError: `sampler` is a sampler, not a function that makes one.
        ValueError: Optuna has no sampler of that name that a seed alone makes.

    Source: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization
    Framework, 2019.
    """
    optuna = optuna_library()
    check_number("optuna_search", "batch", batch, least=1)
    make_sampler = sampler_maker(sampler)

    def search(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        check_varies(space)
        check_names(space)
        with quiet():
            check_storage(storage, study_name)
            study = optuna.create_study(sampler=make_sampler(seed=seed_of(key)))
            for params in first_parameters(space):
                study.enqueue_trial(params)
        for first in range(0, members, batch):
            ids = np.arange(first, min(first + batch, members))
            with quiet():
                trials = [study.ask() for _ in ids]
                proposed = proposals(space, trials)
            hparams = sample(key, proposed, len(ids))
            standing = yield Rung(ids, hparams, np.full(len(ids), epochs))
            with quiet():
                _tell(study, trials, standing)
        if storage is not None:
            _write(study, storage, study_name)

    return search


def optuna_library() -> Any:
    """Returns the library; raises an ImportError if it is not installed."""
    return extras.library("optuna", "optuna", "its samplers and storage")


def sampler_maker(sampler: Callable[..., Any] | str | None) -> Callable[..., Any]:
    """Returns the function from a seed to a sampler, see `optuna_search`.

    Raises:
        ImportError: a library that the named sampler needs is missing.
        TypeError: it is a sampler, not a function that makes one.
        ValueError: Optuna has no sampler of that name that a seed alone makes.
    """
    if isinstance(sampler, optuna_library().samplers.BaseSampler):
        raise TypeError(
            f"got the sampler {type(sampler).__name__} itself; expected a function "
            "that makes one of a seed, so that a run can be repeated: its class, or "
            "lambda seed: optuna.samplers.TPESampler(seed=seed)"
        )
    return _named(sampler) if isinstance(sampler, str) else sampler or _tpe


def _named(name: str) -> Any:
    samplers = optuna_library().samplers
    known = {n: getattr(samplers, n) for n in samplers.__all__ if n.endswith("Sampler")}
    known = {n: sampler for n, sampler in known.items() if _asks_for_a_seed(sampler)}
    if name not in known:
        raise ValueError(
            f"got sampler={name!r}; expected one of {', '.join(known)}"
            f"{near(name, known)}"
        )
    _check_imports(name, known[name])
    return known[name]


def _check_imports(name: str, sampler: Any) -> None:
    """Asks a sampler once: some import a library only when they know trials.

    Raises:
        ImportError: that library is missing.
    """
    optuna = optuna_library()
    own = {x: optuna.distributions.FloatDistribution(0, 1) for x in "xy"}
    known = [
        optuna.trial.create_trial(params={"x": v, "y": v}, distributions=own, value=v)
        for v in np.linspace(0, 1, KNOWN).tolist()
    ]
    try:
        with quiet():
            study = optuna.create_study(sampler=sampler(seed=0))
            study.add_trials(known)
            study.ask(own)
    except ImportError as error:
        raise ImportError(
            f"got sampler={name!r}, which needs {error.name}; expected it: pip install "
            f"{error.name}"
        ) from error
    except Exception:  # of any kind: not all take floats
        return


def _asks_for_a_seed(sampler: Any) -> bool:
    """Returns whether a class makes a sampler of a seed and nothing else."""
    asked = inspect.signature(sampler).parameters.values()
    needed = [p for p in asked if p.default is p.empty and p.kind not in VARIADIC]
    seed = any(p.name == "seed" for p in asked)
    return seed and not needed and not inspect.isabstract(sampler)


def _tpe(seed: int) -> Any:
    return optuna_library().samplers.TPESampler(seed=seed, constant_liar=True)


def seed_of(key: jax.Array) -> int:
    """Returns the seed of a sampler, from the key of a run or of a part of it."""
    words = key_words(key, HPARAMS)
    return int(np.random.default_rng(words).integers(2**32))


def quiet() -> AbstractContextManager[None]:
    """Keeps Optuna's logs and warnings from the terminal, but not its errors."""
    log = optuna_library().logging
    return extras.quiet(log.get_verbosity(), log.set_verbosity)


def check_names(space: Any) -> None:
    """Checks that the hyperparameters of a space have names of their own in Optuna.

    Raises:
        SpaceError: one is called as Optuna has the other, such as `one_minus_beta`.
    """
    drawn = {n: leaf for n, leaf in by_name(space).items() if is_distribution(leaf)}
    names = [parameter(name, leaf)[0] for name, leaf in drawn.items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpaceError(
            f"got two hyperparameters that are {', '.join(twice)} in Optuna; expected "
            "names that differ: rename one"
        )


def check_storage(storage: Any, study_name: str | None) -> None:
    """Checks that a storage can be opened and has no study of a name.

    Raises:
        SpaceError: it cannot, or has one.
    """
    if storage is None:
        return
    try:
        names = optuna_library().get_all_study_names(storage)
    except Exception as error:  # of any kind, as storages differ
        reason = str(error).partition("\n")[0]
        raise SpaceError(
            f"got the storage {storage!r:.200}, which Optuna cannot open "
            f"({type(error).__name__}: {reason}); expected a journal's path, or a URL "
            "of a database that can be written, such as sqlite:///study.db"
        ) from error
    if study_name in names:
        raise SpaceError(
            f"the storage has a study {study_name!r} already; expected another name "
            f"or storage: this one has {', '.join(sorted(names))}"
        )


def proposals(space: Any, trials: list[Any]) -> Any:
    """Returns the space with the trials' values, `[n]`, for its distributions."""
    leaves = by_name(space).items()
    need = needs(space)
    rows: list[list[Any]] = []
    for trial in trials:
        rows.append([])
        for (name, leaf), own in zip(leaves, need, strict=True):
            if not is_distribution(leaf):
                value = leaf
            elif applies(own, rows[-1]):
                value = _suggested(trial, name, leaf)
            else:
                value = leaf.quantile(np.asarray(0.5))  # which nothing reads
            rows[-1].append(value)
    return given(space, rows)


def first_parameters(space: Any) -> list[dict[str, Any]]:
    """Returns the parameters of the first members, where the space gives them."""
    rows: dict[int, dict[str, Any]] = {}
    for name, leaf in by_name(space).items():
        if is_distribution(leaf):
            reversed_log = leaf.scale == "reversed log"
            for member, value in leaf.first.items():
                own = 1 - value if reversed_log else value
                rows.setdefault(member, {})[parameter(name, leaf)[0]] = own
    return [rows[member] for member in sorted(rows)]


def parameter(name: str, dist: Any) -> tuple[str, Any]:
    """Returns a hyperparameter's name and distribution as Optuna has them."""
    of = optuna_library().distributions
    log = dist.scale == "log"
    if dist.scale == "category":
        return name, of.CategoricalDistribution(dist.options)
    if dist.whole:
        return name, of.IntDistribution(dist.low, dist.high, log=log)
    if dist.scale == "reversed log":
        above, dot, last = name.rpartition(".")
        ends = 1 - float(dist.high), 1 - float(dist.low)
        own = of.FloatDistribution(*ends, log=True)
        return f"{above}{dot}one_minus_{last}", own
    return name, of.FloatDistribution(float(dist.low), float(dist.high), log=log)


def _suggested(trial: Any, name: str, dist: Any) -> Any:
    """Returns a trial's value of a named distribution."""
    named, own = parameter(name, dist)
    if dist.scale == "category":
        return trial.suggest_categorical(named, own.choices)
    suggest = trial.suggest_int if dist.whole else trial.suggest_float
    value = suggest(named, own.low, own.high, log=own.log)
    return 1 - value if dist.scale == "reversed log" else value


def _tell(study: Any, trials: list[Any], standing: Standing) -> None:
    # Failed, not pruned: TPE avoids the region of pruned trials, and the best rates lie
    # close to those at which training diverges.
    failed = optuna_library().trial.TrialState.FAIL
    for trial, score in zip(trials, scores(standing).tolist(), strict=True):
        if np.isfinite(score):
            study.tell(trial, score)
        else:
            study.tell(trial, state=failed)


def _write(study: Any, storage: Any, study_name: str | None) -> None:
    try:
        with quiet():
            kept = optuna_library().create_study(storage=storage, study_name=study_name)
            kept.add_trials(study.get_trials(deepcopy=False))
    except Exception as error:  # of any kind, as storages differ
        message = NOT_WRITTEN.format(type(error).__name__, error)
        warnings.warn(message, stacklevel=2)
