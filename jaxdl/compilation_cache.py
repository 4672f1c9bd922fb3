"""JAX's compilation cache on disk: what one process compiled the next one loads.

The machine code itself is kept, so results are the same to the bit. JAX knows a program
by its operations, compiler options and versions and by the processor's instructions, so
machines of several kinds may share a folder.
"""

import contextlib
import logging
import os
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxdl.data.sources import cache_folder

MOST_BYTES = 2**30


def enable_compilation_cache() -> None:
    """Keeps what this process compiles in the user's cache, and looks there first.

    The folder is `jaxdl/compiled` in `$XDG_CACHE_HOME` or `~/.cache`. It must belong to
    the user alone, since what is loaded from it is run: where it does not, or cannot be
    made, a line says so and all goes on without. It is cut to 1 GiB, or half of what
    the disk has left for it, by removing the programs that were not used for longest.

    A cache that JAX was told of already, or told not to use, stays as it is. These are
    settings of the whole process, so it is for programs to call, not for libraries.
    """
    config: Any = jax.config  # whose attributes JAX makes at run time
    if config.jax_compilation_cache_dir or not config.jax_enable_compilation_cache:
        return
    try:
        folder = cache_folder() / "compiled"
        _claim(folder)
        _remove_oldest(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        print(f"jaxdl: compiled programs are not kept: {error}", file=sys.stderr)
        return
    config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        config.update("jax_persistent_cache_min_compile_time_secs", 0)
    # What cannot be read or written is compiled as if there were no cache.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation")
    # JAX sets the variable to 1 itself; another value is of somebody with a wish.
    wish = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") != "1"
    if jax.__version_info__ < (0, 12) and not wish:
        _silence_loader(config)


def _claim(folder: Path) -> None:
    """Makes a folder that is the user's alone.

    Raises:
        OSError: it cannot be made, or is one that others made or can change.
    """
    for path in reversed((folder, *folder.parents)):
        path.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if os.name == "posix" and (
        not stat.S_ISDIR(found.st_mode)  # but a link
        or found.st_uid != os.geteuid()
        or found.st_mode & 0o077
    ):
        raise PermissionError(
            f"got {folder}, which is a link or open to other users; expected a folder "
            f"of one's own: remove it, or run chmod 700 {folder}"
        )
    for parent in folder.absolute().parents if os.name == "posix" else ():
        _check_parent(parent)


def _check_parent(parent: Path) -> None:
    """Checks that no other user but root can put another folder in a folder's place."""
    found = parent.stat()
    for_all = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if for_all or found.st_uid not in (0, os.geteuid()):
        try:
            owner = parent.owner()
        except KeyError:  # a number without a name
            owner = str(found.st_uid)
        raise PermissionError(
            f"got {parent} above the cache, of {owner} and with mode "
            f"{stat.S_IMODE(found.st_mode):o}; expected folders that only oneself or "
            "root can change: set XDG_CACHE_HOME to one"
        )


def _remove_oldest(folder: Path) -> None:
    """Removes the files that were not used for longest, as many as are too many."""

    def used(entry: tuple[Path, os.stat_result]) -> float:
        return max(entry[1].st_atime, entry[1].st_mtime)

    found = sorted(_files(folder), key=used)
    size = sum(status.st_size for _, status in found)
    most = min(MOST_BYTES, (size + shutil.disk_usage(folder).free) // 2)
    for path, status in found:
        if size <= most:
            break
        path.unlink(missing_ok=True)
        size -= status.st_size


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yields the files that no other process removes meanwhile."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _silence_loader(config: Any) -> None:
    """Stops XLA's C++ log, but for what ends the process.

    Loading a program for the CPU, XLA takes two of LLVM's preferences (prefer-no-gather
    and prefer-no-scatter) for instructions that the processor lacks, and says so in
    kilobytes a program (openxla/xla#44565). Python's loggers keep their levels.
    """
    if config.jax_logging_level == "NOTSET":  # else somebody wants to see the log
        loggers = [logging.getLogger(name) for name in ("jax", "jaxlib")]
        levels = [logger.level for logger in loggers]
        for level in ("CRITICAL", "NOTSET"):
            config.update("jax_logging_level", level)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
