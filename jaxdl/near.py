"""The word that someone may have meant."""

import difflib
from collections.abc import Iterable

SHORTEST = 3  # letters that are enough for the beginning of a word


def near(word: str, known: Iterable[object]) -> str:
    """Returns a question for the end of an error; nothing if no known word is near.

        >>> near("learning_rte", ["learning_rate", "l2"])
        '; did you mean learning_rate?'

    Args:
        word: as it was typed; a known word is near too if it begins with it.
        known: the words that there are.
    """
    words = [*map(str, known)]
    found = difflib.get_close_matches(word, words, n=1)
    if not found and len(word) >= SHORTEST:
        found = [one for one in words if one.lower().startswith(word.lower())]
    return f"; did you mean {found[0]}?" if found else ""
