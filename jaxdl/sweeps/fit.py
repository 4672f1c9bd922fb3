"""One model: trained in memory, or steered and kept as a run of one member."""

import os
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxdl import terminal
from jaxdl.data import Splits
from jaxdl.engine.plan import Plan
from jaxdl.engine.task import Task
from jaxdl.keys import as_key
from jaxdl.searches.rungs import Requests, Rung
from jaxdl.spaces.of_one import as_space
from jaxdl.spaces.sample import sample
from jaxdl.sweeps.starting import start_of
from jaxdl.sweeps.steering import OnEpoch, steer
from jaxdl.sweeps.training import train_task
from jaxdl.train.fit import train_one
from jaxdl.train.member import Member
from jaxdl.train.recipe import RecipeFunction
from jaxdl.train.settings import check_jax


def fit(
    recipe: RecipeFunction,
    hparams: Any,
    data: Splits,
    *,
    key: jax.Array | int,
    epochs: int,
    patience: int | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    on_epoch: OnEpoch | None = None,
    start: Member | None = None,
    every: int | None = None,
    progress: bool = True,
) -> Member:
    """Returns one model, trained for `epochs` epochs or until it stops early.

    It is member 0 of a sweep with the same key: the same initial weights, batches and
    masks. Its floating-point sums may differ from the sweep's in the last bits. With
    `run_dir`, `on_epoch` or `start` the model trains as a sweep of one member in blocks
    of one, so its last bits may differ from those of a training without these.

    >>> import jaxdl as dl
    >>> from jaxdl import nn, optim
    >>> def recipe(hp):
    ...     model = nn.serial(nn.dense(16), nn.relu, nn.dense(10))
    ...     return dl.Recipe(model, optim.adam(hp["rate"]), nn.softmax_cross_entropy)
    >>> data = dl.data.load("digits")
    >>> member = dl.fit(recipe, {"rate": 0.01}, data, key=0, epochs=2, progress=False)
    >>> str(member.status), member.predict(data.test.inputs[:3]).shape
    ('finished', (3, 10))

    A training is steered by a function that sees the model after each epoch:

    >>> def halve(member):
    ...     errors = member.metrics["dev_error"]
    ...     if len(errors) > 1 and errors[-1] > errors[-2]:
    ...         return {"rate": member.hparams["rate"] / 2}
    >>> steered = dl.fit(
    ...     recipe, {"rate": 0.1}, data, key=0, epochs=4, on_epoch=halve, progress=False
    ... )
    >>> steered.history[0]
    (0, {'rate': np.float32(0.1)})

    Args:
        recipe: function from hyperparameters to a `Recipe`; or from these and the
            `Facts` of the training.
        hparams: hyperparameters; floats are traced, other plain values shape the
            program. Those of a member of a sweep train the same configuration.
        data: normalized train, dev and test sets; training does not read test.
        key: a seed, or a threefry key such as `jax.random.key(seed)`.
        epochs: at least 1.
        patience: after how many epochs in a row without a lower score (dev loss breaks
            ties) the training stops; the member has the weights of its best epoch. The
            score is the dev error, or the metric that the recipe ranks by. None: no
            early stopping, it has the weights of the last epoch.
        run_dir: a folder that keeps the run of this one member; made if it does not
            exist. The same call resumes a run that was interrupted, and returns the
            member of a finished one. None: the training is in memory alone.
        on_epoch: called with the `Member` after each epoch but the last; its curves end
            with this epoch. It returns None, traced hyperparameters that change, by
            name, or "stop". An answer is on the disk before the epoch that it governs
            begins. A run that resumes takes the answers that are on record, and calls
            the function for later epochs alone: it should decide by the member, not by
            what it remembers. None: nothing changes.
        start: the training starts from the weights that this member keeps, with a fresh
            optimizer and from step 0. None: from weights drawn by the key.
        every: record the mean train loss of each so many steps, see `Member.steps`; at
            the end of an epoch, of the steps that are left. A run keeps them in files
            of their own. None: losses of steps are not recorded, and cost nothing.
        progress: whether to print a line for each epoch.

    Raises:
        DataError: the data do not suit training, see `data.check`, or do not suit the
            recipe.
        OSError: `run_dir` cannot be written, is damaged, or another process trains
            there.
        RecipeError: the recipe or a hyperparameter cannot be traced, the recipe is not
            pure, or the weights of `start` are not those of its model.
        RunMismatchError: `run_dir` holds a run of another training.
        SettingsError: JAX runs as several processes, or has a setting that no training
            works with.
        SpaceError: `on_epoch` changes what is no traced hyperparameter.
        TypeError: the key is neither a seed nor a threefry key, or `on_epoch` or
            `start` is of another type.
        ValueError: `epochs`, `patience` or `every` is not an int of at least 1, or the
            seed is above 2^32 - 1.

    Warns:
        UserWarning: the patience is not shorter than the training; or see `data.check`.
    """
    if run_dir is None and on_epoch is None and start is None:
        return train_one(
            recipe, hparams, data, key=key, epochs=epochs, patience=patience,
            every=every, progress=progress,
        )  # fmt: skip
    check_jax()  # before a key is made
    _check_types(on_epoch, start)

    def one_epoch(key: jax.Array, space: Any, members: int, epochs: int) -> Requests:
        """Asks for the first epoch; `steer` asks for the others."""
        yield Rung(np.arange(1), sample(key, space, 1), np.array([1]))

    task = Task(
        recipe, as_space(hparams), data, as_key(key), 1, epochs, one_epoch, patience,
        plan=Plan(block_width=1),
        start=None if start is None else start_of(start, hparams), every=every,
    )  # fmt: skip
    if start is not None:
        terminal.say(
            f"starts from the weights of epoch {start.kept_epoch + 1} of a trained "
            "member; the optimizer starts fresh",
            enabled=progress,
        )
    train = steer(on_epoch, terminal.epoch_lines(enabled=progress))
    result = train_task(task, run_dir=run_dir, progress=False, train=train)
    return replace(result.member(0), number=None)


def _check_types(on_epoch: Any, start: Any) -> None:
    if not (on_epoch is None or callable(on_epoch)):
        raise TypeError(
            f"got on_epoch={on_epoch!r:.80}; expected a function of the member, or None"
        )
    if not (start is None or isinstance(start, Member)):
        raise TypeError(
            f"got start of type {type(start).__name__}; expected a trained Member, "
            "such as the result of jaxdl.fit, or None"
        )
