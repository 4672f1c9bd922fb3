"""The log of XLA's loader."""

import logging

from jaxdl.loader import silence_loader


def test_the_levels_of_loggers_stay(monkeypatch):
    loggers = [logging.getLogger(name) for name in ("jax", "jaxlib")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.INFO)
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        silence_loader("cpu")
        assert [logger.level for logger in loggers] == 2 * [logging.INFO]
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
