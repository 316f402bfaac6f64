"""Refusals: how the domain says no.

A refusal carries a text key (see ``dashboard/i18n``), the field it is about and
the values of the sentence, so that any screen or API can say it in the reader's
language.  A refusal is an answer, not a fault: nothing has been written.
"""


class Refused(Exception):
    """The command is well formed but may not happen now.

    ``key``     text key, e.g. ``refused.order.unit_busy``
    ``field``   dotted path of the field at fault, or None
    ``params``  values for the sentence
    """

    def __init__(self, key: str, *, field: str | None = None, **params: object) -> None:
        super().__init__(key)
        self.key = key
        self.field = field
        self.params = params

    def __str__(self) -> str:
        where = f" [{self.field}]" if self.field else ""
        return f"{self.key}{where} {self.params or ''}".strip()


class Invalid(Refused):
    """The command itself is wrong (a value out of range, an unknown code)."""


class NotFound(Refused):
    """The thing named does not exist, or lies outside the actor's area (the two look alike on purpose)."""


class Forbidden(Refused):
    """The actor's role or area does not allow it; ``params['needs']`` names a role that may."""


class Conflict(Refused):
    """Somebody else changed the thing first; ``params`` say who, when and what it is now."""


class Fenced(Exception):
    """A writer holding an old epoch tried to write: it must stop and take a new lease."""
