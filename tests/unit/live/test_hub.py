"""The hub: follows, folds and tells; and whatever may go wrong with what it follows."""

import asyncio
import json
import time

import pytest

from dashboard.domain import commands as c
from dashboard.domain.errors import Forbidden, Invalid, NotFound
from datasource.memory import MemoryStore
from datasource.web import hub as hub_module
from datasource.web import viewers as viewers_module
from tests.unit.live.hub_scenes import ADMIN, COMMANDER, OTHER, TOWN, WALL, Centre, run, until


@pytest.fixture
def centre() -> Centre:
    return Centre()


@pytest.fixture(autouse=True)
def quick_seconds(monkeypatch):
    monkeypatch.setattr(hub_module, "BEAT_S", 0.1)


def test_a_page_gets_a_snapshot_and_then_what_changes(centre):
    async def test():
        first = centre.report(1)
        async with centre.running():
            page = centre.watch()
            await until(lambda: first in page.cards("incident"))
            (snap,) = page.said("snap")
            assert (snap["v"], snap["seq"], snap["view"], snap["area"], snap["demo"]) == (1, 0, "wall", "4401", False)
            second = centre.report(2)
            centre.relay()
            await until(lambda: second in page.cards("incident"))
            assert page.cards("incident")[second]["v"] <= centre.store.head()
            assert page.picture.summary["incidents"]["open"] == 2
            assert len(page.said("snap")) == 1

    run(test())


def test_all_pages_of_a_view_and_area_are_sent_the_same_objects(centre):
    async def test():
        centre.units("U1")
        async with centre.running():
            one, other, console = centre.watch(), centre.watch(), centre.watch("console")
            await until(lambda: one.messages and other.messages and console.messages)
            centre.report(1)
            centre.relay()
            await until(lambda: one.said("delta") and other.said("delta") and console.said("delta"))
            for mine, theirs in zip(one.messages, other.messages, strict=False):
                assert mine is theirs
            assert one.messages[0] is not console.messages[0]

    run(test())


