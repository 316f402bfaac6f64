"""The OpenAPI document of the API, made from the very types that decode the requests."""

from typing import Any

import msgspec

from dashboard.config import Profile
from datasource.web import api_models as m
from datasource.web import openapi_desk
from datasource.web.api_calls import CALLS, MIB, Call
from datasource.web.problems import MEDIA_TYPE, STATUS

_REF = "#/components/schemas/{name}"

# What each status means to a source, in the words of the document (the answers themselves speak the reader's language).
_ANSWERS: dict[int, str] = {
    400: "The body is not JSON.",
    401: "The token is missing or unknown.",
    403: "The token does not allow this call.",
    408: "The body did not arrive in time. Try again with the same Idempotency-Key.",
    409: "The Idempotency-Key was used for another request within 24 hours.",
    413: "The body is too large.",
    415: "The body is not `application/json`, or is compressed.",
    422: "The body cannot be: `errors` names every field and the reason.",
    503: "Nothing was accepted, or it is not certain. Try again after `Retry-After` seconds with the same Idempotency-Key.",
}


class FieldProblem(msgspec.Struct, kw_only=True):
    """One thing that is wrong: `field` is a dotted path such as `positions[17].lat`, `key` is the same in every language."""

    field: str
    reason: str
    key: str


class ProblemDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """RFC 9457 problem details, in the language of `Accept-Language` (zh-CN or en)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem]
    more_errors: int | msgspec.UnsetType = msgspec.UNSET


def document(profile: Profile, cookie: str = "muster") -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of this centre; categories and kinds are those of its profile, ``cookie`` its session's."""
    types: list[type] = [m.Accepted, ProblemDocument, *openapi_desk.TYPES]
    for call in CALLS.values():
        types += [t for t in (call.body, call.batch) if t]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    _name_codes(schemas, profile)
    paths: dict[str, Any] = {f"/{name}": {"post": _operation(name, call)} for name, call in CALLS.items()}
    paths["/openapi.json"] = {"get": _self()}
    for path, operations in openapi_desk.paths().items():
        paths.setdefault(path, {}).update(operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Muster API",
            "version": "1",
            "description": (
                "What sources send. Every call is answered 202 only when what it said is on disk. Send an `Idempotency-Key`: the same"
                " request with the same key has one effect, however often it is sent within 24 hours (`duplicate` is then true)."
                " Instants are milliseconds since 1970 UTC or RFC 3339 strings with an offset. Unknown members are refused."
                " What people do (`/commands/…`, and the questions) wants the session cookie of somebody who has signed in."
            ),
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"source": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "source": {"type": "http", "scheme": "bearer", "description": "The token of a source."},
                "person": openapi_desk.scheme(cookie),
            },
            "responses": {str(status): _problem(status, words) for status, words in _ANSWERS.items()}
            | {f"desk-{status}": _problem(status, words) for status, words in openapi_desk.ANSWERS.items()},
        },
    }


def _operation(name: str, call: Call) -> dict[str, Any]:
    schema: dict[str, Any] = _reference(call.body)
    if call.batch:
        schema = {"oneOf": [schema, _reference(call.batch)]}
    parameters: list[dict[str, Any]] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 200},
            "description": "Names this request; takes precedence over `event_id`.",
        },
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "zh-CN or en.",
        },
    ]
    if name == "positions":
        parameters = [
            *parameters[1:],
            {
                "name": "partial",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "enum": ["1"]},
                "description": "Take the good positions of a batch and list the others in `rejected`, instead of taking none.",
            },
        ]
    statuses = [s for s in _ANSWERS if not (name == "positions" and s == 409)]
    return {
        "operationId": name.replace("-", "_"),
        "summary": call.summary,
        "description": f"At most {call.limit // MIB} MiB.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "202": {
                "description": "Taken, and kept.",
                "content": {"application/json": {"schema": _reference(m.Accepted)}},
            },
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses},
        },
    }


def _self() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    }


def _problem(status: int, words: str) -> dict[str, Any]:
    if status not in STATUS.values():
        raise ValueError(f"no problem has status {status}")
    answer: dict[str, Any] = {"description": words, "content": {MEDIA_TYPE: {"schema": _reference(ProblemDocument)}}}
    if status == 503:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return answer


def _reference(kind: type) -> dict[str, Any]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _name_codes(schemas: dict[str, Any], profile: Profile) -> None:
    """Put the profile's codes where the types only know that there are some."""
    schemas["Report"]["properties"]["category"]["enum"] = list(profile.categories)
    schemas["Dispute"]["properties"]["category"]["enum"] = list(profile.dispute_categories)
    schemas["Dispute"]["properties"]["grade"]["enum"] = list(profile.workflows[profile.workflow].days)
    schemas["Unit"]["properties"]["kind"]["enum"] = list(profile.unit_kinds)
    if profile.capabilities:
        schemas["Unit"]["properties"]["capabilities"]["items"]["enum"] = list(profile.capabilities)
