"""A training of one member whose hyperparameters a function changes as it goes.

Each epoch is a rung of its own. A rung is on the disk before it trains, so each answer
is there before the epoch that it governs, and a run that resumes reads it from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import NDArray

from jaxdl.engine.drawn import check_drawn
from jaxdl.engine.engine import Engine
from jaxdl.engine.population import Population
from jaxdl.keys import as_key
from jaxdl.near import near
from jaxdl.plain import scalar
from jaxdl.searches.rungs import Requests, Rung
from jaxdl.spaces.among import Among
from jaxdl.spaces.contract import SpaceError
from jaxdl.spaces.distributions import as_objects
from jaxdl.spaces.sample import is_static, sample
from jaxdl.spaces.sizes import AsSize
from jaxdl.sweeps.from_population import make_result
from jaxdl.sweeps.reading import rung_of
from jaxdl.train.epoch_state import Status
from jaxdl.train.member import Member
from jaxdl.train.structure import as_held, flatten

STOP = "stop"
Answer = Mapping[str, Any] | Literal["stop"] | None
OnEpoch = Callable[[Member], Answer]
Show = Callable[[int, int, dict[str, Any]], None]  # number of the epoch, all, metrics


def steer(
    on_epoch: OnEpoch | None, show: Show
) -> Callable[[Engine, Population, Requests, Rung], None]:
    """Returns the function that trains one member, for `train_task`.

    Args:
        on_epoch: as for `jaxdl.fit`.
        show: is called after each epoch, also one that was on record.
    """

    def train(
        engine: Engine, population: Population, requests: Requests, rung: Rung
    ) -> None:
        task, store = population.task, population.store
        rungs = [] if store is None else store.rungs()
        recorded = [rung_of(task, stored) for stored in rungs]
        ended = store is not None and store.finished
        while True:
            engine.train(population, rung)
            epoch = int(rung.until[0])
            show(epoch, task.epochs, _metrics(population, epoch))
            running = population.status[0] == Status.RUNNING
            if not running or epoch == task.epochs:
                break
            if epoch < len(recorded):
                rung = recorded[epoch]
                continue
            answer = STOP if ended else on_epoch and on_epoch(so_far(population))
            if isinstance(answer, str) and answer == STOP:
                break
            hparams = changed(task.space, rung.hparams, answer)
            rung = rung._replace(hparams=hparams, until=rung.until + 1)
            check_drawn(task, rung)
        population.finish()

    return train


def so_far(population: Population) -> Member:
    """Returns the one member as it stands; its curves end with its last epoch."""
    member, epochs = make_result(population).member(0), int(population.epochs[0])
    curves = {name: curve[:epochs] for name, curve in member.metrics.items()}
    return replace(member, metrics=curves, status=Status.RUNNING, stopped_at=None)


def changed(space: Any, hparams: Any, answer: Any) -> Any:
    """Returns hyperparameters `[1]` after the answer of a function.

    Args:
        space: of the one member.
        hparams: its columns `[1]`.
        answer: values by name, or None.

    Raises:
        SpaceError: the answer is anything else, or changes what is not traced.
    """
    if answer is None:
        return hparams
    if not isinstance(answer, Mapping):
        raise SpaceError(
            f"got {answer!r:.80} from on_epoch; expected None, values by the name of "
            'their hyperparameter, such as {"rate": 0.01}, or "stop"'
        )
    names, leaves, treedef = flatten(space)
    columns = dict(zip(names, treedef.flatten_up_to(hparams), strict=True))
    known = dict(zip(names, leaves, strict=True))
    for name, value in answer.items():
        columns[name] = _column(known, name, value, columns.get(name))
    return jax.tree.unflatten(treedef, [columns[name] for name in names])


def check_changes(space: Any, changes: Mapping[str, Any]) -> None:
    """Checks that a training may change these hyperparameters.

    Args:
        space: of the one member.
        changes: values by name.

    Raises:
        SpaceError: as `changed`.
    """
    changed(space, sample(as_key(0), space, 1), changes)


def _metrics(population: Population, epoch: int) -> dict[str, Any]:
    return {name: x[0, epoch - 1] for name, x in population.metrics.items()}


def _column(known: dict[str, Any], name: Any, value: Any, before: Any) -> NDArray[Any]:
    """Returns the column `[1]` of a changed hyperparameter.

    Args:
        known: the leaves of the space by name.
        name: of the hyperparameter.
        value: its new one.
        before: its column so far.
    """
    if name not in known:
        raise SpaceError(
            f"got a change of {name!r:.80}; expected a name among {[*known]}"
            f"{near(str(name), known)}"
        )
    leaf = known[name]
    if isinstance(leaf, AsSize) or is_static(leaf):
        kind = "a size" if isinstance(leaf, AsSize) else "static"
        raise SpaceError(
            f"got a change of {name} to {scalar(value)!r:.80}, which is {kind} and "
            "shapes the weights or the program; expected a traced hyperparameter: "
            "train another model for it"
        )
    if isinstance(leaf, Among):
        leaf.places([value])
        return as_objects([value])
    return _number(name, value, before)


def _number(name: str, value: Any, before: NDArray[Any]) -> NDArray[Any]:
    number, kind = np.asarray(value), before.dtype.kind
    kinds = {"b": "b", "i": "iu", "u": "iu"}.get(kind, "iuf")
    if number.shape != () or number.dtype.kind not in kinds or not np.isfinite(number):
        raise SpaceError(
            f"got a change of {name} to {value!r:.80}; expected a finite number of "
            f"type {before.dtype}"
        )
    number = number.astype(np.float64) if kind == "f" else number
    return as_held(name, number, error=SpaceError).astype(before.dtype).reshape(1)
