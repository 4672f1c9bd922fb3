"""Lines of text as rows of cells."""

import csv
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import count

from jaxdl.data import files
from jaxdl.data.about import DataError

MAX_LINE = 2**20  # bytes
MAX_CELL = 1000  # characters
DELIMITERS = ",;\t"  # that are looked for
BLANK = b" \r\n"  # no tabs, which may stand between empty cells


def rows(
    file: BufferedIOBase, delimiter: str | None
) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each line that is not blank.

    Args:
        file: of the text.
        delimiter: between cells; None: the one that the first line has most.

    Raises:
        DataError: the text is not CSV in UTF-8, or is too large.
    """
    size = 0
    for line in count(1):
        content = file.readline(MAX_LINE + 1)
        if not content:
            return
        size += len(content)
        if size > files.MAX_BYTES:
            raise DataError(f"line {line}: got over {files.MAX_BYTES} bytes of text")
        if not content.strip(BLANK):
            continue
        text = _decoded(content, line)
        delimiter = delimiter or max(DELIMITERS, key=text.count)
        cells = _cells(text, delimiter, line)
        if cells:
            yield line, cells


def _decoded(content: bytes, line: int) -> str:
    if len(content) > MAX_LINE or b"\0" in content:
        raise DataError(
            f"line {line}: got a NUL byte or a line over {MAX_LINE} bytes; expected "
            "text with a line end after each row"
        )
    try:
        # Spreadsheets start UTF-8 with a mark that is not part of the first name.
        return content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _no_csv(line, error) from error


def _cells(text: str, delimiter: str, line: int) -> list[str]:
    try:
        reader = csv.reader(
            [text], delimiter=delimiter, strict=True, skipinitialspace=True
        )
        cells = next(reader, [])
    except csv.Error as error:
        raise _no_csv(line, error) from error
    if max(map(len, cells), default=0) > MAX_CELL:
        raise DataError(
            f"line {line}: got a cell over {MAX_CELL} characters; expected numbers and "
            "short labels"
        )
    return cells


def _no_csv(line: int, error: Exception) -> DataError:
    return DataError(
        f"line {line}: got text that is not CSV in UTF-8 ({error}); expected cells "
        "with commas between them, or what delimiter= says"
    )