def test_an_entry_that_is_missing_in_the_stream_is_taken_from_sql(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
            first = centre.report(1)
            head = centre.store.head()
            last = centre.report(2)
            centre.relay(skip=head)  # the first report never reaches the stream
            await until(lambda: last in page.cards("incident"))
            assert first in page.cards("incident")
            assert centre.hub.board.position == centre.store.head()

    run(test())


def test_a_wiped_stream_that_is_published_again_from_further_back_changes_nothing_twice(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            centre.report(1)
            centre.relay()
            await until(lambda: centre.hub.board.position == centre.store.head())
            centre.stream.wipe()
            second = centre.report(2)
            centre.relayed = 0
            centre.relay()
            await until(lambda: second in page.cards("incident"))
            incident = page.cards("incident")[second]
            assert incident["reports"] == 1
            assert len(page.said("snap")) == 1, "nobody had to start over"

    run(test())


def test_without_any_relay_the_screens_follow_sql(centre, monkeypatch):
    monkeypatch.setattr(hub_module, "CATCH_UP_S", 0.05)

    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
            incident = centre.report(1)
            await until(lambda: incident in page.cards("incident"))

    run(test())


def test_a_database_that_was_replaced_gives_a_new_epoch_to_every_page(centre, monkeypatch):
    monkeypatch.setattr(hub_module, "CATCH_UP_S", 0.05)

    async def test():
        old = centre.report(1)
        async with centre.running():
            page = centre.watch()
            await until(lambda: old in page.cards("incident"))
            epoch = page.picture.epoch
            centre.hub._store = MemoryStore()
            await until(lambda: page.picture.epoch != epoch)
            assert page.cards("incident") == {}

    run(test())


def test_an_incident_that_is_reopened_comes_back_with_its_orders(centre):
    async def test():
        centre.units("U1")
        incident = centre.report(1)
        order = centre.do(c.SendOrder(incident_id=incident, unit_id="U1", text="赶赴"))
        centre.do(c.CancelOrder(order_id=order, reason="撤回"))
        centre.do(c.CloseIncident(incident_id=incident))
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
            assert page.cards("incident") == {}
            centre.do(c.ReopenIncident(incident_id=incident, reason="复燃"))
            centre.relayed = centre.hub.board.position
            centre.relay()
            await until(lambda: incident in page.cards("incident"))
            assert page.cards("order")[order]["status"] == "cancelled"

    run(test())


def test_a_change_that_cannot_be_read_does_not_stop_the_ones_behind_it(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            centre.stream.add("changes", b'{"position": 1, "event": {"kind": "from.the_future"}}', id="1-0")
            await until(lambda: centre.hub.board.position == 1)
            centre.report(1)
            centre.relayed = 1
            centre.relay()
            await until(lambda: centre.hub.board.position == centre.store.head())
            assert page.messages

    run(test())


def test_areas_and_views_are_kept_apart(centre):
    async def test():
        async with centre.running():
            here, there, ledger = centre.watch(area=TOWN), centre.watch(area=OTHER), centre.watch("disputes")
            incident = centre.report(1, area=TOWN)
            centre.relay()
            await until(lambda: incident in here.cards("incident"))
            await asyncio.sleep(0.1)
            assert there.cards("incident") == {}
            assert ledger.cards("incident") == {}
            assert "incidents" not in ledger.picture.summary
            assert there.picture.summary["incidents"]["open"] == 0

    run(test())


def test_only_the_console_gets_the_text_of_an_order(centre):
    async def test():
        centre.units("U1")
        incident = centre.report(1)
        async with centre.running():
            wall, console = centre.watch("wall"), centre.watch("console")
            await until(lambda: wall.messages and console.messages)
            order = centre.do(c.SendOrder(incident_id=incident, unit_id="U1", text="从东门进入"))
            centre.relay()
            await until(lambda: order in wall.cards("order") and order in console.cards("order"))
            assert console.cards("order")[order]["text"] == "从东门进入"
            assert "从东门进入" not in "".join(m for m in wall.messages if isinstance(m, str))

    run(test())


@pytest.mark.parametrize(
    ("actor", "view", "area", "refusal"),
    [
        (WALL, "console", "4401", Forbidden),
        (COMMANDER, "wall", "4403", NotFound),
        (COMMANDER, "wall", "44", NotFound),
        (COMMANDER, "wall", "", NotFound),
        (COMMANDER, "kitchen", "4401", NotFound),
        (ADMIN, "wall", "44011", Invalid),
        (ADMIN, "wall", "4401'--", Invalid),
    ],
)
def test_nobody_watches_what_is_not_theirs(centre, actor, view, area, refusal):
    with pytest.raises(refusal):
        centre.hub.subscribe(actor, view, area)
    with pytest.raises(refusal):
        centre.hub.snapshot(actor, view, area)
    assert centre.hub._groups == {}


def test_a_page_that_does_not_read_costs_little_and_gets_one_snapshot_when_it_reads_again(centre):
    async def test():
        async with centre.running() as hub:
            viewer = hub.subscribe(COMMANDER, "wall", "4401")
            assert json.loads(await viewer.next())["t"] == "snap"
            group = viewer.group
            for n in range(1_000):
                group._delta({"alarm": {"a": {"id": "a", "v": n, "title": "x" * 500}}}, {}, {})
                group.frame(b"M" * 10_000)
                assert viewer.waiting <= viewers_module.MAX_CHARS + 10_000
            message = json.loads(await viewer.next())
            assert (message["t"], message["seq"]) == ("snap", group.seq)

    run(test())


def test_a_page_that_reads_slowly_gets_the_newest_places_in_one_frame(centre):
    async def test():
        centre.units("U1")
        async with centre.running() as hub:
            viewer = hub.subscribe(COMMANDER, "wall", "4401")
            assert isinstance(await viewer.next(), str)
            assert isinstance(await viewer.next(), bytes)
            for n in range(viewers_module.MAX_FRAMES + 1):
                viewer.group.frame(b"frame %d" % n)
            frame = await viewer.next()
            assert frame is viewer.group.all_units()

    run(test())


def test_a_page_whose_socket_is_stuck_is_dropped_after_15_seconds(centre):
    async def test():
        async with centre.running() as hub:
            viewer = hub.subscribe(COMMANDER, "wall", "4401")
            viewer.abort = lambda: dropped.append(viewer)
            dropped = []
            await viewer.next()
            viewer.stuck_since = time.monotonic() - hub_module.STUCK_S + 5
            await hub._second()
            assert dropped == []
            viewer.stuck_since = time.monotonic() - hub_module.STUCK_S - 1
            await hub._second()
            assert set(dropped) == {viewer}

    run(test())


def test_beats_go_on_and_the_signs_of_life_age_without_redis(centre):
    async def test():
        centre.vital("pulse")
        async with centre.running() as hub:
            page = centre.watch()
            await until(lambda: page.said("beat"))
            assert hub.status()["following"] is True
            at = page.said("beat")[-1]["vitals"]["pulse"]["at"]
            centre.feed.away = True
            await until(lambda: len(page.said("beat")) >= 3)
            assert hub.status()["following"] is False
            beat = page.said("beat")[-1]
            assert beat["vitals"]["pulse"]["at"] == at
            assert beat["now"] - at >= 200
            centre.feed.away = False
            incident = centre.report(1)
            centre.relay()
            await until(lambda: incident in page.cards("incident"))
            await until(lambda: hub.status()["following"])

    run(test())


def test_a_beat_carries_the_number_of_the_last_delta(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            centre.report(1)
            centre.relay()
            await until(lambda: page.said("beat"))
            last = max(m["seq"] for m in page.said("delta"))
            assert page.said("beat")[-1]["seq"] == last == page.picture.seq

    run(test())


def test_what_a_process_says_of_itself_is_for_the_administrator(centre):
    async def test():
        centre.vital("process:ingest", pid=4711, lag=12)
        async with centre.running():
            wall, admin = centre.watch(), centre.watch("admin", "4401", ADMIN)
            await until(lambda: wall.messages and admin.messages)
            await until(lambda: "process:ingest" in admin.said("beat")[-1]["vitals"] if admin.said("beat") else False)
            assert admin.said("beat")[-1]["vitals"]["process:ingest"]["pid"] == 4711
            assert set(wall.said("beat")[-1]["vitals"]["process:ingest"]) == {"at"}

    run(test())


def test_the_page_of_a_session_that_ends_is_closed_within_two_seconds():
    async def test():
        ended: set[str] = set()
        centre = Centre(is_live=lambda session: session not in ended)
        async with centre.running():
            mine, other = centre.watch(actor=COMMANDER), centre.watch(actor=WALL)
            await until(lambda: mine.messages and other.messages)
            ended.add(COMMANDER.session_id)
            begun = time.monotonic()
            await until(lambda: mine.said("bye"))
            assert time.monotonic() - begun < 2
            assert mine.said("bye") == [{"t": "bye", "reason": "session"}]
            assert mine.viewer.reason == "session"
            assert not other.said("bye")

    run(test())


def test_pages_are_told_when_the_server_goes_away(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
        await until(lambda: page.said("bye"))
        assert page.said("bye")[-1]["reason"] == "restart"

    run(test())


def test_a_gap_is_healed_by_a_snapshot_but_not_more_often_than_once_a_second(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
            page.picture.seq -= 1
            for n in range(50):
                page.viewer.group._delta({"alarm": {"a": {"id": "a", "v": n}}}, {}, {})
                await asyncio.sleep(0)
            await until(lambda: len(page.said("snap")) == 2)
            await asyncio.sleep(0.05)
            assert len(page.said("snap")) == 2
            assert page.picture.seq == page.viewer.group.seq
            assert page.viewer.resyncs == 1

    run(test())


def test_a_storm_of_reconnections_makes_one_snapshot(centre):
    async def test():
        centre.units(*(f"U{n}" for n in range(50)))
        async with centre.running() as hub:
            viewers = [hub.subscribe(WALL, "wall", "4401", f"w{n}") for n in range(200)]
            first = [await v.next() for v in viewers]
            assert all(message is first[0] for message in first)
            places = [await v.next() for v in viewers]
            assert all(frame is places[0] for frame in places)

    run(test())


def test_counters_are_sent_at_most_five_times_a_second(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.messages)
            begun = time.monotonic()
            for n in range(60):
                centre.report(n)
                centre.relay()
                await asyncio.sleep(0.01)
            await until(lambda: page.picture.summary["incidents"]["open"] == 60)
            took = time.monotonic() - begun
            told = [m for m in page.said("delta") if "incidents" in m.get("summary", {})]
            assert 1 <= len(told) <= 15 * took + 3, "five a second, and one with every beat"
            assert len([m for m in page.said("delta") if "put" in m]) > len(told)

    run(test())


def test_the_administrator_sees_who_is_watching(centre):
    async def test():
        async with centre.running() as hub:
            page = centre.watch("wall", TOWN, WALL, client="lobby")
            await until(lambda: page.messages)
            page.viewer.ack, page.viewer.ack_at = {"seq": 0, "fps": 58, "skew": -3}, 1_000
            (row,) = hub.viewers()
            assert (row["client"], row["view"], row["area"], row["actor"]) == ("lobby", "wall", TOWN, "wall:wall-1")
            assert (row["fps"], row["skew"], row["ack_at"]) == (58, -3, 1_000)
            assert hub.status()["viewers"] == 1
            await page.close()
            assert hub.viewers() == []

    run(test())


def test_snapshots_of_a_thousand_areas_do_not_pile_up(centre):
    async def test():
        async with centre.running():
            page = centre.watch()
            await until(lambda: page.said("snap"))
            for n in range(1000):
                centre.hub.snapshot(ADMIN, "wall", f"44{n:04d}")
            assert len(centre.hub._groups) <= hub_module.MOST_GROUPS
            first = centre.report(1)
            centre.relay()
            await until(lambda: first in page.cards("incident"))

    run(test())
