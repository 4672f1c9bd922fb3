"""Errors of building and tracing a recipe, told in the words of its author."""

import contextlib
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import jax
import optax

from jaxdl import nn
from jaxdl.data import DataError
from jaxdl.train.structure import RecipeError

# Schedules of optax that compute with plain numbers before the training starts, and
# what takes traced ones in their place. All others of optax take them as well.
INSTEAD = {
    "exponential_decay": "optim.exponential_decay(rate, steps, decay)",
    "sgdr_schedule": "a function of the step, such as lambda step: "
    "optim.cosine(rate, steps)(step % steps)",
    "warmup_cosine_decay_schedule": "optim.warmup(optim.cosine(rate, steps), "
    "warmup_steps)",
    "warmup_exponential_decay_schedule": "optim.warmup(optim.exponential_decay(rate, "
    "steps, decay), warmup_steps)",
}


@contextlib.contextmanager
def tracing_errors_explained() -> Iterator[None]:
    """Turns errors of building and tracing a recipe into one that names its line.

    Raises:
        RecipeError: the recipe uses a traced hyperparameter as a plain Python value, or
            raises a TypeError, ValueError or OverflowError. In the first case the error
            says what to do.
    """
    try:
        yield
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
    ) as error:
        found = re.search(r"argument \w+\['([^']+)'\]", str(error))
        name = f"the hyperparameter {found[1]}" if found else "a traced hyperparameter"
        if called := _called_of_optax(error):
            instead = INSTEAD.get(called, "a schedule or an optimizer of jaxdl.optim")
            raise RecipeError(
                f"{users_line(error)} gives {name} to optax.{called}, which takes "
                f"plain numbers there; expected {instead}, which takes traced ones; or "
                "make it Static([...]) in the space, so that each value gets a program "
                "of its own"
            ) from error
        raise RecipeError(
            f"{users_line(error)} uses {name} as a plain Python value, but in the "
            "program it stands for the values of all models at once. Write it as "
            "arithmetic (jnp.where instead of if); or choose by name, with "
            "Among([...]) in the space and nn.among or optim.among in the recipe; or "
            "make it Static([...]) in the space, so that each value gets a program of "
            "its own"
        ) from error
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError | RecipeError):
            raise
        raise RecipeError(f"{users_line(error)}: {error}") from error


def users_line(error: Exception) -> str:
    """Returns the innermost line of the traceback outside JAX and this package."""
    ours = Path(nn.__file__).parent.parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename
        and not Path(frame.filename).is_relative_to(ours)
    ]
    if not frames:
        return "the recipe"
    return f"{frames[-1].filename}, line {frames[-1].lineno}: `{frames[-1].line}`"


def is_of_optax(filename: str) -> bool:
    """Returns whether a file is one of optax."""
    return Path(filename).is_relative_to(Path(optax.__file__).parent)


def _called_of_optax(error: Exception) -> str | None:
    """Returns the function of optax that failed; None: the error is not of optax."""
    frames = traceback.extract_tb(error.__traceback__)
    names = [frame.name for frame in frames if is_of_optax(frame.filename)]
    return names[0] if names else None
