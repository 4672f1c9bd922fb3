"""The values of arguments: each function reads a text for argparse.

They raise an `ArgumentTypeError` if the text is no such value.
"""

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

from jaxdl.cli import files
from jaxdl.engine.target import target
from jaxdl.interop import optuna_search
from jaxdl.interop.tables import as_table_path
from jaxdl.near import near
from jaxdl.searches import (
    Search,
    grid_search,
    halving,
    hyperband,
    pbt,
    random,
    refinement,
    sobol,
)
from jaxdl.spaces.ranges import LARGEST_INT
from jaxdl.train.state import MOST_SEEDS

SEARCHES: dict[str, Callable[..., Search]] = {  # given the number behind the colon
    "random": random,
    "sobol": sobol,
    "grid": grid_search,
    "refine": refinement,
    "halving": halving,
    "hyperband": hyperband,
    "pbt": pbt,
}

LONG = 100  # digits of a number, at most: Python refuses to read over 4,300


def search(text: str) -> Search:
    """Returns a search by its name and, behind a colon, its number."""
    name, _, setting = text.partition(":")
    try:
        if name == "optuna":
            return optuna_search(setting or None)
        return SEARCHES[name](*([int(setting)] if setting else []))
    except (ImportError, KeyError, TypeError, ValueError) as error:
        known = [*SEARCHES, "optuna"]
        reason = "" if isinstance(error, KeyError | TypeError) else f" ({error})"
        meant = near(name, known) if isinstance(error, KeyError) else ""
        raise argparse.ArgumentTypeError(
            f"got {text}{reason}; expected one of {', '.join(known)}, some with a "
            f"number, such as halving:3{meant}"
        ) from error


def seed(text: str) -> int:
    """Returns the number of a seed."""
    if not text.isdecimal() or len(text) > LONG or int(text) >= MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected an int from 0 to {MOST_SEEDS - 1}"
        )
    return int(text)


def member(text: str) -> str:
    """Returns a member's number as it is typed, or `best`."""
    if text != "best" and not (text.isdecimal() and len(text) < LONG):
        raise argparse.ArgumentTypeError(f"got {text:.40}; expected best or a number")
    return text


def table(text: str) -> Path:
    """Returns the path of a table."""
    try:
        return as_table_path(files.path(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def fractions(text: str) -> tuple[float, ...]:
    """Returns ascending shares."""
    try:
        shares = tuple(float(share) for share in text.split(":"))
    except ValueError:
        shares = ()
    ascending = all(a < b for a, b in itertools.pairwise((0.0, *shares)))
    if len(shares) < 2 or not ascending or shares[-1] > 1:
        raise argparse.ArgumentTypeError(
            f"got {text}; expected at least two ascending numbers up to 1, such as "
            "0.25:0.5:1"
        )
    return shares


def targets(text: str) -> tuple[str, ...]:
    """Returns the names of chips."""
    names = tuple(dict.fromkeys(text.split(",")))
    try:
        for name in names:
            target(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return names


def several(text: str) -> int:
    """Returns a count of at least 2."""
    number = count(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"got {text}; expected an int of at least 2")
    return number


def count(text: str) -> int:
    """Returns a count of at least 1."""
    if not text.isdecimal() or len(text) > LONG or not 1 <= int(text) <= LARGEST_INT:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected an int from 1 to {LARGEST_INT}"
        )
    return int(text)
