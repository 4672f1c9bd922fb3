"""The result of a sweep, made of its population."""

import numpy as np

from jaxdl.engine.outlines import precisions
from jaxdl.engine.population import Population
from jaxdl.spaces.either import blanked
from jaxdl.sweeps.result import SweepResult
from jaxdl.train.epoch_state import Status


def make_result(end: Population) -> SweepResult:
    """Returns the result of a sweep that ended, or stands, with this population."""
    store = end.store
    searching = store is not None and not store.finished
    running = end.status == Status.RUNNING
    short = running & (end.epochs < end.task.epochs)
    cut_short = short & ~end.awaited(searching=searching)
    status = np.where(running & ~short, Status.FINISHED, end.status)
    return SweepResult(
        task=end.task,
        hparams=blanked(end.hparams()),
        metrics=end.metrics,
        status=np.where(cut_short, Status.CUT_SHORT, status).astype(np.int32),
        stopped_at=np.where(cut_short & (end.steps > 0), end.steps, end.stopped_at),
        kept_epoch=end.kept_epoch,
        precisions=tuple(precisions(end.outlines)),
        inferences={key: found.inference for key, found in end.outlines.items()},
        rungs=tuple(end.rungs),
        blocks=tuple(b and b._replace(carry=None) for b in end.shelf.blocks),
        places=end.places,
        specification=None if store is None else store.specification,
    )
