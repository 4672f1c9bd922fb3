"""JAX's compilation cache on disk: a process loads what earlier ones compiled.

The files hold machine code, so results are the same to the bit. JAX identifies a
program by its operations, compiler options, versions and the processor's instruction
set, so machines of several kinds may share a folder.
"""

import contextlib
import logging
import os
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from jax._src import compilation_cache as jax_cache

from jaxdl.data.sources import cache_folder
from jaxdl.loader import silence_loader

MOST_BYTES = 2**30
TELLS = logging.getLogger("jax._src.compiler")  # which key each program is looked up by
SUFFIX = "-cache"  # of a file, after the key of its program


def enable_compilation_cache() -> None:
    """Makes this process save its compiled programs, and load those saved before.

    The folder is `jaxdl/compiled` in `$XDG_CACHE_HOME` or `~/.cache`. Programs in it
    are executed, so only the user may have access to it. If others have access, or if
    the folder cannot be made, a line says so and the process compiles without a cache.
    The least recently used programs are removed until the folder has at most 1 GiB, and
    at most half of the space that it and the free disk have together.

    If JAX already has a cache, or its cache is off, nothing changes. These settings are
    those of the whole process, so programs should call this function, not libraries.
    """
    config: Any = jax.config  # whose attributes JAX makes at run time
    if config.jax_compilation_cache_dir or not config.jax_enable_compilation_cache:
        return
    try:
        folder = cache_folder() / "compiled"
        _claim(folder)
        _remove_oldest(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
        print(f"jaxdl: compiled programs are not kept: {error}", file=sys.stderr)
        return
    config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        config.update("jax_persistent_cache_min_compile_time_secs", 0)
    # A program that cannot be read or written is compiled as without a cache.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation")
    silence_loader("cpu")


@contextlib.contextmanager
def noted_keys() -> Iterator[set[str]]:
    """Yields a set, which gets the keys of the programs that JAX looks for meanwhile.

    JAX tells them to its logger alone, so where another version tells something else,
    the set stays empty.
    """
    keys, least, before = set[str](), TELLS.getEffectiveLevel(), TELLS.level

    def note(record: logging.LogRecord) -> bool:
        told = record.args
        if isinstance(told, tuple) and len(told) == 2 and "key" in str(record.msg):
            keys.add(str(told[1]))
        return record.levelno >= least  # nobody else hears more than before

    TELLS.addFilter(note)
    TELLS.setLevel(logging.DEBUG)
    try:
        yield keys
    finally:
        TELLS.setLevel(before)
        TELLS.removeFilter(note)


def read_programs(keys: set[str]) -> dict[str, bytes]:
    """Returns the files of programs in the cache of this process, by key.

    What is not there, cannot be read, or is not whole, is left out.
    """
    found, folder = dict[str, bytes](), _folder()
    if folder is None:
        return found
    for key in keys:
        with contextlib.suppress(OSError):
            content = (folder / f"{key}{SUFFIX}").read_bytes()
            if _is_whole(content):
                found[key] = content
    return found


def add_programs(programs: Mapping[str, bytes]) -> None:
    """Puts programs into the cache of this process, if it has one.

    JAX executes them when it looks for their keys: they have to come from somebody who
    may execute anything here. JAX never replaces a file that it cannot read, so that
    one which is not whole is left out. A cache that others keep small is left alone.

    Args:
        programs: files by key, from a process of the same kind.
    """
    folder, config = _folder(), jax.config.values
    if folder is None or config.get("jax_compilation_cache_max_size", -1) != -1:
        return
    for key, content in programs.items():
        path = folder / f"{Path(key).name}{SUFFIX}"
        part = path.with_name(f"{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # then it is compiled here
            if not path.exists() and _is_whole(content):
                part.write_bytes(content)
                part.replace(path)


def _is_whole(content: bytes) -> bool:
    """Returns whether JAX can decompress a file here; of one half written it cannot.

    Which compressor it has depends on the packages of the machine.
    """
    try:
        jax_cache.decompress_executable(content)
    except Exception:  # each compressor has an error of its own
        return False
    return True


def _folder() -> Path | None:
    """Returns the folder of the cache, if it is one of this machine's disks."""
    config: Any = jax.config  # whose attributes JAX makes at run time
    folder = config.jax_compilation_cache_dir
    usable = config.jax_enable_compilation_cache and folder and Path(folder).is_dir()
    return Path(folder) if usable else None


def _claim(folder: Path) -> None:
    """Makes a folder to which only the user has access.

    Raises:
        OSError: the folder cannot be made, or others own it or can change it.
    """
    for path in reversed((folder, *folder.parents)):
        path.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if os.name == "posix" and (
        not stat.S_ISDIR(found.st_mode)  # a link, for example
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
    """Checks that only the user and root can replace the folders in `parent`."""
    found = parent.stat()
    for_all = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if for_all or found.st_uid not in (0, os.geteuid()):
        try:
            owner = parent.owner()
        except KeyError:  # the user has a number and no name
            owner = str(found.st_uid)
        raise PermissionError(
            f"got {parent} above the cache, of {owner} and with mode "
            f"{stat.S_IMODE(found.st_mode):o}; expected folders that only oneself or "
            "root can change: set XDG_CACHE_HOME to one"
        )


def _remove_oldest(folder: Path) -> None:
    """Removes the least recently used files until the rest is small enough."""

    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process removes files
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                used = max(status.st_atime, status.st_mtime)
                found.append((used, path, status.st_size))
    size = sum(length for _, _, length in found)
    most = min(MOST_BYTES, (size + shutil.disk_usage(folder).free) // 2)
    for _, path, length in sorted(found):
        if size <= most:
            break
        path.unlink(missing_ok=True)
        size -= length
