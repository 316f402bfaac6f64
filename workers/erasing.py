"""Forgetting the persons of a case: their key is destroyed, and what was sealed under it never opens again."""

from collections.abc import Iterable

import msgspec

from dashboard.domain.errors import NotFound, Refused
from dashboard.domain.events import Sealed
from dashboard.ports import Reader
from datasource import facts
from datasource.accounts import Accounts
from datasource.bootstrap import open_backend
from datasource.settings import Settings

MOST = 100_000


def erase(settings: Settings, id: str) -> int:
    """Destroy the keys of an incident's, a case's or a dead letter's personal data; returns how many there were.

    Every report of an incident has been sealed under a key, so there may be several.  Raises NotFound.
    """
    backend = open_backend(settings)
    try:
        with backend.store.reading() as reader:
            keys = {box.key_id for box in _boxes(reader, id)}
        cases = {case for key in keys if (case := backend.vault.case_of(key))}
        erased = sum(backend.vault.erase(case) for case in sorted(cases))
        if erased:
            Accounts(backend.database, backend.clock).note_erasure(id, erased, by="muster erase")
        return erased
    finally:
        backend.close()


def _boxes(reader: Reader, id: str) -> list[Sealed]:
    for kind in ("incident", "dispute"):
        if reader.load(kind, id) is not None:
            return _sealed(r.event for r in reader.events(subject=f"{kind}:{id}", limit=MOST))
    for letter in reader.dead_letters(open_only=False, limit=MOST):
        if letter.id == id:
            try:
                return _sealed([facts.command(facts.decode(letter.body))])
            except Refused:  # what cannot be read as a fact holds no box that we made
                return []
    raise NotFound("notfound.erasable", id=id)


def _sealed(things: Iterable[msgspec.Struct]) -> list[Sealed]:
    return [
        value for one in things for name in one.__struct_fields__ if isinstance(value := getattr(one, name), Sealed)
    ]
