"""Names of columns: those of hyperparameters, which users choose, and ours."""

from collections.abc import Collection, Iterable

PREFIX = "hparams."


def apart(hparams: Iterable[str], own: Collection[str]) -> list[str]:
    """Returns names of hyperparameters as none of ours is, and all different.

    A name that is one of ours, in any case of its letters, gets a prefix. So does one
    that has the prefix already.

        >>> apart(["rate", "train_loss"], ["member", "train_loss"])
        ['rate', 'hparams.train_loss']

    Args:
        hparams: their names, all different.
        own: the names of our columns, none of which has the prefix.
    """
    taken = {name.lower() for name in own}
    return [
        f"{PREFIX}{name}" if name.lower() in taken or name.startswith(PREFIX) else name
        for name in hparams
    ]
