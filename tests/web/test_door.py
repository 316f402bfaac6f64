"""The door: which addresses exist, who may go where, and what a foreign page cannot do."""

import asyncio
import json
from typing import Any

import pytest

from datasource.web.door import Door
from tests.web.house import HOST, SCREENS, House, Visitor, problem_fields

ROLES = {
    "commander": ("wall", "console", "disputes"),
    "leader": ("wall", "disputes"),
    "mediator": ("disputes",),
    "wall": ("wall",),
}


def entered(house: House, role: str, visitor: Visitor | None = None) -> Visitor:
    """Sign a visitor in as a role, by session token."""
    visitor = visitor or Visitor(house.door)
    account = house.accounts.ensure_account(f"a-{role}", f"名-{role}", role, "4401")
    visitor.cookies.set("muster", house.accounts.redeem(house.accounts.one_time_link(account.username)).token)
    return visitor


@pytest.fixture
def enter(centre):
    return lambda role, visitor=None: entered(centre, role, visitor)


@pytest.fixture(scope="module")
def administrator(quiet) -> Visitor:
    return entered(quiet, "administrator")


@pytest.fixture(scope="module")
def commander(quiet) -> Visitor:
    return entered(quiet, "commander")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/wall/",
        "/wall/x",
        "/WALL",
        "/..%2fwall",
        "/.env",
        "/docs",
        "/index.html",
        "/wall%00",
        "/assets//x",
        "/favicon.ico",
        "/live",
    ],
)
def test_what_is_not_listed_does_not_exist_although_dash_would_answer(quiet, administrator, path):
    for who in (Visitor(quiet.door), administrator):
        answer = who.get(path)
        assert answer.status_code == 404, path
        assert "text/html" in answer.headers["content-type"]
        assert "404" in answer.text
    assert quiet.seen == []


def test_an_unknown_address_of_a_program_is_a_problem_document(centre):
    program = Visitor(centre.door, browser=False)
    for path in ("/api/v2/x", "/_dash-nothing", "/_alive_1"):
        assert problem_fields(program.get(path, headers={"Accept": "application/json"})) == {}


@pytest.mark.parametrize("screen", SCREENS)
def test_an_anonymous_visitor_is_asked_to_sign_in_and_brought_back(quiet, screen):
    answer = Visitor(quiet.door).get(f"/{screen}?lang=en&a=b")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next=%2F{screen}%3Flang%3Den%26a%3Db"
    assert quiet.seen == []


@pytest.mark.parametrize(
    "path", ["/_dash-layout", "/_dash-dependencies", "/_dash-component-suites/dash/x.js", "/snapshot?view=wall"]
)
def test_an_anonymous_program_gets_401(quiet, path):
    answer = Visitor(quiet.door).get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    problem_fields(answer)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_screens_and_a_page_that_says_who_may_see_the_others(enter, role):
    who = enter(role)
    for screen in ("wall", "console", "disputes"):
        answer = who.get(f"/{screen}?lang=zh-CN")
        if screen in ROLES[role]:
            assert answer.status_code == 200
            assert answer.json() == {"screen": screen}
        else:
            assert answer.status_code == 403
            assert "指挥员" in answer.text


def test_a_refused_view_is_logged(centre, enter):
    enter("mediator").get("/console")
    line = centre.accounts.log_entries(1)[0]
    assert (line["what"], line["who"], line["detail"]["action"]) == ("refused_view", "a-mediator", "view:console")


def test_the_actor_is_at_hand_while_a_request_is_answered_and_gone_afterwards(centre, enter):
    from datasource.web import door

    enter("leader").get("/wall", headers={"Accept-Language": "en"})
    assert [(a.role, a.id, a.lang) for a in centre.seen] == [("leader", "a-leader", "en")]
    assert door.actor() is None


