"""The values of arguments: each function reads a text for argparse.

They raise an `ArgumentTypeError` if the text is no such value.
"""

import argparse
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxdl.cli import files
from jaxdl.engine.target import target
from jaxdl.interop import optuna_halving, optuna_search
from jaxdl.interop.tables import as_table_path
from jaxdl.keys import MOST_SEEDS
from jaxdl.near import near
from jaxdl.searches import (
    Search,
    auto,
    freeze_thaw,
    grid_search,
    halving,
    hyperband,
    multi_pbt,
    pbt,
    portfolio,
    random,
    refinement,
    sobol,
)
from jaxdl.spaces.ranges import LARGEST_INT
from jaxdl.spaces.structures import MOST_PROGRAMS

TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
LONG = 100  # digits of a number, at most: Python refuses to read over 4,300


class Named(NamedTuple):
    """A search that has a name, and what it takes behind colons, in order."""

    make: Callable[..., Search]
    setting: str = ""  # such as :POINTS, or [:ETA] if it may be left out
    example: str = ""

    def expected(self, name: str) -> str:
        """Returns what a user types."""
        if not self.setting:
            return f"{name}, which takes no number"
        return f"{name}{self.setting}, such as {name}:{self.example}"


SEARCHES = {
    "auto": Named(auto),
    "random": Named(random),
    "sobol": Named(sobol),
    "portfolio": Named(portfolio),
    "grid": Named(grid_search, ":POINTS", "3"),
    "refine": Named(refinement, "[:ROUNDS]", "3"),
    "halving": Named(halving, "[:ETA]", "3"),
    "hyperband": Named(hyperband, "[:ETA]", "3"),
    "freeze-thaw": Named(freeze_thaw, "[:PERCENT]", "20"),
    "pbt": Named(pbt, ":EPOCHS", "5"),
    "multi-pbt": Named(multi_pbt, ":EPOCHS[:POPULATIONS]", "2:3"),
    "optuna": Named(optuna_search, "[:SAMPLER]", "TPESampler"),
    "optuna-halving": Named(optuna_halving, "[:ETA]", "3"),
}
FORMS = ", ".join(f"{name}{one.setting}" for name, one in SEARCHES.items())


def search(text: str) -> Search:
    """Returns a search by its name and, behind colons, its settings."""
    name, colon, setting = text.partition(":")
    if name not in SEARCHES:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected one of {FORMS}{near(name, SEARCHES)}"
        )
    named = SEARCHES[name]
    parts = setting.split(":") if colon else []
    given = [(part or None) if name == "optuna" else _int(part) for part in parts]
    least, most = int(named.setting.startswith(":")), named.setting.count(":")
    if None in given or not least <= len(given) <= most:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected {named.expected(name)}"
        )
    try:
        return named.make(*given)
    except (ImportError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _int(text: str) -> int | None:
    """Returns the int that a text is; None: it is no int of a usual length."""
    whole = text.removeprefix("-").isdecimal() and len(text) <= LONG
    return int(text) if whole else None


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
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected best or an int from 0 on"
        )
    return text


def shard(text: str) -> tuple[int, int]:
    """Returns the number of a shard, and how many there are."""
    parts = text.split("/")
    known = len(parts) == 2 and all(p.isdecimal() and len(p) <= LONG for p in parts)
    number, count = map(int, parts) if known else (0, 0)
    if number >= count:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected I/N, in which I counts from 0 to N - 1, such as "
            "0/8 to 7/8"
        )
    return number, count


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


def duration(text: str) -> float:
    """Returns the seconds of a time, such as 90, 45s, 10m or 1h30m."""
    found = TIME.fullmatch(text) if len(text) <= LONG else None
    parts = [float(part or 0) for part in found.groups()] if found else []
    seconds = sum(n * of for n, of in zip(parts, (3600, 60, 1), strict=False))
    if not seconds:
        raise argparse.ArgumentTypeError(
            f"got {text:.40}; expected a time above 0, such as 90, 45s, 10m or 1h30m"
        )
    return seconds


def names(text: str) -> dict[str, str]:
    """Returns names by names, such as rate=learning_rate,l2=decay."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(new and old for new, _, old in pairs):
        raise argparse.ArgumentTypeError(
            f"got {text:.80}; expected names, such as rate=learning_rate,l2=decay"
        )
    return {new: old for new, _, old in pairs}


def counts(least: int, most: int = LARGEST_INT) -> Callable[[str], int]:
    """Returns a function that reads a count from `least` to `most`."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > LONG or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"got {text:.40}; expected an int from {least} to {most}"
            )
        return int(text)

    return read


count = counts(1)
several = counts(2)
programs = counts(1, MOST_PROGRAMS)
