"""Names, telephone numbers and addresses of persons never lie anywhere in clear, and what was erased stays unreadable.

A whole instance is told about planted persons through every way in: sources, people at the desk, terminals, requests that are
refused, facts that are buried.  Then it is killed where it stands, so that write-ahead logs and half-written files stay
behind, and every byte below its home folder is searched.
"""

import base64
import contextlib
import gzip
import json
import os
import re
import signal
import sqlite3
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dashboard.access import VIEWS
from dashboard.domain.errors import NotFound
from datasource.bootstrap import Backend, open_backend
from datasource.settings import load
from tests.harness import Instance, wait_for
from tests.integration.people import Person, accepted, now

pytestmark = pytest.mark.integration

AREA = "440112"
TITLE = "科丰路仓储区冒烟"
"""What may be read: proof that the search finds what is there."""


def person(surname: str, n: int) -> dict[str, str]:
    """Make up somebody whose every line appears nowhere else."""
    name = f"{surname}知遥"
    return {"name": name, "phone": f"13{n}1{n}4{7100 + n}", "address": f"石化路{880 + n}号金桂苑{surname}栋1204房"}


CALLER, CLOSER, PARTY, OTHER_PARTY = person("梁", 1), person("覃", 2), person("麦", 3), person("阮", 4)
DESK_CALLER, FORM_CALLER, REFUSED, BROKEN = person("邝", 5), person("岑", 6), person("甄", 7), person("冼", 8)
UNLUCKY = person("佘", 9)
PEOPLE = (CALLER, CLOSER, PARTY, OTHER_PARTY, DESK_CALLER, FORM_CALLER, REFUSED, BROKEN, UNLUCKY)


def numbers(n: int) -> str:
    """Write a mobile and an identity number into a sentence; each call of another ``n`` plants others."""
    return f"请回电 13{600_000_000 + n * 111_111} ，证件 4401061988091{n}10{n}X 。"


def planted() -> dict[str, str]:
    """Return everything that must not be found, with the words to say where it came from."""
    found = {f"{who['name']} {line}": value for who in PEOPLE for line, value in who.items()}
    for n in range(TEXTS):
        mobile, identity = re.findall(r"\d{17}X|\d{11}", numbers(n))
        found |= {f"mobile number of text {n}": mobile, f"identity number of text {n}": identity}
    return found


TEXTS = 9
STATIC = "static"
(IN_REPORT, IN_DESK_REPORT, IN_FORM, IN_NOTE, IN_STATUS, IN_DISPUTE, IN_PLACE, IN_DEAD, IN_STEP) = range(TEXTS)


# --- looking ---------------------------------------------------------------------------------------------


def forms(value: str) -> set[bytes]:
    """Return how a value may be written in a file: plain, escaped for JSON or a URL, in base64 at each alignment …"""
    raw = value.encode()
    escaped = json.dumps(value)[1:-1]
    found = {raw, escaped.encode(), escaped.upper().replace("\\U", "\\u").encode(), json.dumps(escaped)[1:-1].encode()}
    found |= {value.encode("utf-16-le"), value.encode("gb18030"), raw.hex().encode(), raw.hex().upper().encode()}
    quoted = urllib.parse.quote(value)
    found |= {quoted.encode(), quoted.lower().encode()}
    found.add(repr(raw)[2:-1].encode())
    for written in (raw, escaped.encode()):
        for shift in range(3):
            code = base64.b64encode(b"\0" * shift + written)
            # The first and the last characters depend on what stands beside the value.
            inner = code[(0, 2, 3)[shift] : len(code) - 4]
            found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in found if len(form) >= 8}


class Search:
    """Looks for values in piles of bytes."""

    def __init__(self, wanted: dict[str, str]) -> None:
        self._forms = {label: forms(value) for label, value in wanted.items()}

    def __call__(self, pile: bytes) -> list[str]:
        """Return the labels of what was found."""
        return [label for label, found in self._forms.items() if any(form in pile for form in found)]


