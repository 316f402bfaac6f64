"""Dead letters on the command line: what could not be applied and why, and sending it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from dashboard.domain.errors import Invalid, NotFound
from dashboard.domain.worktime import SHANGHAI
from dashboard.i18n import text
from datasource import facts
from datasource.bootstrap import Backend, open_backend
from datasource.settings import Settings

MOST = 10_000


def listed(settings: Settings, lang: str) -> list[str]:
    """Return a line per open letter, newest first: id, when, source, kind, reason in words; never the body."""
    with _backend(settings) as backend:
        with backend.store.reading() as reader:
            letters = reader.dead_letters(limit=200)
        lines = []
        for letter in letters:
            try:
                kind = facts.decode(letter.body).kind
            except Invalid:
                kind = "?"
            at = datetime.fromtimestamp(letter.buried_at / 1000, SHANGHAI)
            why = text(letter.reason, lang, **letter.params)
            lines.append(f"{letter.id}  {at:%Y-%m-%d %H:%M:%S}  {letter.source or '?'}  {kind}  {why}")
        return lines


def send_again(settings: Settings, id: str) -> int:
    """Send one letter again, or ``all``; returns how many.  Raises NotFound for an id that is not open."""
    with _backend(settings) as backend:
        with backend.store.reading() as reader:
            letters = [a for a in reader.dead_letters(limit=MOST) if id in ("all", a.id)]
        if not letters and id != "all":
            raise NotFound("notfound.dead_letter", id=id)
        for letter in reversed(letters):
            facts.replay(letter, backend.stream, backend.store, backend.clock)
        return len(letters)


@contextmanager
def _backend(settings: Settings) -> Iterator[Backend]:
    backend = open_backend(settings)
    try:
        yield backend
    finally:
        backend.close()
