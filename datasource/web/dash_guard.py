"""What may be sent to Dash's own routes.

Dash answers a malformed body, an output nobody registered or a file it does not know with 500.  These are mistakes of
whoever asks, so they are found here, before Dash sees them, and answered 4xx.
"""

import re
from collections.abc import Mapping, Set
from typing import Any, Protocol

import msgspec

from datasource.web.problems import FieldError, Problem

ROUTES: dict[str, frozenset[str]] = {
    "/_dash-layout": frozenset({"GET"}),
    "/_dash-dependencies": frozenset({"GET"}),
    "/_dash-update-component": frozenset({"POST"}),
    "/_reload-hash": frozenset({"GET"}),
}
SUITES = "/_dash-component-suites/"
UPDATE = "/_dash-update-component"
SOCKET = "/_dash-ws-callback"
UPDATE_LIMIT = 4 << 20
_PRINT = re.compile(r"^v[\w-]+m[0-9a-fA-F]+$")


class DashApp(Protocol):
    """The part of a Dash app that says what it knows."""

    callback_map: Mapping[str, Mapping[str, Any]]
    registered_paths: Mapping[str, Set[str]]


def knows_file(app: DashApp, path: str) -> bool:
    """Say whether ``path`` (below the suites) is a file of a registered package; fingerprints in the name are ignored."""
    package, _, file = path.partition("/")
    folder, _, name = file.rpartition("/")
    parts = name.split(".")
    if len(parts) > 2 and _PRINT.match(parts[1]):
        name = ".".join([parts[0], *parts[2:]])
    wanted = f"{folder}/{name}" if folder else name
    # `in` first: the mapping of a Dash app makes an entry for whatever is asked of it.
    return package in app.registered_paths and wanted in app.registered_paths[package]


def check_update(app: DashApp, raw: bytes) -> None:
    """Check the body of a callback request against the callbacks there are; raises Problem."""
    _check_request(app, _object(raw))


def check_message(app: DashApp, raw: str | bytes) -> None:
    """Check a message on Dash's own socket; raises Problem."""
    if len(raw) > UPDATE_LIMIT:
        raise Problem("too_large", limit=f"{UPDATE_LIMIT >> 20} MiB")
    message = _object(raw)
    kind = message.get("type")
    if kind == "callback_request":
        payload = message.get("payload")
        if not isinstance(message.get("requestId"), str) or not isinstance(payload, dict):
            raise _wrong("payload", "reason.type", what="object", got=type(payload).__name__)
        _check_request(app, payload)
    elif kind not in ("get_props_response", "heartbeat") or not isinstance(message.get("requestId", ""), str):
        raise _wrong("type", "reason.choice", value=str(kind)[:100])


def _object(raw: str | bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Problem("malformed", errors=[FieldError("", "reason.malformed", {"said": str(fault)})]) from None
    if not isinstance(body, dict):
        raise _wrong("", "reason.type", what="object", got=type(body).__name__)
    return body


def _check_request(app: DashApp, body: dict[str, Any]) -> None:
    output = body.get("output")
    callback = app.callback_map.get(output) if isinstance(output, str) else None
    if callback is None or "callback" not in callback:
        raise _wrong("output", "reason.unknown_output", value=str(output)[:200])
    for member, expected in (("inputs", callback["inputs"]), ("state", callback["state"])):
        given = body.get(member, [])
        if not isinstance(given, list) or len(given) != len(expected):
            raise _wrong(member, "reason.dash_count", count=len(expected))
        for i, item in enumerate(given):
            _check_property(item, f"{member}[{i}]")
    if not callback.get("no_output"):
        _check_outputs(str(output), body.get("outputs"))
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(name, str) for name in changed):
        raise _wrong("changedPropIds", "reason.type", what="array", got=type(changed).__name__)


def _check_outputs(output: str, given: Any) -> None:
    if output.startswith("..") and output.endswith(".."):
        count = len(output[2:-2].split("..."))
        if not isinstance(given, list) or len(given) != count:
            raise _wrong("outputs", "reason.dash_count", count=count)
        for i, item in enumerate(given):
            _check_property(item, f"outputs[{i}]")
    elif given is not None:
        _check_property(given, "outputs")


def _check_property(item: Any, field: str) -> None:
    if isinstance(item, list):
        for i, inner in enumerate(item):
            _check_one(inner, f"{field}[{i}]")
    else:
        _check_one(item, field)


def _check_one(item: Any, field: str) -> None:
    if not isinstance(item, dict):
        raise _wrong(field, "reason.type", what="object", got=type(item).__name__)
    if not isinstance(item.get("id"), (str, dict)) or not isinstance(item.get("property"), str):
        raise _wrong(field, "reason.dash_property")


def _wrong(field: str, key: str, **params: object) -> Problem:
    return Problem("invalid", errors=[FieldError(field, key, params)])