def piles(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder, then what is inside those that hide it: compressed ones, databases.

    Not unpacked are the copies of what every browser gets from ``assets/`` and from packages.
    """
    files = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}
    for path, content in files.items():
        yield str(path.relative_to(home)), content
    for path, content in files.items():
        if path.suffix == ".gz" and STATIC not in path.parts:
            yield f"{path.relative_to(home)} unpacked", gzip.decompress(content)
        if content.startswith(b"SQLite format 3\0"):
            # A long value may be cut in two by the pages of the file.  Looking tidies the log away, hence last.
            with contextlib.closing(sqlite3.connect(path)) as connection:
                yield f"{path.relative_to(home)} dumped", dump(connection)


def dump(connection: sqlite3.Connection) -> bytes:
    """Return every value of every table."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = (row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"'))
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


# --- what happened ---------------------------------------------------------------------------------------


@dataclass
class Story:
    """What the instance was told, and everything it has shown."""

    instance: Instance
    incident: str = ""
    desk_incident: str = ""
    form_incident: str = ""
    screens: dict[str, bytes] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """An instance that has been told everything, was killed, searched and started again."""
    instance = Instance(tmp_path_factory.mktemp("m") / "home", env={"MUSTER_LOG_LEVEL": "debug"}).start()
    told = Story(instance)
    try:
        tell(told)
        kill_everything(instance)
        told.files = list(piles(instance.home))
        instance.start()
        yield told
    finally:
        instance.stop()


def tell(told: Story) -> None:
    """Tell the instance about persons in every way there is."""
    instance = told.instance
    police, ledger, fleet = (instance.token(source) for source in ("s-110", "s-ledger", "s-fleet"))
    commander, wall, admin = (Person(instance, role) for role in ("commander", "wall", "administrator"))
    with commander.watching("console") as console, wall.watching("wall") as big_screen:
        said_by_sources(instance, police, ledger, fleet)
        told.desk_incident = commander.do(
            "OpenIncident",
            key="telephone-1",
            category="fire",
            severity=2,
            title="电话报警",
            area=AREA,
            text=numbers(IN_DESK_REPORT),
            reporter=DESK_CALLER,
        )
        told.form_incident = fill_in_the_form(commander)
        commander.do("AddNote", incident_id=told.desk_incident, text=numbers(IN_NOTE))
        move_the_case(Person(instance, "mediator"))
        told.incident = wait_for(lambda: by_title(commander, TITLE), 15, what="the report is an incident")
        refused(told, instance, police)
        outage(instance, police)
        wait_for(lambda: TITLE.encode() in b"".join(big_screen), 15, what="the incident is on the wall")
        wait_for(lambda: buried(instance), 15, what="a dead letter")
        told.screens |= {"live console": b"\n".join(console), "live wall": b"\n".join(big_screen)}
    for view in VIEWS:
        if view != "unit":
            told.screens[f"snapshot {view}"] = json.dumps(admin.snapshot(view), ensure_ascii=False).encode()
    told.screens["snapshot wall for a wall"] = wall.get("/snapshot?view=wall").body
    for path in ("/incidents", "/alarms", "/camera-alerts", *(f"/incidents/{id}" for id in ids_of(told))):
        told.screens[path] = commander.get(f"/api/v1{path}").body
    told.before = commander.incident(told.incident)


def said_by_sources(instance: Instance, police: str, ledger: str, fleet: str) -> None:
    """Post what sources post."""
    report = {
        "category": "fire",
        "title": TITLE,
        "area": AREA,
        "occurred_at": now(),
        "external_ref": "110-1",
        "text": numbers(IN_REPORT),
        "place_name": f"科丰路 {numbers(IN_PLACE)}",
        "reporter": CALLER,
    }
    accepted(instance, police, "/reports", report)
    closing = {"category": "fire", "area": AREA, "occurred_at": now(), "external_ref": "110-none", "closed": True}
    accepted(instance, police, "/reports", {**closing, "reporter": CLOSER, "text": numbers(IN_DEAD)})
    case = {
        "title": f"楼上漏水，{numbers(IN_DISPUTE)}",
        "category": "neighbour",
        "area": AREA,
        "accepted_at": now(),
        "external_ref": "case-1",
        "parties": [PARTY, OTHER_PARTY],
    }
    accepted(instance, ledger, "/disputes", case)
    accepted(instance, fleet, "/units", {"units": [{"unit_id": "U1", "name": "一组", "kind": "fire", "area": AREA}]})
    status = {"unit_id": "U1", "on_duty": True, "occurred_at": now(), "reason": numbers(IN_STATUS)}
    accepted(instance, fleet, "/unit-status", status)


def fill_in_the_form(who: Person) -> str:
    """Take a report in the form of the console, as its page sends it; returns the incident."""
    listed = json.loads(who.get("/_dash-dependencies").body)
    form = next(one for one in listed if [i["id"] for i in one["inputs"]] == ["report-send"])
    filled = {
        "report-category": "fire",
        "report-severity": 2,
        "report-title": "表单报警",
        "report-text": numbers(IN_FORM),
        "report-lat": "23.1065",
        "report-lon": "113.4592",
        "report-caller": FORM_CALLER["name"],
        "report-phone": FORM_CALLER["phone"],
    }
    body = {
        "output": form["output"],
        "outputs": [
            dict(zip(("id", "property"), one.split("@")[0].rsplit(".", 1), strict=True))
            for one in form["output"].strip(".").split("...")
        ],
        "inputs": [{**one, "value": 1} for one in form["inputs"]],
        "state": [{**one, "value": filled.get(one["id"])} for one in form["state"]],
        "changedPropIds": ["report-send.n_clicks"],
    }
    headers = {"Cookie": who.cookie, "Origin": who.instance.url, "Content-Type": "application/json"}
    reply = who.instance.ask("POST", "/_dash-update-component", headers=headers, body=json.dumps(body).encode())
    assert reply.status == 200, reply
    result = reply.json()["response"]["console-result"]["data"]
    assert result["ok"], result
    return str(result["select"])


def move_the_case(mediator: Person) -> None:
    """Take the next step of the case, with words about it."""
    found = wait_for(lambda: mediator.snapshot("disputes")["cards"].get("dispute"), 15, what="the case")
    (case,) = found.values()
    following = case["steps"][case["steps"].index(case["step"]) + 1]
    mediator.do("TakeDisputeStep", dispute_id=case["id"], step=following, text=numbers(IN_STEP))


def refused(told: Story, instance: Instance, police: str) -> None:
    """Send what the door does not take: its answers are for the sender, and nothing of them stays."""
    wrong = {"category": REFUSED["name"], "title": 7, "occurred_at": now(), "reporter": {**REFUSED, "phone": 139}}
    assert instance.post("/reports", wrong, token=police).status == 422
    unknown = {"category": REFUSED["name"], "area": AREA, "occurred_at": now(), "reporter": REFUSED}
    assert instance.post("/reports", unknown, token=police).status == 422
    assert instance.post("/reports", {**unknown, REFUSED["name"]: REFUSED["address"]}, token=police).status == 422
    assert instance.post("/reports", {**unknown, "category": "fire"}, token="not-a-token").status == 401
    cut = json.dumps({"category": "fire", "reporter": BROKEN}, ensure_ascii=False).encode()[:-3]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {police}"}
    assert instance.ask("POST", "/api/v1/reports", headers=headers, body=cut).status == 400
    callback = {"output": BROKEN["name"], "inputs": [{"id": "x", "property": "value", "value": BROKEN}]}
    who = Person(instance, "duty_officer")
    headers = {"Cookie": who.cookie, "Origin": instance.url, "Content-Type": "application/json"}
    reply = instance.ask("POST", "/_dash-update-component", headers=headers, body=json.dumps(callback).encode())
    assert reply.status == 422, reply


def outage(instance: Instance, police: str) -> None:
    """Report while Redis has just been killed: what is logged then must not quote the request."""
    os.kill(instance.pid_of("redis"), signal.SIGKILL)
    report = {"category": "fire", "area": AREA, "occurred_at": now(), "external_ref": "110-2", "reporter": UNLUCKY}
    accepted(instance, police, "/reports", report, 30)


def by_title(who: Person, title: str) -> str:
    rows = who.get("/api/v1/incidents").json()["incidents"]
    return next((row["id"] for row in rows if row["title"] == title), "")


def ids_of(told: Story) -> list[str]:
    return [told.incident, told.desk_incident, told.form_incident]


def buried(instance: Instance) -> list[Any]:
    backend = backend_of(instance)
    try:
        with backend.store.reading() as reader:
            return reader.dead_letters()
    finally:
        backend.close()


def backend_of(instance: Instance) -> Backend:
    """Open the instance's data as another process of it would."""
    return open_backend(load(instance.env))


def kill_everything(instance: Instance) -> None:
    """kill -9 of every process at once."""
    for pid in instance.processes():
        os.kill(pid, signal.SIGKILL)
    assert instance.process is not None
    instance.process.wait(10)
    instance.process = None
    wait_for(lambda: not instance.processes(), 10, what="all processes gone")


# --- the tests -------------------------------------------------------------------------------------------


def test_the_search_finds_a_value_in_every_form_it_may_take(tmp_path: Path) -> None:
    value = CALLER["address"]
    ways = {
        "plain": value.encode(),
        "json": json.dumps({"a": value}).encode(),
        "json in json": json.dumps(json.dumps({"a": value})).encode(),
        **{f"base64 after {n}": base64.b64encode(b"x" * n + value.encode() + b"yz") for n in range(4)},
        "base64 of json": base64.b64encode(json.dumps({"name": value}).encode()),
        "url": urllib.parse.urlencode({"a": value}).encode(),
        "utf-16": value.encode("utf-16"),
        "logged bytes": repr(value.encode()).encode(),
    }
    search = Search({"other": PARTY["name"], "it": value})
    assert {way: search(b"before" + pile + b"after") for way, pile in ways.items()} == {way: ["it"] for way in ways}
    assert search("石化路，知遥".encode() * 100) == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.gz").write_bytes(gzip.compress(value.encode()))
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.executescript(f"PRAGMA page_size=512; CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('{value}');")
    found = {name for name, pile in piles(tmp_path) if search(pile)}
    assert found >= {"deep/x.gz unpacked", "x.db dumped"}


def test_no_file_of_an_instance_holds_a_person_in_clear(story: Story) -> None:
    search = Search(planted())
    assert {name: found for name, pile in story.files if (found := search(pile))} == {}
    # The same search finds what may be read, where it must be.
    search = Search({"title": TITLE})
    known = [name for name, pile in story.files if search(pile)]
    assert any(name.startswith("redis/appendonlydir/") for name in known), known
    assert "data/muster.db" in known or "data/muster.db-wal" in known, known
    assert "data/muster.db dumped" in known, known
    assert any(name.endswith("-wal") for name, _ in story.files), "killed where it stood, so its log is among the files"
    assert any(name.startswith("log/web.log") for name, _ in story.files)


def test_no_screen_and_no_answer_shows_a_person_in_clear(story: Story) -> None:
    search = Search(planted())
    assert {name: found for name, shown in story.screens.items() if (found := search(shown))} == {}
    search = Search({"title": TITLE})
    for name in ("live wall", "live console", "snapshot wall", "snapshot console", "/incidents"):
        assert search(story.screens[name]), f"{name} shows the incident at all"


def test_numbers_in_free_text_keep_their_first_and_last_digits(story: Story) -> None:
    text = story.before["incident"]["text"]
    assert "136****0000" in text
    assert "440***********100X" in text


def test_what_was_sealed_opens_with_the_key_of_the_case_and_with_nothing_once_it_is_erased(story: Story) -> None:
    instance = story.instance
    commander = Person(instance, "commander")
    backend = backend_of(instance)
    try:
        with backend.store.reading() as reader:
            boxes = {id: reader.load("incident", id).reporter for id in ids_of(story)}
        assert backend.vault.open(boxes[story.incident].key_id, boxes[story.incident].box) == CALLER
        assert backend.vault.open(boxes[story.desk_incident].key_id, boxes[story.desk_incident].box) == DESK_CALLER

        said = instance.muster("erase", story.incident)
        assert story.incident in said and CALLER["name"] not in said

        with pytest.raises(NotFound) as gone:
            backend.vault.open(boxes[story.incident].key_id, boxes[story.incident].box)
        assert gone.value.key == "erased"
        assert backend.vault.open(boxes[story.desk_incident].key_id, boxes[story.desk_incident].box) == DESK_CALLER
    finally:
        backend.close()
    after = commander.incident(story.incident)
    assert after["incident"] == story.before["incident"]
    assert story.incident in commander.snapshot("console")["cards"]["incident"]
    commander.do("TakeIncident", incident_id=story.incident)
    commander.do("CloseIncident", incident_id=story.incident, outcome="resolved")
    wait_for(
        lambda: story.incident not in commander.snapshot("console")["cards"]["incident"], 10, what="closed and gone"
    )
