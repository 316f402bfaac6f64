"""The plain pages: signing in and out, one-time links, the home page, pairing a telephone, health."""

import asyncio
import re
from html import unescape

import msgspec
import pytest

from dashboard.i18n import text
from datasource.web.pages import safe_next
from tests.web.house import Visitor, house

PASSWORD = "correct horse 7"


@pytest.fixture
def people(centre):
    for name, role in (("li", "commander"), ("zhao", "leader"), ("wall1", "wall"), ("tiao", "mediator")):
        centre.accounts.create_account(name, f"名{name}", role, "4401", PASSWORD)
    return centre


def sign_in(visitor: Visitor, name: str, *, there: str = "", password: str = PASSWORD):
    return visitor.post("/sign-in", data={"username": name, "password": password, "next": there})


def test_signing_in_leads_to_where_the_visitor_wanted_to_go(people, visitor):
    answer = sign_in(visitor, "li", there="/console?inc=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console?inc=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("muster=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert visitor.get("/console").status_code == 200


def test_the_cookie_is_secure_under_tls(people):
    visitor = Visitor(people.door)
    answer = visitor.post(
        "https://centre.test/sign-in",
        data={"username": "li", "password": PASSWORD},
        headers={"origin": "https://centre.test"},
    )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
        "/sign-out",
        "/a\r\nb",
        "wall",
        "\\\\x",
    ],
)
def test_signing_in_never_leads_elsewhere(people, visitor, there):
    assert sign_in(visitor, "li", there=there).headers["location"] == "/"
    assert safe_next(there) == ""


def test_whoever_has_one_screen_goes_straight_to_it(people):
    for name, place in (("wall1", "/wall"), ("tiao", "/disputes"), ("li", "/")):
        assert sign_in(Visitor(people.door), name).headers["location"] == place


def test_a_wrong_password_shows_the_form_again_with_the_reason(people, visitor):
    answer = sign_in(visitor, "li", password="wrong", there="/wall")
    assert answer.status_code == 401
    assert text("access.refused") in answer.text
    assert 'value="li"' in answer.text
    assert 'value="/wall"' in answer.text
    assert "set-cookie" not in answer.headers


def test_too_many_wrong_passwords_bring_a_pause(people, visitor):
    for _ in range(5):
        assert sign_in(visitor, "li", password="wrong").status_code == 401
    answer = sign_in(visitor, "li")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert text("access.wait", wait_min=15) in answer.text


def test_what_a_visitor_types_cannot_become_part_of_the_page(visitor):
    answer = sign_in(visitor, '"><script>alert(1)</script>', there='/x"><script>')
    assert "<script>" not in answer.text


def test_signing_out_ends_the_session(people, visitor):
    sign_in(visitor, "li")
    stolen = Visitor(people.door)
    stolen.cookies.set("muster", visitor.cookies["muster"])
    assert visitor.post("/sign-out").headers["location"] == "/sign-in"
    assert "muster" not in visitor.cookies
    assert stolen.get("/console").status_code == 303


