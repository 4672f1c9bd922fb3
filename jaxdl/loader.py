"""The log of XLA's loader of compiled programs."""

import logging
import os
from typing import Any

import jax


def silence_loader(platform: str) -> None:
    """Stops XLA's C++ log, except for fatal errors, before programs are loaded.

    When XLA loads a program for the CPU, it takes two of LLVM's preferences
    (prefer-no-gather and prefer-no-scatter) for missing instructions and logs kilobytes
    for each program (openxla/xla#44565). Python's loggers keep their levels. A level
    that the user chose stays.

    Args:
        platform: of the programs; only `cpu` needs it.
    """
    config: Any = jax.config
    # JAX itself sets the variable to 1; another value is the user's choice.
    chosen = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") != "1"
    if platform != "cpu" or chosen or jax.__version_info__ >= (0, 12):
        return
    if config.jax_logging_level == "NOTSET":  # otherwise the user wants to see the log
        loggers = [logging.getLogger(name) for name in ("jax", "jaxlib")]
        levels = [logger.level for logger in loggers]
        for level in ("CRITICAL", "NOTSET"):
            config.update("jax_logging_level", level)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
