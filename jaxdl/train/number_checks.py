"""Ranges of traced numbers, which a trace cannot see: one build with plain numbers.

Layers and optimizers refuse plain numbers without a meaning, such as a probability of
1.5. A program is traced with numbers that it does not know yet, so they check nothing.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdl.train.bound import BoundRecipe
from jaxdl.train.facts import Facts
from jaxdl.train.recipe import RecipeFunction, build
from jaxdl.train.structure import TRACED, RecipeError, Structure
from jaxdl.train.tracing import users_line
from jaxdl.within import RangeError


def check_numbers(
    recipe: RecipeFunction,
    traced: Mapping[str, Any],
    structure: Structure,
    facts: Facts,
) -> None:
    """Checks that the parts of a recipe take the numbers of a configuration.

    Numbers that are not finite pass: their member diverges, which it tells.

    Args:
        recipe: function from hyperparameters, and facts, to a `Recipe`.
        traced: the numbers by name; other names are ignored.
        structure: the other hyperparameters.
        facts: of the training.

    Raises:
        RecipeError: a part of the recipe refuses a number.
    """
    numbers = {n: np.asarray(x)[()] for n, x in traced.items() if n in structure.names}
    if not all(np.isfinite(x) for x in numbers.values()):
        return
    own = BoundRecipe(recipe, structure, facts.unread())

    def built() -> None:
        build(*own(numbers, None))

    try:
        # Within a trace arithmetic of JAX compiles nothing, and plain numbers stay so.
        jax.eval_shape(built)
    except RangeError as error:
        raise RecipeError(
            f"{users_line(error)}: {error}. The hyperparameters are "
            f"{_listed(numbers, structure)}"
        ) from error
    except Exception:  # the trace of the recipe meets the same error, and tells it
        return


def _listed(numbers: Mapping[str, Any], structure: Structure) -> str:
    """Returns names and values of the numbers that are neither size nor choice."""
    kinds = dict(zip(structure.names, structure.values, strict=True))
    shown = (f"{n}={x:.6g}" for n, x in numbers.items() if kinds[n] is TRACED)
    return ", ".join(shown)
