"""The OpenAPI document is true: what it promises is what the API does."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from datasource.web import openapi_desk
from datasource.web.api_calls import CALLS
from tests.web.house import START, House, Source, Visitor

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "reports": [
        {"category": "fire", "occurred_at": START},
        {
            "category": "gas",
            "occurred_at": "2026-11-20T10:00:00+08:00",
            "severity": 2,
            "title": "x",
            "text": "y",
            "area": "440112",
            "lat": 23.1,
            "lon": 113.4,
            "datum": "gcj02",
            "place_name": "市场",
            "external_ref": "E1",
            "people": 2,
            "reporter": {"name": "n", "phone": "p", "address": "a"},
            "drill": True,
            "event_id": "e",
        },
    ],
    "camera-alerts": [{"camera_id": "C1", "rule": "smoke", "occurred_at": START, "confidence": 0.5, "ended": False}],
    "positions": [
        {"unit_id": "U1", "lat": 23.1, "lon": 113.4, "at": START, "speed": 1.0, "heading": 10.0, "accuracy": 5.0},
        {"datum": "wgs84", "positions": [{"unit_id": "U1", "lat": 23.1, "lon": 113.4, "at": START}]},
    ],
    "unit-status": [
        {"unit_id": "U1", "on_duty": True, "occurred_at": START},
        {"items": [{"unit_id": "U1", "status": "busy", "reason": "meal", "occurred_at": START}]},
    ],
    "receipts": [
        {"order_id": "O1", "unit_id": "U1", "receipt": "declined", "reason": "busy", "text": "t", "device_at": START}
    ],
    "disputes": [
        {
            "title": "t",
            "category": "labour",
            "area": "440112",
            "accepted_at": START,
            "grade": "ordinary",
            "step": "intake",
            "parties": [{"name": "n"}],
        }
    ],
    "heartbeats": [{"occurred_at": START, "offline": ["C1"], "devices": 3}],
    "units": [
        {
            "units": [
                {
                    "unit_id": "U1",
                    "name": "n",
                    "kind": "minimum",
                    "area": "440112",
                    "capabilities": ["crowd"],
                    "channels": ["terminal"],
                }
            ]
        }
    ],
    "cameras": [
        {
            "cameras": [
                {"camera_id": "C1", "name": "n", "area": "440112", "lat": 23.1, "lon": 113.4, "private_premises": False}
            ]
        }
    ],
}
WRONG: dict[str, dict[str, Any]] = {
    "reports": {"category": "nothing like it", "occurred_at": START},
    "camera-alerts": {"camera_id": "C1", "rule": "face", "occurred_at": START},
    "positions": {"unit_id": "U1", "lat": 123.1, "lon": 113.4, "at": START},
    "unit-status": {"items": []},
    "receipts": {"order_id": "O1"},
    "disputes": {"title": "t", "category": "labour", "area": "x", "accepted_at": START},
    "heartbeats": {"occurred_at": START, "devices": -3},
    "units": {"units": [{"unit_id": "U1", "name": "n", "kind": "ufo", "area": "440112"}]},
    "cameras": {"cameras": [{"camera_id": "C1", "name": "", "area": "440112"}]},
}


@pytest.fixture(scope="module")
def centre(quiet: House) -> House:
    quiet.register("U1")
    return quiet


@pytest.fixture
def source(refused: Source) -> Source:
    return refused


@pytest.fixture(scope="module")
def document(centre: House) -> dict[str, Any]:
    return Visitor(centre.door, browser=False).get("/api/v1/openapi.json").json()


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **schema}
    return Draft202012Validator(root).is_valid(value)


def body_schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    return document["paths"][f"/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def answer_schema(document: dict[str, Any], name: str, answer: Any) -> dict[str, Any]:
    """The schema the document gives for this very answer: its status and content type must be listed."""
    said = document["paths"][f"/{name}"]["post"]["responses"][str(answer.status_code)]
    if "$ref" in said:
        said = document["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
    return said["content"][answer.headers["content-type"]]["schema"]


def test_it_is_an_openapi_document(document):
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_it_describes_every_call_and_no_other(document):
    assert set(document["paths"]) == {f"/{name}" for name in CALLS} | {"/openapi.json"} | set(openapi_desk.paths())
    assert set(EXAMPLES) == set(WRONG) == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_what_the_document_allows_is_taken_and_answered_as_documented(source, document, name):
    for example in EXAMPLES[name]:
        assert check(document, body_schema(document, name), example)
        answer = source.post(f"/{name}", json=example)
        assert answer.status_code == 202, answer.text
        assert check(document, answer_schema(document, name, answer), answer.json())


@pytest.mark.parametrize("name", CALLS)
def test_what_the_document_forbids_is_refused_as_documented(source, document, name):
    assert not check(document, body_schema(document, name), WRONG[name])
    answer = source.post(f"/{name}", json=WRONG[name])
    assert answer.status_code == 422
    assert check(document, answer_schema(document, name, answer), answer.json())


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        (401, {"json": {}, "headers": {"Authorization": "Bearer wrong"}}),
        (413, {"content": b" " * (5 << 20), "headers": {"Content-Type": "application/json"}}),
        (415, {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
    ],
)
@pytest.mark.parametrize("name", CALLS)
def test_each_way_of_refusing_is_documented_for_each_call(source, document, name, status, request_):
    answer = source.post(f"/{name}", **request_)
    assert answer.status_code == status
    assert check(document, answer_schema(document, name, answer), answer.json())


def test_the_checker_can_tell_a_wrong_answer(document):
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    assert not check(document, schema, {"title": "x"})
    assert not check(document, {"$ref": "#/components/schemas/Accepted"}, {"id": 3, "accepted": 1, "duplicate": False})


def test_the_documents_of_fastapi_are_off(centre, visitor):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert visitor.get(path).status_code == 404
