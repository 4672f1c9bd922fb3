"""What one check has found."""

from typing import NamedTuple


class Finding(NamedTuple):
    """The result of one check."""

    healthy: bool
    text: str