def test_an_ended_session_is_anonymous(centre, enter):
    who = enter("leader")
    assert who.get("/wall").status_code == 200
    centre.accounts.end_sessions_of(username="a-leader")
    assert who.get("/wall").status_code == 303


def test_a_source_s_token_opens_no_screen(centre):
    answer = Visitor(centre.door).get(
        "/wall", headers={"Authorization": "Bearer fleet-token-0123456789-0123456789-0123456789"}
    )
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/wall", "GET, HEAD"),
        ("GET", "/sign-out", "POST"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/sign-in", "GET, HEAD, POST"),
        ("GET", "/_dash-update-component", "POST"),
    ],
)
def test_another_method_is_405(administrator, method, path, allow):
    answer = administrator.ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_head_is_answered_like_get_without_a_body(enter):
    answer = enter("leader").ask("HEAD", "/wall")
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize("path", ["/wall", "/nothing", "/sign-in", "/healthz", "/api/v1/openapi.json"])
def test_every_answer_carries_the_headers_that_keep_browsers_careful(visitor, path):
    answer = visitor.get(path)
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] in ("no-store", "no-cache")


def test_hashes_of_inline_scripts_enter_the_policy_once_known(centre):
    hashes: list[str] = []
    house = Door(centre.app, centre.accounts, screens=SCREENS, csp_hashes=lambda: hashes)
    hashes.append("'sha256-abc='")
    policy = Visitor(house).get("/sign-in").headers["content-security-policy"]
    assert "script-src 'self' 'sha256-abc=';" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "unsafe-eval" not in policy


# --- a foreign page -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"{HOST}.evil.example"},
        {"origin": HOST, "sec-fetch-site": "cross-site"},
        {"origin": HOST, "sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-out", "/sign-in", "/pair", "/_dash-update-component", "/api/v1/receipts"])
def test_a_foreign_page_cannot_make_a_visitor_s_browser_change_anything(quiet, commander, path, headers):
    before = quiet.accounts.list_sessions()
    answer = commander.post(path, content=b"{}", headers={**headers, "content-type": "application/json"})
    assert answer.status_code == 403
    assert quiet.accounts.list_sessions() == before


