"""The word that someone may have meant."""

import difflib
from collections.abc import Iterable


def near(word: str, known: Iterable[object]) -> str:
    """Returns a question for the end of an error; nothing if no known word is near.

        >>> near("learning_rte", ["learning_rate", "l2"])
        '; did you mean learning_rate?'

    Args:
        word: as it was typed.
        known: the words that there are.
    """
    found = difflib.get_close_matches(word, map(str, known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
