"""Every process is killed at random under load, Redis included, and Redis forgets: nothing accepted is lost, and nothing happens twice.

``MUSTER_TEST_CHAOS_S`` sets how long the load lasts (35 s by default), ``MUSTER_TEST_CHAOS_SEED`` the seed.  The last three tests take
one safeguard out each and expect the checker to notice: a checker that cannot fail proves nothing.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.chaos.chaos import PROFILE, TARGETS, Run, idle_strikes
from tests.chaos.sabotage import SETTINGS, publish_after_commit
from tests.chaos.workshop import CHECKOUT, Workshop, until

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]

SECONDS = float(os.environ.get("MUSTER_TEST_CHAOS_S", "35"))
SEED = int(os.environ.get("MUSTER_TEST_CHAOS_SEED", "7"))


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    shops: list[Workshop] = []

    def make(sabotage: str = "") -> Workshop:
        runner = (str(CHECKOUT / "tests" / "chaos" / "sabotage.py"), sabotage) if sabotage else ("-m",)
        shops.append(Workshop(tmp_path / "m", runner=runner, parameters=PROFILE))
        return shops[-1].start()

    yield make
    for shop in shops:
        shop.stop()


def play(shop: Workshop, seconds: float, targets: Sequence[str] = TARGETS, settle_s: float = 60) -> Run:
    until(lambda: "pulse" in _vitals(shop), 30, what="the first pulse")

    async def told() -> Run:
        run = Run(shop, seconds=seconds, seed=SEED, targets=targets, settle_s=settle_s)
        await run.play()
        return run

    return asyncio.run(told())


def _vitals(shop: Workshop) -> dict:
    with shop.backend.store.reading() as reader:
        return reader.vitals()


def test_nothing_accepted_is_lost_and_nothing_happens_twice_whoever_is_killed(open_shop):
    shop = open_shop()
    run = play(shop, SECONDS)
    strikes = run.ledger.strikes
    print(
        f"\n{len(run.ledger.reports)} reports, {len(run.ledger.orders)} orders, {run.shop.backend.store.head()} events, kills {dict(Counter(s.target for s in strikes))},"
    )
    print(
        f"{sum(bool(s.in_flight) for s in strikes)} of {len(strikes)} kills struck work in flight ({sum(s.facts for s in strikes)} facts, {sum(s.orders for s in strikes)} orders)"
    )
    assert run.findings() == []
    assert {s.target for s in strikes} == set(TARGETS)
    assert idle_strikes(strikes) == []
    assert sum(s.facts for s in strikes) > 0
    assert sum(s.orders for s in strikes) > 0
    assert sum(bool(s.in_flight) for s in strikes) >= len(strikes) // 2
    assert len(run.ledger.orders) > SECONDS / 2
    assert len(run.ledger.reports) > SECONDS * 5


def test_the_checker_notices_when_any_attempt_may_be_claimed(open_shop):
    run = play(open_shop("attempt"), 6, targets=("deliver",), settle_s=8)
    assert any("claimed" in f or "came again" in f for f in run.findings())


def test_the_checker_notices_when_the_offset_leaves_the_transaction(open_shop):
    run = play(open_shop("offset"), 15, targets=("ingest",), settle_s=8)
    assert any("accepted reports are lost" in f for f in run.findings())


def test_the_checker_notices_when_the_outbox_is_written_after_the_commit(open_shop, monkeypatch):
    shop = open_shop("outbox")
    store = type(shop.backend.store)
    monkeypatch.setattr(store, "transaction", store.transaction)  # put back after the test
    SETTINGS[:] = [shop.settings]
    publish_after_commit(store)
    run = play(shop, 12, targets=("ingest", "redis"), settle_s=8)
    assert any("a hub saw" in f for f in run.findings())