def test_our_own_page_can(centre, enter):
    assert enter("commander").post("/sign-out", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert centre.accounts.list_sessions() == []


def test_a_form_is_bounded(enter):
    answer = enter("commander").post("/pair", data={"unit_id": "x" * 70_000})
    assert answer.status_code == 413


# --- Dash's own routes ----------------------------------------------------------------------


class DashStandIn:
    callback_map: dict[str, dict[str, Any]] = {
        "out.children": {"inputs": [{"id": "a", "property": "n"}], "state": [], "callback": lambda: None},
        "..x.children...y.children..": {
            "inputs": [{"id": "a", "property": "n"}],
            "state": [{"id": "s", "property": "data"}],
            "callback": lambda: None,
        },
        "clientside.children": {"inputs": [], "state": []},
    }
    registered_paths = {"dash_html": {"dash_html/bundle.js", "bundle.js"}}


INPUT = {"id": "a", "property": "n", "value": 1}
GOOD = {
    "output": "out.children",
    "outputs": {"id": "out", "property": "children"},
    "inputs": [INPUT],
    "changedPropIds": ["a.n"],
}


@pytest.fixture(scope="module")
def dashed_door(quiet):
    got: list[Any] = []

    async def update(scope, receive, send):
        message = await receive()
        got.append(json.loads(message["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    house = Door(update, quiet.accounts, screens=SCREENS, dash=DashStandIn())
    return entered(quiet, "commander", Visitor(house)), got


@pytest.fixture
def dashed(dashed_door):
    dashed_door[1].clear()
    return dashed_door


def test_a_good_callback_request_reaches_dash_unchanged(dashed):
    who, got = dashed
    assert who.post("/_dash-update-component", json=GOOD).status_code == 200
    assert got == [GOOD]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"3", 422),
        (b"{}", 422),
        ({**GOOD, "output": "nobody.children"}, 422),
        ({**GOOD, "output": ["out.children"]}, 422),
        ({**GOOD, "output": "clientside.children"}, 422),
        ({**GOOD, "inputs": []}, 422),
        ({**GOOD, "inputs": [INPUT, INPUT]}, 422),
        ({**GOOD, "inputs": None}, 422),
        ({**GOOD, "inputs": ["x"]}, 422),
        ({**GOOD, "inputs": [{"value": 1}]}, 422),
        ({**GOOD, "inputs": [[{"id": 3, "property": "n"}]]}, 422),
        ({**GOOD, "state": [INPUT]}, 422),
        ({**GOOD, "changedPropIds": "a.n"}, 422),
        ({**GOOD, "changedPropIds": [3]}, 422),
        ({**GOOD, "outputs": "x"}, 422),
        ({**GOOD, "output": "..x.children...y.children..", "state": [INPUT], "outputs": [INPUT]}, 422),
    ],
)
def test_a_malformed_callback_request_is_refused_before_dash_sees_it(dashed, body, status):
    who, got = dashed
    raw = body if isinstance(body, bytes) else json.dumps(body)
    answer = who.post(
        "/_dash-update-component",
        content=raw,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    assert answer.status_code == status
    problem_fields(answer)
    assert got == []


def test_a_callback_request_that_is_no_json_by_type_or_too_large_is_refused(dashed):
    who, got = dashed
    assert who.post("/_dash-update-component", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    big = {"content": b" " * ((4 << 20) + 1), "headers": {"Content-Type": "application/json"}}
    assert who.post("/_dash-update-component", **big).status_code == 413
    assert got == []


@pytest.mark.parametrize(
    "path", ["os/x.js", "dash_html/nothing.js", "dash_html/../x", "", "dash_html", "nothing/bundle.js"]
)
def test_a_file_dash_does_not_know_is_404(dashed, path):
    who, _ = dashed
    before = set(DashStandIn.registered_paths)
    assert who.get(f"/_dash-component-suites/{path}").status_code == 404
    assert set(DashStandIn.registered_paths) == before


def test_a_file_of_a_suite_is_handed_out_with_or_without_its_fingerprint(centre, enter):
    house = Door(centre.app, centre.accounts, screens=SCREENS, dash=DashStandIn())
    who = enter("leader", Visitor(house))
    for name in ("bundle.js", "bundle.v4_4_1m1790000000.js", "dash_html/bundle.js"):
        assert who.get(f"/_dash-component-suites/dash_html/{name}").status_code == 200, name


def test_what_dash_gets_wrong_is_a_500_without_its_traceback(centre, enter):
    async def broken(scope, receive, send):
        raise RuntimeError("secret inside")

    who = enter("leader", Visitor(Door(broken, centre.accounts, screens=SCREENS)))
    answer = who.get("/wall")
    assert answer.status_code == 500
    assert "secret" not in answer.text


# --- sockets ----------------------------------------------------------------------------------


def socket(door: Any, path: str, headers: dict[str, str], *, extension: bool = True) -> list[dict[str, Any]]:
    """Open a socket and return what the other side said until it was done."""
    said: list[dict[str, Any]] = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        said.append(dict(message))

    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"view=wall",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("1.2.3.4", 5),
        "extensions": {"websocket.http.response": {}} if extension else {},
    }
    asyncio.run(door(scope, receive, send))
    return said


@pytest.fixture
def live(centre, enter):
    met = []

    async def app(scope, receive, send):
        met.append(scope["state"]["actor"])
        await send({"type": "websocket.accept"})

    token = enter("leader").cookies["muster"]
    return (
        Door(app, centre.accounts, screens=SCREENS),
        {"host": "centre.test", "origin": HOST, "cookie": f"a=b; muster={token}"},
        met,
    )


def test_a_socket_of_our_own_page_is_let_in_with_its_actor(live):
    house, headers, met = live
    assert socket(house, "/live", headers) == [{"type": "websocket.accept"}]
    assert met[0].id == "a-leader"


@pytest.mark.parametrize(
    ("change", "status"), [({"origin": "https://elsewhere.example"}, 403), ({"origin": ""}, 403), ({"cookie": ""}, 401)]
)
def test_a_socket_from_elsewhere_or_without_session_is_refused(live, change, status):
    house, headers, met = live
    said = socket(house, "/live", {**headers, **change})
    assert said[0]["status"] == status
    assert json.loads(said[1]["body"])["status"] == status
    assert socket(house, "/live", {**headers, **change}, extension=False)[0]["type"] == "websocket.close"
    assert met == []


def test_a_page_whose_session_is_over_is_told_so(live):
    house, headers, met = live
    said = socket(house, "/live", {**headers, "cookie": "muster=gone"})
    assert [m["type"] for m in said] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert json.loads(said[1]["text"]) == {"t": "bye", "reason": "session"}
    assert said[2]["code"] == 4401
    assert met == []


def test_a_terminal_may_come_with_a_token_and_without_origin(live):
    house, _, met = live
    said = socket(
        house,
        "/terminal",
        {"host": "centre.test", "authorization": "Bearer fleet-token-0123456789-0123456789-0123456789"},
    )
    assert said == [{"type": "websocket.accept"}]
    assert (met[0].role, met[0].id) == ("source", "s-fleet")
    assert socket(house, "/terminal", {"host": "centre.test", "authorization": "Bearer wrong"})[0]["status"] == 401


def dash_socket(centre, enter, messages: list[Any], *, is_live=lambda session_id: True) -> tuple[list[Any], list[Any]]:
    """Open Dash's socket, send messages; returns (what Dash received, what the browser got)."""
    got, said, waiting = [], [], [{"type": "websocket.connect"}, *messages]

    async def app(scope, receive, send):
        while (message := await receive())["type"] != "websocket.disconnect":
            got.append(message.get("text"))
        got.append(message["code"])

    async def receive():
        if not waiting:
            await asyncio.sleep(30)
        return waiting.pop(0)

    async def send(message):
        said.append(message)

    token = enter("commander").cookies["muster"]
    house = Door(app, centre.accounts, screens=SCREENS, dash=DashStandIn(), is_live=is_live)
    headers = [(b"host", b"centre.test"), (b"origin", HOST.encode()), (b"cookie", f"muster={token}".encode())]
    scope = {"type": "websocket", "path": "/_dash-ws-callback", "query_string": b"", "headers": headers, "client": None}
    asyncio.run(asyncio.wait_for(house(scope, receive, send), 5))
    return got[1:], said


def message(body: Any) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": body if isinstance(body, str) else json.dumps(body)}


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        {"type": "nonsense"},
        {"type": "callback_request"},
        {"type": "callback_request", "requestId": "1", "payload": {**GOOD, "output": "x.y"}},
    ],
)
def test_a_message_dash_would_stumble_over_ends_its_socket(centre, enter, bad):
    good = {"type": "callback_request", "requestId": "1", "payload": GOOD}
    got, said = dash_socket(centre, enter, [message({"type": "heartbeat"}), message(good), message(bad), message(good)])
    assert [json.loads(m)["type"] for m in got[:-1]] == ["heartbeat", "callback_request"]
    assert got[-1] == said[0]["code"] == 1008


def test_dash_s_socket_ends_with_the_session(centre, enter, monkeypatch):
    monkeypatch.setattr("datasource.web.door.CHECK_S", 0.02)
    got, said = dash_socket(centre, enter, [], is_live=lambda session_id: False)
    assert (got, said[0]["code"]) == ([4401], 4401)


def test_there_are_no_other_sockets(live):
    house, headers, _ = live
    assert socket(house, "/wall", headers)[0]["status"] == 404
