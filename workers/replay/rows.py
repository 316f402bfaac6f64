"""The rows of a CSV or TSV file, also gzipped, one by one with their line numbers."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from workers.replay.mapping import Mapping, MappingError

Row = dict[str, str]
LINE_LIMIT = 1_000_000


class BadRow(ValueError):
    """A line that is no row of this file."""


def read_rows(
    path: Path, mapping: Mapping, passed: Callable[[int], None] | None = None
) -> Iterator[tuple[int, Row | BadRow]]:
    """Yield (line number, row by column name, or why it is none); the first line with the names is line 1.

    ``passed`` hears how many bytes of the file have been read.  Raises MappingError when a column the mapping
    needs is missing, and OSError.
    """
    csv.field_size_limit(LINE_LIMIT)
    with path.open("rb") as raw:
        plain: Any = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        with io.TextIOWrapper(plain, encoding=mapping.encoding, errors="replace", newline="") as text:
            reader = csv.reader(text, delimiter=mapping.delimiter or _delimiter(path))
            try:
                names = [name.strip() for name in next(reader)]
            except StopIteration:
                raise MappingError(f"{path.name}: a first line with the names of the columns is expected") from None
            if missing := sorted(mapping.columns() - set(names)):
                raise MappingError(
                    f"{path.name}: columns {', '.join(map(repr, missing))} are expected, as mapping {mapping.name!r} names them"
                )
            yield from _rows(reader, names, raw, passed)


def _rows(
    reader: Any, names: list[str], raw: IO[bytes], passed: Callable[[int], None] | None
) -> Iterator[tuple[int, Row | BadRow]]:
    count = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, BadRow(str(error))
            continue
        except (EOFError, OSError) as error:  # a gzip file that was cut off
            yield reader.line_num + 1, BadRow(f"the file ends in the middle: {error}")
            return
        if not cells:
            continue
        count += 1
        if passed is not None and count % 500 == 0:
            passed(raw.tell())
        if len(cells) != len(names):
            yield reader.line_num, BadRow(f"{len(cells)} columns, {len(names)} expected")
        else:
            yield reader.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}


def _delimiter(path: Path) -> str:
    return "\t" if path.name.removesuffix(".gz").endswith((".tsv", ".tab")) else ","
