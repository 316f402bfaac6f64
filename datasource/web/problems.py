"""How the door says no: RFC 9457 problem details, in the reader's language.

A :class:`Problem` is raised anywhere below a request; the door turns it into ``application/problem+json``.  Every
reason is a text key, so that the same refusal reads well in each language, and names the field it is about.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from dashboard.domain import errors
from dashboard.i18n import reason, text
from datasource.errors import Unavailable

MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 50
"""More errors than this are counted, not listed: a batch of 5,000 may be wrong in every item."""

STATUS: dict[str, int] = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "cross_site": 403,
    "not_found": 404,
    "method": 405,
    "too_slow": 408,
    "conflict": 409,
    "too_large": 413,
    "media_type": 415,
    "invalid": 422,
    "too_many": 429,
    "internal": 500,
    "overloaded": 503,
    "unavailable": 503,
}


class FieldError(NamedTuple):
    """One thing wrong: the dotted path of the field (``positions[17].lat``), the key of the reason, its values."""

    field: str
    key: str
    params: Mapping[str, object] = {}

    def as_dict(self, lang: str) -> dict[str, str]:
        """Return the member of ``errors`` in a language."""
        return {"field": self.field, "reason": reason(self.key, self.params, lang), "key": self.key}


class Problem(Exception):
    """A refusal with its HTTP status; ``kind`` is a key of :data:`STATUS` and of the texts ``problem.<kind>.*``."""

    def __init__(
        self,
        kind: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        detail: str = "",
        **params: object,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.detail = detail
        self.params = params

    def __str__(self) -> str:
        return f"{self.kind}: " + "; ".join(f"{e.field} {e.key}" for e in self.errors[:5])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.kind]

    def as_dict(self, lang: str) -> dict[str, object]:
        """Return the problem document in a language."""
        detail = text(self.detail or f"problem.{self.kind}.detail", lang, count=len(self.errors), **self.params)
        body: dict[str, object] = {
            "type": f"urn:muster:problem:{self.kind}",
            "title": text(f"problem.{self.kind}.title", lang),
            "status": self.status,
            "detail": detail,
            "errors": [e.as_dict(lang) for e in self.errors[:SHOWN_ERRORS]],
        }
        if len(self.errors) > SHOWN_ERRORS:
            body["more_errors"] = len(self.errors) - SHOWN_ERRORS
        return body

    def response(self, lang: str) -> Response:
        """Return the answer to send."""
        headers = {"Content-Language": lang, "Vary": "Accept-Language", "Cache-Control": "no-store", **self.headers}
        return Response(msgspec.json.encode(self.as_dict(lang)), self.status, headers, MEDIA_TYPE)


_KINDS: tuple[tuple[type[errors.Refused], str], ...] = (
    (errors.Invalid, "invalid"),
    (errors.NotFound, "not_found"),
    (errors.Forbidden, "forbidden"),
    (errors.Conflict, "conflict"),
    (errors.Refused, "conflict"),
)


def from_refusal(refusal: errors.Refused) -> Problem:
    """Turn a refusal of the domain into a problem; its own key and field stay what they are."""
    kind = next(kind for cls, kind in _KINDS if isinstance(refusal, cls))
    return Problem(kind, errors=[FieldError(refusal.field or "", refusal.key, refusal.params)])


def from_fault(fault: Exception) -> Problem:
    """Turn whatever a request ran into into a problem; what nobody foresaw is ``internal``."""
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, errors.Refused):
        return from_refusal(fault)
    if isinstance(fault, Unavailable):
        return Problem("unavailable", headers={"Retry-After": "2"})
    return Problem("internal")


# What msgspec says of a body that does not fit, and the reason we give for it.  ``what`` names the type in its words.
_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^Object missing required field `(?P<name>.+?)`"), "reason.missing"),
    (re.compile(r"^Object contains unknown field `(?P<name>.+?)`"), "reason.unknown_field"),
    (re.compile(r"^Expected `(?:str|array|object)` of length >= 1\b"), "reason.empty"),
    (re.compile(r"^Expected `(?P<what>str|array|object)` of length (?P<op>[<>]=) (?P<limit>\d+)"), "reason.length"),
    (re.compile(r"^Expected `(?:int|float)` (?P<op>[<>]=?) (?P<limit>[-\d.e+]+)"), "reason.range"),
    (re.compile(r"^Expected `str` matching regex"), "reason.pattern"),
    (re.compile(r"^Invalid enum value '?(?P<value>.*?)'?$"), "reason.choice"),
    (re.compile(r"^(?:Number|Integer value) out of range"), "reason.number"),
    (re.compile(r"^Expected `(?P<what>.+?)`, got `(?P<got>.+?)`"), "reason.type"),
)
_OPS = {"<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def from_decoding(fault: Exception, prefix: str = "") -> FieldError:
    """Name the field and the reason of a msgspec fault; ``prefix`` is the path of what was decoded."""
    said, _, where = str(fault).partition(" - at `")
    said = said.removesuffix(" ")
    path = join(prefix, where.rstrip("`").removeprefix("$").removeprefix("."))
    for pattern, key in _SENTENCES:
        if found := pattern.match(said):
            params = {k: v for k, v in found.groupdict().items() if v is not None}
            if "op" in params:
                params["op"] = _OPS[params["op"]]
            if "limit" in params:
                params["limit"] = params["limit"].removesuffix(".0")
            name = params.pop("name", "")
            return FieldError(join(path, name), key, params)
    return FieldError(path, "reason.malformed", {"said": said})


def join(path: str, name: str) -> str:
    """Put a path and a name (or an index in brackets) together."""
    if not path or not name:
        return path or name
    return f"{path}{name}" if name.startswith("[") else f"{path}.{name}"
