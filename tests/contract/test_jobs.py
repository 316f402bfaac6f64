"""What the wake-up call promises, in memory and through RQ on a real Redis."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rq import Queue, SimpleWorker

from datasource.jobs import RqJobs, job_id, queue_name
from datasource.memory import MemoryJobs
from datasource.stream import connect
from tests.fixtures_store import RedisServer
from workers import deliver

Took = list[tuple[str, int]]
Scene = tuple[Any, Callable[[str], Took], Callable[[], None]]


class Delivery:
    """Stands in for the delivery: notes its jobs, and fails when it is told to."""

    def __init__(self) -> None:
        self.took: Took = []
        self.failing = False

    def deliver(self, order_id: str, attempt: int) -> str:
        self.took.append((order_id, attempt))
        if self.failing:
            raise RuntimeError("worker broken")
        return "sent"


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    """What RQ's jobs of this process deliver with."""
    found = Delivery()
    deliver.install(found)  # type: ignore[arg-type]
    yield found
    deliver.install(None)


def rq_scene(server: RedisServer, delivery: Delivery) -> Scene:
    client = connect(server.url)

    def work(destination: str) -> Took:
        delivery.took.clear()
        SimpleWorker([Queue(queue_name(destination), connection=client)], connection=client).work(
            burst=True, logging_level="CRITICAL"
        )
        return list(delivery.took)

    return RqJobs(client), work, server.wipe


@pytest.fixture(params=["memory", pytest.param("rq", marks=pytest.mark.integration)])
def scene(request: pytest.FixtureRequest, delivery: Delivery) -> Scene:
    """The jobs, a way to work off a destination, and a way to lose everything."""
    if request.param == "memory":
        jobs = MemoryJobs()
        return jobs, jobs.take, jobs.wipe
    return rq_scene(request.getfixturevalue("redis_server"), delivery)


def test_asking_twice_is_asking_once(scene: Scene) -> None:
    jobs, work, _ = scene
    jobs.enqueue("terminal", "O1", 1)
    jobs.enqueue("terminal", "O1", 1)
    jobs.enqueue("terminal", "O1", 2)
    jobs.enqueue("sms", "O2", 1)
    assert work("terminal") == [("O1", 1), ("O1", 2)]
    assert work("terminal") == []
    assert work("sms") == [("O2", 1)]


def test_what_was_done_may_be_asked_for_again(scene: Scene) -> None:
    jobs, work, _ = scene
    jobs.enqueue("terminal", "O1", 1)
    assert work("terminal") == [("O1", 1)]
    jobs.enqueue("terminal", "O1", 1)
    assert work("terminal") == [("O1", 1)]


def test_what_was_lost_may_be_asked_for_again(scene: Scene) -> None:
    jobs, work, wipe = scene
    jobs.enqueue("terminal", "O1", 1)
    wipe()
    assert work("terminal") == []
    jobs.enqueue("terminal", "O1", 1)
    assert work("terminal") == [("O1", 1)]


@pytest.mark.integration
@pytest.mark.slow
def test_a_job_that_failed_soon_gives_its_id_free(redis_server: RedisServer, delivery: Delivery) -> None:
    jobs, work, _ = rq_scene(redis_server, delivery)
    delivery.failing = True
    jobs.enqueue("terminal", "O1", 1)
    assert set(work("terminal")) == {("O1", 1)}
    delivery.failing = False
    deadline = time.monotonic() + 5
    while not (again := (jobs.enqueue("terminal", "O1", 1), work("terminal"))[1]):
        assert time.monotonic() < deadline, "the failed job still holds its id"
        time.sleep(0.2)
    assert again == [("O1", 1)]


@pytest.mark.integration
def test_a_waiting_job_does_not_hold_its_id_for_ever(redis_server: RedisServer, delivery: Delivery) -> None:
    jobs, _, _ = rq_scene(redis_server, delivery)
    jobs.enqueue("terminal", "O1", 1)
    with connect(redis_server.url) as client:
        assert 0 < client.ttl(f"rq:job:{job_id('O1', 1)}") <= 600
