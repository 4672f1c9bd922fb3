"""What a sweep keeps of its blocks in a run's folder, and what it goes on from.

A record of the store is a block at the end of some epochs. Rungs are asked for again
when a run goes on; what is on record is taken from there, the rest is trained. Since a
member's bits depend on nothing but itself, nobody can tell.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import runs
from jaxdl.engine.blocks import Carried, Trained
from jaxdl.engine.layout import groups
from jaxdl.searches.rungs import Rung, pick
from jaxdl.train import Outline, Structure, begin, flatten, kept

COLUMNS = ("fate", "stopped_at", "steps", "kept_epoch")
METRICS = {"train_loss", "train_error", "dev_loss", "dev_error"}


class Keeper:
    """A sweep's way into its store: blocks as records, and back."""

    def __init__(
        self,
        store: runs.Store,
        space: Any,
        outlines: Mapping[Structure, Outline],
        variants: int,
        early_stopping: bool,
    ):
        self.store, self.space, self.variants = store, space, variants
        self.carried = {
            structure: jax.eval_shape(
                lambda s: (
                    s._replace(key=jax.random.key_data(s.key)),
                    begin(s, early_stopping=early_stopping),
                ),
                outline.train_state,
            )
            for structure, outline in outlines.items()
        }
        self.superfluous: list[Trained] = []  # whose arrays nobody needs any more

    def restore(self, number: int, rung: Rung) -> list[Trained]:
        """Returns what is on record of a rung, having put it on record itself.

        Raises:
            DamagedError: a record fits no training of this sweep.
            RunMismatchError: the run's rung of this number is another one.
        """
        names, columns, _ = flatten(rung.hparams)
        hparams = {n: c.tolist() for n, c in zip(names, columns, strict=True)}
        self.store.enter(number, rung.members, hparams, rung.until, rung.parents)
        return self.restored(number, rung)

    def restored(self, number: int, rung: Rung) -> list[Trained]:
        """Returns what is on record of a rung, in the order in which it was trained."""
        return [self._trained(rung, record) for record in self.store.records(number)]

    def keep(self, number: int, trained: Trained) -> Trained:
        """Puts a block on record, and returns it with the record's number."""
        group, n = trained.group, len(trained.group.members)
        leaves = [np.asarray(x)[:n] for x in jax.tree.leaves(trained.carried)]
        columns = {name: getattr(trained, name) for name in COLUMNS}
        record = runs.Record(
            number, group.members, group.first, group.until, columns, trained.metrics,
            leaves,
        )  # fmt: skip
        return trained._replace(record=self.store.commit(record))

    def end(self, rungs: int) -> None:
        """Checks that a search which has ended asked for all that is on record.

        Raises:
            RunMismatchError: it asked for fewer rungs.
        """
        recorded = len(self.store.rungs())
        if recorded > rungs:
            raise runs.RunMismatchError(
                f"the search ended after {rungs} rungs, and the run in "
                f"{self.store.folder} has {recorded} on record; expected the search "
                "that began it, with the same arguments"
            )

    def forget(self, blocks: list[Trained]) -> None:
        """Lets go of the arrays of blocks that were forgotten before these.

        Those of the last ones stay, to go on from should what followed be damaged.
        """
        self.drop(self.superfluous)
        self.superfluous = blocks

    def drop(self, blocks: list[Trained]) -> None:
        """Removes the arrays of blocks from the disk."""
        self.store.drop(block.record for block in blocks)

    def _trained(self, rung: Rung, record: runs.Record) -> Trained:
        place = {int(member): i for i, member in enumerate(rung.members)}
        at = np.array([place.get(int(member), -1) for member in record.members])
        first, until = (np.full(len(at), x) for x in (record.first, record.until))
        hparams = pick(rung.hparams, at)
        found = groups(self.space, hparams, record.members, first, until, self.variants)
        names = set(record.columns), set(record.metrics)
        if at.min() < 0 or len(found) != 1 or names != (set(COLUMNS), METRICS):
            raise runs.DamagedError(
                f"record {record.id} of the run, of members {record.members.tolist()}, "
                "is none that a block of this sweep leaves"
            )
        carried = self._carried(found[0].structure, record)
        params, state, _ = kept(*carried) if carried else (None, None, None)
        columns = {n: np.asarray(c, np.int32) for n, c in record.columns.items()}
        float_type = np.dtype(jnp.result_type(float))
        metrics = {n: np.asarray(m, float_type) for n, m in record.metrics.items()}
        return Trained(
            found[0], params, state, **columns, metrics=metrics, carried=carried,
            record=record.id,
        )  # fmt: skip

    def _carried(self, structure: Structure, record: runs.Record) -> Carried | None:
        """Returns what a record's members go on from; None if it is not kept."""
        if record.arrays is None:
            return None
        shapes, treedef = jax.tree.flatten(self.carried[structure])
        n = len(record.members)
        expected = [((n, *x.shape), np.dtype(x.dtype)) for x in shapes]
        got = [(x.shape, x.dtype) for x in record.arrays]
        if got != expected:
            raise runs.DamagedError(
                f"record {record.id} of the run holds {len(got)} arrays that are not "
                "those of this recipe's training"
            )
        return jax.tree.unflatten(treedef, record.arrays)