def test_a_one_time_link_signs_in_once(people, visitor):
    link = f"/go/{people.accounts.one_time_link('li')}"
    assert visitor.ask("HEAD", link).status_code == 405
    assert visitor.get(link, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    answer = visitor.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert visitor.get("/console").status_code == 200
    again = Visitor(people.door).get(link)
    assert again.status_code == 410
    assert text("page.link_spent_hint") in again.text
    assert "set-cookie" not in again.headers


def test_the_home_page_offers_what_the_visitor_may_open_and_nothing_else(people):
    for name, cards in (
        ("li", ["/wall", "/console", "/disputes"]),
        ("zhao", ["/wall", "/disputes"]),
        ("tiao", ["/disputes"]),
    ):
        visitor = Visitor(people.door)
        sign_in(visitor, name)
        page = visitor.get("/").text
        assert re.findall(r'<a href="(/\w+)"><b>', page) == cards
        assert f"名{name}" in page
        assert ("pair" in page) == (name == "li")


def test_the_language_can_be_chosen_and_stays(people, visitor):
    assert text("page.sign_in", "zh-CN") in visitor.get("/sign-in", headers={"Accept-Language": "zh"}).text
    chosen = visitor.get("/sign-in?lang=en", headers={"Accept-Language": "zh"})
    assert '<html lang="en"' in chosen.text
    assert text("page.username", "en") in chosen.text
    assert text("page.username", "en") in visitor.get("/sign-in", headers={"Accept-Language": "zh"}).text
    assert (
        '<html lang="zh-CN"'
        in visitor.get("/sign-in?lang=klingon", headers={"Accept-Language": "zh", "cookie": ""}).text
    )


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_no_page_shows_a_text_key_or_an_unfilled_value(people, lang):
    people.register("U7")
    visitor = Visitor(people.door)
    pages = [
        visitor.get(f"/sign-in?lang={lang}"),
        visitor.get("/go/nothing"),
        visitor.get("/pair/nothing"),
        visitor.get("/nothing"),
    ]
    sign_in(visitor, "li")
    offer = visitor.post("/pair", data={"unit_id": "U7"})
    pages += [visitor.get("/"), visitor.get("/unit"), offer, visitor.post("/pair", data={"unit_id": "U8"})]
    pages.append(visitor.get(re.search(r"/pair/[\w-]+", offer.text)[0]))
    assert [p.status_code for p in pages] == [200, 410, 410, 404, 200, 403, 200, 422, 200]
    for page in pages:
        shown = unescape(re.sub(r"<(style|head).*?</\1>|<[^>]+>", " ", page.text, flags=re.DOTALL))
        assert not re.search(r"\b(page|problem|role|access|ui|reason)\.\w+", shown), shown
        assert not re.search(r"[{}]|—|None|undefined", shown), shown


def test_a_commander_makes_a_pairing_code_and_a_telephone_uses_it_once(people):
    people.register("U7")
    desk, phone = Visitor(people.door), Visitor(people.door)
    sign_in(desk, "li")
    offer = desk.post("/pair", data={"unit_id": "U7"})
    link = unescape(re.search(r'id="pair-link" href="([^"]+)"', offer.text)[1])
    assert link.startswith("http://centre.test/pair/")
    assert "<svg" in offer.text
    path = link.removeprefix("http://centre.test")
    for _ in range(2):  # looking does not spend it: scanners and messengers open links on their own
        assert "应急 U7" in phone.get(path).text
    answer = phone.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/unit")
    assert phone.get("/unit").status_code == 200
    assert phone.get("/wall").status_code == 403
    assert Visitor(people.door).post(path).status_code == 410
    assert people.seen[-1].unit_id == "U7"


def test_only_units_in_the_area_of_the_commander_can_be_paired(people, visitor):
    people.register("U7", area="310101")
    sign_in(visitor, "li")
    assert visitor.post("/pair", data={"unit_id": "U7"}).status_code == 422


@pytest.mark.parametrize("name", ["zhao", "tiao"])
def test_others_cannot_pair(people, visitor, name):
    people.register("U7")
    sign_in(visitor, name)
    assert visitor.post("/pair", data={"unit_id": "U7"}).status_code == 403
    assert Visitor(people.door).post("/pair", data={"unit_id": "U7"}).status_code == 401


def test_a_form_of_another_kind_is_refused(people, visitor):
    sign_in(visitor, "li")
    assert visitor.post("/pair", json={"unit_id": "U7"}).status_code == 415


# --- health ------------------------------------------------------------------------------------


def beat(centre, name: str, **detail) -> None:
    body = {"key": name, "at": centre.clock.now(), "detail": detail}
    centre.stream.add("vitals", msgspec.json.encode(body))


def everything_beats(centre) -> None:
    for name in ("ingest", "track", "relay", "watch", "gateway"):
        beat(centre, f"process:{name}", pid=1, beat=7, lag=0, note="")
    beat(centre, "pulse")


def test_healthz_answers_anybody(visitor):
    assert visitor.get("/healthz").json()["alive"] is True


def test_readyz_is_200_only_while_everything_is_well(centre, visitor):
    assert visitor.get("/readyz").status_code == 503
    everything_beats(centre)
    answer = visitor.get("/readyz")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["processes"]["ingest"] == {"ok": True, "age_ms": 0, "pid": 1, "beat": 7, "lag": 0, "note": ""}
    assert body["facts"] == {"ok": True, "waiting": 0, "pressure": "", "loop_lag_ms": 0}
    assert body["database"]["ok"] is True
    assert body["redis"]["durable"] is True


@pytest.mark.parametrize("silent", ["process:ingest", "process:gateway", "pulse"])
def test_a_process_that_falls_silent_makes_the_instance_not_ready(centre, visitor, silent):
    everything_beats(centre)
    beat(centre, "process:deliver-terminal", pid=2)
    centre.clock.advance(6_000)
    everything_beats(centre)
    assert visitor.get("/readyz").json()["processes"]["deliver-terminal"]["ok"] is False
    beat(centre, "process:deliver-terminal", pid=2)
    assert visitor.get("/readyz").status_code == 200
    centre.clock.advance(6_000)
    for name in ("ingest", "track", "relay", "watch", "gateway", "deliver-terminal"):
        if silent != f"process:{name}":
            beat(centre, f"process:{name}")
    if silent != "pulse":
        beat(centre, "pulse")
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    body = answer.json()
    part = body["pulse"] if silent == "pulse" else body["processes"][silent.removeprefix("process:")]
    assert (part["ok"], part["age_ms"]) == (False, 6_000)


def test_readyz_shows_a_store_that_is_away_and_further_checks(tmp_path):
    with house(tmp_path, checks={"hub": lambda: (False, {"viewers": 3})}) as centre:
        everything_beats(centre)
        body = Visitor(centre.door).get("/readyz").json()
        assert (body["ready"], body["hub"]) == (False, {"ok": False, "viewers": 3})

        def away():
            from datasource.errors import Unavailable

            raise Unavailable("database: away")

        centre.store.head = away  # type: ignore[method-assign]
        report = asyncio.run(centre.routes.health.report())
        assert report["database"] == {"ok": False, "fault": "database: away"}
