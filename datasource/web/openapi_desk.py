"""The part of the OpenAPI document for people: questions and commands of the desk, with the session cookie."""

from typing import Any

from datasource.web import api_desk_models as d

TYPES: tuple[type, ...] = (
    d.Done,
    d.OpenIncidents,
    d.IncidentDetail,
    d.Recommended,
    d.OpenCameraAlerts,
    d.ActiveAlarms,
    *d.BODIES.values(),
)
"""Every body and answer, for the schemas of the document."""

_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same command with the same key is carried out once; `id` is empty when it came again.",
}
_LANGUAGE: dict[str, Any] = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "zh-CN or en.",
}
_ID: dict[str, Any] = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The number of an incident, such as `INC-20261123-0042`.",
}
_QUESTIONS: tuple[tuple[str, str, type], ...] = (
    ("/incidents", "List the open incidents", d.OpenIncidents),
    ("/incidents/{id}", "Show one incident with its orders and its timeline", d.IncidentDetail),
    ("/incidents/{id}/recommended", "Rank the units that could be sent", d.Recommended),
    ("/camera-alerts", "List the camera alerts that want a verdict", d.OpenCameraAlerts),
    ("/alarms", "List the alarms that are not over", d.ActiveAlarms),
)
SECURITY: list[dict[str, list[str]]] = [{"person": []}]
ANSWERS: dict[int, str] = {
    401: "Nobody has signed in, or the session is over.",
    403: "The role does not allow it, the caller is a source, or the request does not come from the centre's own pages.",
    404: "There is no such thing in the area of the account, or no such command.",
    409: "It may not happen now: `errors` says why, and who was first.",
}
"""What these statuses mean to a person; the others mean the same to everybody."""


def scheme(cookie: str) -> dict[str, Any]:
    """Return the security scheme of people: the cookie that signing in has set."""
    words = "The session of a person. A request that changes something must carry the `Origin` of the centre itself."
    return {"type": "apiKey", "in": "cookie", "name": cookie, "description": words}


def paths() -> dict[str, Any]:
    """Return the paths, each with its one operation."""
    made: dict[str, Any] = {}
    for path, summary, answer in _QUESTIONS:
        named = "{id}" in path
        statuses = (401, 403, 404, 503) if named else (401, 403, 503)
        made[path] = {
            "get": {
                "operationId": "read" + path.replace("/{id}", "_one").replace("/", "_").replace("-", "_"),
                "summary": summary,
                "security": SECURITY,
                "parameters": [*([_ID] if named else []), _LANGUAGE],
                "responses": _answers(answer, statuses),
            }
        }
    for name, body in d.BODIES.items():
        made[f"/commands/{name}"] = {
            "post": {
                "operationId": name,
                "summary": d.SUMMARIES[name],
                "security": SECURITY,
                "parameters": [_KEY, _LANGUAGE],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(body)}}},
                "responses": _answers(d.Done, (400, 401, 403, 404, 408, 409, 413, 415, 422, 503)),
            }
        }
    return made


def _answers(answer: type, statuses: tuple[int, ...]) -> dict[str, Any]:
    good = {"description": "Done.", "content": {"application/json": {"schema": _reference(answer)}}}
    return {
        "200": good,
        **{str(s): {"$ref": f"#/components/responses/{'desk-' if s in ANSWERS else ''}{s}"} for s in statuses},
    }


def _reference(kind: type) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
