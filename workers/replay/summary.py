"""What came of a replay: counts that can be compared with the database, and what could not be used."""

import csv
from collections import Counter
from pathlib import Path
from typing import IO

import msgspec


class Summary(msgspec.Struct, kw_only=True):
    """Counts.  ``rows`` = ``used`` + ``unusable``; ``partly`` of the used ones lack a part.

    ``incidents``   different incidents that were taken: as many as are in the database for this source
    ``reports``     reports taken for the first time; ``closings`` those that say that an incident is over
    ``statuses``, ``positions``  items the centre took, in batches; it does not say which of them it knew before
    ``duplicates``  reports sent before: they have no second effect
    ``refused``     events the centre refused, each listed with its reason
    ``pace``        below 1: the file spans more than the API takes and was drawn together by this factor
    """

    mapping: str
    file: str
    rows: int = 0
    used: int = 0
    unusable: int = 0
    partly: int = 0
    units: int = 0
    incidents: int = 0
    reports: int = 0
    closings: int = 0
    statuses: int = 0
    positions: int = 0
    duplicates: int = 0
    refused: int = 0
    pace: float = 1.0
    seconds: float = 0.0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    rejects: str = ""

    def lines(self) -> list[tuple[str, str]]:
        """Return the counts for people, in order; what did not occur is left out."""
        told = [
            ("rows read", self.rows),
            ("rows used", self.used),
            ("rows unusable", self.unusable),
            ("rows used in part", self.partly),
            ("units registered", self.units),
            ("incidents", self.incidents),
            ("reports taken", self.reports),
            ("incidents reported over", self.closings),
            ("unit statuses taken", self.statuses),
            ("positions taken", self.positions),
            ("sent before, no second effect", self.duplicates),
            ("refused by the centre", self.refused),
        ]
        always = ("rows read", "rows used", "rows unusable")
        return [(what, f"{n:,}") for what, n in told if n or what in always]


class Rejects:
    """The list of what could not be used: line, what, reason; the file is made when the first one comes."""

    def __init__(self, path: Path | None, summary: Summary) -> None:
        self._path, self._summary = path, summary
        self._file: IO[str] | None = None

    def note(self, line: int, what: str, reason: str) -> None:
        """List one: ``what`` is ``row`` (nothing of it was used), ``part``, or ``refused`` (by the centre)."""
        # Counted by column and kind of fault, without the value that differs from row to row.
        self._summary.reasons[reason.partition(": ")[0] + ": " + _kind(reason)] += 1
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file, delimiter="\t").writerow(("line", "what", "reason"))
            self._summary.rejects = str(self._path)
        csv.writer(self._file, delimiter="\t").writerow((line, what, reason))

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()


def _kind(reason: str) -> str:
    told = reason.partition(": ")[2] or reason
    return " ".join(
        word for word in told.split() if not word.startswith(("'", '"')) and not any(ch.isdigit() for ch in word)
    )
