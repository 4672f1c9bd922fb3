"""A training that starts from the weights of a trained model; its optimizer begins."""

from typing import Any

import jax
import numpy as np

from jaxdl.engine.outlines import Outlines
from jaxdl.engine.task import Task
from jaxdl.nn.size import Size
from jaxdl.searches.rungs import Rung
from jaxdl.spaces.sample import traced_columns
from jaxdl.train import compiled
from jaxdl.train.bound import BoundRecipe, make_restart
from jaxdl.train.epoch_state import Carry
from jaxdl.train.facts import counts_for
from jaxdl.train.identity import arrays_digest
from jaxdl.train.keys import as_numbers
from jaxdl.train.member import Member
from jaxdl.train.state import first_key
from jaxdl.train.structure import RecipeError, by_name, number_of


def start_of(member: Member, hparams: Any) -> tuple[Any, Any]:
    """Returns the weights that a training with these hyperparameters starts from.

    Args:
        member: the trained model.
        hparams: of the training; they may differ from the member's, but for sizes.

    Raises:
        RecipeError: a size differs, whose padding would train.
    """
    own, before = by_name(hparams), by_name(member.hparams)
    for name, size in own.items():
        known = before.get(name, size)
        if isinstance(size, Size) and int(number_of(known)) != int(size.live):
            raise RecipeError(
                f"got {name}={size} and start=, a member with {name}={known}; expected "
                "the size of the member, whose weights the training starts from"
            )
    return member.params, member.state


def first_carry(task: Task, outlines: Outlines, rung: Rung) -> Carry | None:
    """Returns the carry `[1, ...]` that the one member begins with.

    It is None for a task without a start, whose members draw their weights.

    Args:
        task: its plan and its variants are known.
        outlines: of its one program.
        rung: of its member.

    Raises:
        RecipeError: the weights are not those of the recipe's model.
    """
    if task.start is None:
        return None
    (((structure, facts), outline),) = outlines.items()
    expected = outline.train_state.params, outline.train_state.state
    _check_same_shapes(task.start, expected)
    bound = BoundRecipe(task.recipe, structure, facts)
    restart = make_restart(bound, early_stopping=task.patience is not None)
    columns = traced_columns(task.space, rung.hparams)
    traced = {n: c[0] for n, c in columns.items() if n in structure.names}
    key = first_key(task.variants[0].key)
    arguments = traced, key, counts_for(task.recipe, facts), *task.start
    carry = compiled.lower(restart, *arguments).compile()(*arguments)
    return jax.tree.map(lambda x: x[None], jax.device_get(as_numbers(carry)))


def start_digest(start: tuple[Any, Any]) -> str:
    """Returns the SHA-256 of the weights that a training starts from."""
    return arrays_digest(as_numbers(start))


def _check_same_shapes(start: Any, expected: Any) -> None:
    trees = [jax.tree.structure(tree) for tree in (start, expected)]
    shapes = [_shapes(tree) for tree in (start, expected)]
    if trees[0] != trees[1] or shapes[0] != shapes[1]:
        raise RecipeError(
            f"got start=, a member with arrays {' '.join(shapes[0]):.200}; expected "
            f"those of the recipe's model, {' '.join(shapes[1]):.200}"
        )


def _shapes(tree: Any) -> list[str]:
    return [f"{x.dtype}{[*np.shape(x)]}" for x in jax.tree.leaves(tree)]
